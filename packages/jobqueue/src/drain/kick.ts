/** A short drain in the invocation that enqueued: the job starts in milliseconds, and the tick is only the backstop. */

import { type Names, onlyKnown } from '../core/options.ts';
import type { DrainOptions } from './drain-options.ts';

/** A kick is for latency, not for backlogs: those are the tick's. */
const KICK_BUDGET_MS = 10_000;

/** The platform's part of `queue.kick()`. `kickAfter()` of `@conversure/jobqueue/next` makes them. */
export interface KickOptions {
  /** Keeps the invocation alive until the promise settles: `waitUntil` of @vercel/functions, or anything like it. */
  readonly waitUntil: (promise: Promise<unknown>) => void;
  /** When the platform ends this invocation, if it says so. */
  readonly deadline?: () => Date | undefined;
  /** Told of a drain that could not reach Postgres; the tick will do its work. */
  readonly failed: (error: unknown) => void;
}

const NAMES: Names<KickOptions> = { waitUntil: true, deadline: true, failed: true };

/** One kicked drain a process at a time: a kick that finds one running makes it look once more when it is done. */
export function kicker(drain: (options: DrainOptions) => Promise<unknown>, options: KickOptions): () => void {
  onlyKnown(options, NAMES, { call: 'createQueue', at: 'kick.' });
  let current: Promise<void> | null = null;
  let again = false;

  async function drainOnce(): Promise<void> {
    const deadline = options.deadline?.();
    await drain({ source: 'kick', budgetMs: KICK_BUDGET_MS, ...(deadline && { deadline }) });
  }

  async function drainUntilQuiet(): Promise<void> {
    try {
      do {
        again = false;
        await drainOnce().catch(options.failed);
      } while (again);
    } finally {
      current = null; // at once: a kick after the last look at `again` must not take this drain for one to come
    }
  }

  return () => {
    again = true;
    current ??= drainUntilQuiet();
    options.waitUntil(current);
  };
}
