/** `createQueue({ around })`: functions of the app around every run of a handler, outermost first. Pure: no I/O, no clock. */
import { droppable } from './droppable.ts';
import type { JobContext } from './job.ts';
import { refused } from './options.ts';

/** More are a mistake: each is a call and a promise for every job. */
const MOST = 32;

/**
 * Runs around every handler of a queue. `context` is the handler's own, with its payload, `job`, `signal` and `deadline`. `next()` runs the
 * rest, once: it answers what the handler returned, and rejects with the very error that it threw. The value that `around` returns
 * is the result of the run (`continueWith` and `cancelJob` as from a handler), and what it throws is its failure. If it does not
 * call `next`, the handler does not run. It must await `next()` before it returns, or the run fails.
 *
 * @example
 * ```ts
 * export const timed: Around = async ({ job }, next) => {
 *   const startedAt = performance.now();
 *   try {
 *     return await next();
 *   } finally {
 *     console.info(job.type, performance.now() - startedAt);
 *   }
 * };
 * ```
 */
export type Around<Payload = unknown> = (
  context: JobContext<Payload>,
  next: () => Promise<unknown>,
) => Promise<unknown>;

/** One function, or a list of them. */
export type Arounds<Payload = unknown> = Around<Payload> | readonly Around<Payload>[];

/** The list of them. Throws QueueError `option_invalid` for anything but functions, and for more than 32. */
export function aroundsOf(given: Arounds<never> | undefined, call: string): readonly Around[] {
  if (given === undefined) return [];
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length > MOST) throw refused('around', `at most ${MOST} functions`, list.length, { call });
  for (const [n, one] of list.entries())
    if (typeof one !== 'function')
      throw refused(Array.isArray(given) ? `around[${n}]` : 'around', 'a function', one, { call });
  return list as readonly Around[];
}

/** Runs the handler within `arounds`. Ends only when the handler has ended, if it was called, so that nothing of a run outlives its outcome. */
export async function within<Payload>(
  arounds: readonly Around<Payload>[],
  context: JobContext<Payload>,
  handler: (context: JobContext<Payload>) => Promise<unknown>,
  n = 0,
): Promise<unknown> {
  const around = arounds[n];
  if (around === undefined) return handler(context);
  let inner: Promise<unknown> | null = null;
  let hasEnded = false; // what `next` runs, if it was called
  let isOver = false;
  const next = async () => {
    if (inner !== null) throw new Error('next() was called twice in one run: the handler runs once');
    if (isOver) throw new Error('next() was called after the function around the handler had ended');
    inner = within(arounds, context, handler, n + 1).finally(() => {
      hasEnded = true;
    });
    return inner;
  };
  try {
    const value = await around(context, () => droppable(next()));
    if (inner !== null && !hasEnded)
      throw new Error('a function around the handler returned before next() had ended: it has to await it');
    return value;
  } finally {
    isOver = true;
    await (inner as Promise<unknown> | null)?.catch(() => undefined); // its own error was `around`'s to judge
  }
}
