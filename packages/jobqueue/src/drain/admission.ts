/** Types that a drain may still claim: those that fit into its remaining time, and whose own bucket has tokens. */

import { timeNeededMs } from '../core/capacity.ts';
import type { Claim } from '../postgres/statements/exchange.ts';
import type { DrainRun } from './drain-run.ts';

/** The longest that a claimed job may wait for a free slot: after that its lease is too short to run it. */
const HORIZON_MS = 5_000;
/** The margin of a lease beyond its job: time to settle, to retry, and to bridge different clocks. */
const LEASE_MARGIN_MS = 15_000;

export class Admission {
  readonly #run: DrainRun;
  readonly #longestRunMs: (type: string) => number;
  readonly #outOfTime = new Set<string>();

  constructor(run: DrainRun, longestRunMs: (type: string) => number) {
    this.#run = run;
    this.#longestRunMs = longestRunMs;
  }

  /** Types that were left out at some time because the rest of the drain could not hold them. */
  get outOfTime(): readonly string[] {
    return [...this.#outOfTime];
  }

  /** Each type with its lease, and those that are not to be probed: filtered out, longer than the time left, or without tokens. */
  types(now: number): Pick<Claim, 'types' | 'excluded' | 'nextTokenInMs'> {
    const { jobs, types: only, limiter, deadlines } = this.#run;
    const leftMs = deadlines.abortAtMs - now;
    const untilEndMs = deadlines.endAtMs - now;
    let nextTokenInMs = Number.POSITIVE_INFINITY;
    const types: Record<string, number> = {};
    const excluded: string[] = [];
    for (const job of jobs.values()) {
      if (!job.handler) continue;
      types[job.type] = Math.ceil(Math.min(untilEndMs, HORIZON_MS + job.timeoutMs)) + LEASE_MARGIN_MS;
      const wanted = !only || only.includes(job.type);
      const fits = timeNeededMs(job, this.#longestRunMs(job.type)) < leftMs;
      if (wanted && !fits) this.#outOfTime.add(job.type);
      // a type's own bucket is empty: its jobs would only be claimed to be sent away
      const shortForMs = job.rateLimit && !job.rateLimit.key ? limiter.shortForMs(job.type, now) : 0;
      if (!wanted || !fits || shortForMs > 0) excluded.push(job.type);
      if (wanted && fits && shortForMs > 0) nextTokenInMs = Math.min(nextTokenInMs, shortForMs);
    }
    return { types, excluded, ...(nextTokenInMs < Number.POSITIVE_INFINITY && { nextTokenInMs }) };
  }
}
