/** The platform's view of the invocation: its deadline, and a way to keep it alive after the answer. */

interface Invocation {
  readonly deadline?: Date | number | string | undefined;
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/**
 * Vercel hands each invocation to `@vercel/functions` under the first name, and to Next.js under the second, where other platforms put theirs.
 * Read here as those two read it, so that neither has to be installed.
 */
const CONTEXTS = [Symbol.for('@vercel/request-context'), Symbol.for('@next/request-context')];

function invocation(): Invocation {
  const found = CONTEXTS.map((name) => {
    const holder = (globalThis as Record<symbol, unknown>)[name] as { get?: () => Invocation | undefined } | undefined;
    return holder?.get?.();
  });
  return Object.assign({}, ...found.reverse());
}

/** The instant when the platform ends this invocation; undefined where no platform says it. */
export function platformDeadline(): Date | undefined {
  const deadline = new Date(invocation().deadline ?? Number.NaN);
  return Number.isNaN(deadline.getTime()) ? undefined : deadline;
}

/** Until when a request may be worked on: the platform's deadline, else `maxDurationMs` from now. Call it first in a handler. */
export function requestDeadline(maxDurationMs: number): Date {
  return deadlineOf(Date.now(), maxDurationMs);
}

/** The same for a request that came in at `startedAtMs`. */
export function deadlineOf(startedAtMs: number, maxDurationMs: number): Date {
  return platformDeadline() ?? new Date(startedAtMs + maxDurationMs);
}

/** Keeps the invocation alive until `promise` settles. A server that runs on anyway needs nothing for it. */
export function waitUntil(promise: Promise<unknown>): void {
  invocation().waitUntil?.(promise);
}
