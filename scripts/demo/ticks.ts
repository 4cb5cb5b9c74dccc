/** The clock of a deployment: calls `GET /api/cron/drain`, one at a time, until the story ends. */
import { setTimeout as wait } from 'node:timers/promises';
import type { DemoApi, Report } from './api.ts';

export interface Drains {
  /** Counters of all finished drains, summed. */
  totals(): Readonly<Record<string, number>>;
  /** Resolves once the last one has given back what it held. Rejects with what a drain failed of. */
  close(): Promise<void>;
}

/** A platform waits a minute; whoever watches will not. */
const AGAIN_MS = 250;
const COUNTED = ['claimed', 'completed', 'continued', 'retried', 'deadLettered', 'rescued', 'lost', 'steps'] as const;

export function startTicks(api: DemoApi): Drains {
  const over = new AbortController();
  const totals: Record<string, number> = { drains: 0 };
  const add = (report: Report) => {
    totals.drains = (totals.drains ?? 0) + 1;
    for (const name of COUNTED) totals[name] = (totals[name] ?? 0) + report[name];
  };
  const ticking = (async () => {
    while (!over.signal.aborted) {
      add(await api.drain());
      await wait(AGAIN_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  ticking.catch(() => undefined); // close() tells
  return {
    totals: () => totals,
    async close() {
      over.abort();
      await ticking;
    },
  };
}
