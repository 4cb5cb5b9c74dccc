/** Operations over many jobs: the same request until all is done, with a bar, and an end on Ctrl-C between two slices. */
import type { OperatorRequest } from '../operations/request.ts';
import { Failure } from './failure.ts';
import { onInterrupt } from './interrupt.ts';
import { progress } from './progress.ts';
import type { AskOptions, Target } from './target.ts';

/** As many as the queue itself names. */
const MOST_REFUSALS = 20;

export interface BulkCall {
  /** Label of the progress bar. Its total comes from a preview. */
  readonly what: string;
  readonly total: number;
  readonly quiet: boolean;
  /** The request for what is left after `changed`; null: nothing is. */
  request(changed: number): Extract<OperatorRequest, { action: 'cancel' | 'replay' }> | null;
}

export interface BulkResult {
  readonly changed: number;
  readonly skipped: number;
  /** `false`: it was interrupted. */
  readonly done: boolean;
  readonly refusals: readonly { readonly id: string; readonly holder: string }[];
}

/** Throws Failure if rows stay locked. */
export async function inBulk(target: Target, { what, total, quiet, request }: BulkCall): Promise<BulkResult> {
  const interrupt = onInterrupt();
  const shown = progress(what, total, { quiet });
  let [changed, skipped] = [0, 0];
  let refusals: BulkResult['refusals'] = [];
  const result = (done: boolean) => ({ changed, skipped, done, refusals });
  try {
    for (;;) {
      const next = request(changed);
      if (next === null) return result(true);
      if (interrupt.signal.aborted) return result(false);
      const before = changed + skipped;
      const options: AskOptions = {
        signal: interrupt.signal,
        onProgress: (now) => shown.at(before + now.changed + now.skipped),
      };
      const answer = await target.ask(next, options);
      changed += answer.changed;
      skipped += answer.skipped;
      if ('refusals' in answer) refusals = [...refusals, ...answer.refusals].slice(0, MOST_REFUSALS);
      shown.at(changed + skipped);
      if (answer.done) return result(true);
      if (answer.changed === 0 && !interrupt.signal.aborted)
        throw new Failure(`${changed} done; other jobs are still locked: run the same command again`);
    }
  } finally {
    shown.end();
    interrupt.done();
  }
}
