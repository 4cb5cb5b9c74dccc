/** Enqueues notice ticks that do not come. Loads the watch when it asks, not with the enqueue. */
import type { Executor } from '../postgres/database.ts';
import type { WatchOptions } from './watch-options.ts';

/** The interval at which the enqueues of one process check the last tick. */
const ASKS_EVERY_MS = 60_000;

/**
 * Called after each enqueue. Once a minute it checks beside the request if ticks still come, because without ticks nothing else
 * would notice. Never throws and never delays the request; `waitUntil` keeps the invocation alive for it.
 */
export function missedTickMonitor(
  options: WatchOptions,
  database: () => Executor,
  waitUntil: (promise: Promise<unknown>) => void,
): () => void {
  let askedAtMs = Number.NEGATIVE_INFINITY;

  async function ask(): Promise<void> {
    const { askForTicks } = await import('./watch.ts');
    await askForTicks(options, database());
  }

  return () => {
    const now = performance.now();
    if (now - askedAtMs < ASKS_EVERY_MS) return;
    askedAtMs = now;
    waitUntil(ask().catch((error: unknown) => options.log('error', 'watch_failed', { error })));
  };
}
