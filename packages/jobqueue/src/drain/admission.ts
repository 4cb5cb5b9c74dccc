/** Which types a drain may still claim: those that the rest of its time can hold, and whose own bucket has tokens. */

import { timeNeededMs } from '../core/capacity.ts';
import type { Job } from '../core/job.ts';
import type { Claim } from '../postgres/statements/step.ts';
import type { RateLimiter } from '../rate-limits/limiter.ts';
import type { Timetable } from './deadlines.ts';

/** How long a claimed job may wait for a free slot before its lease is too short to run it. */
const HORIZON_MS = 5_000;
/** What a lease outlasts its job by: the settling step, its retries, and clocks that do not run alike. */
const LEASE_MARGIN_MS = 15_000;

export interface AdmissionOptions {
  readonly jobs: ReadonlyMap<string, Job>;
  /** The only types that this drain is to take. */
  readonly types: readonly string[] | undefined;
  readonly limiter: RateLimiter;
  readonly timetable: Timetable;
  readonly longestRunMs: (type: string) => number;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #outOfTime = new Set<string>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Types that were left out at some time because the rest of the drain could not hold them. */
  get outOfTime(): readonly string[] {
    return [...this.#outOfTime];
  }

  /** Each type with its lease, and those that are not to be probed: filtered out, longer than the time left, or without tokens. */
  types(now: number): Pick<Claim, 'types' | 'excluded' | 'nextTokenInMs'> {
    const { jobs, types: only, limiter, timetable, longestRunMs } = this.#options;
    const leftMs = timetable.cutAtMs - now;
    const untilEndMs = timetable.endAtMs - now;
    let nextTokenInMs = Number.POSITIVE_INFINITY;
    const types: Record<string, number> = {};
    const excluded: string[] = [];
    for (const job of jobs.values()) {
      if (!job.handler) continue;
      types[job.type] = Math.ceil(Math.min(untilEndMs, HORIZON_MS + job.timeoutMs)) + LEASE_MARGIN_MS;
      const wanted = !only || only.includes(job.type);
      const fits = timeNeededMs(job, longestRunMs(job.type)) < leftMs;
      if (wanted && !fits) this.#outOfTime.add(job.type);
      // a type's own bucket is empty: its jobs would only be claimed to be sent away
      const shortForMs = job.rateLimit && !job.rateLimit.key ? limiter.shortForMs(job.type, now) : 0;
      if (!wanted || !fits || shortForMs > 0) excluded.push(job.type);
      if (wanted && fits && shortForMs > 0) nextTokenInMs = Math.min(nextTokenInMs, shortForMs);
    }
    return { types, excluded, ...(nextTokenInMs < Number.POSITIVE_INFINITY && { nextTokenInMs }) };
  }
}
