/** Options of a drain, apart from the drain: the queue knows their names before it loads the code that runs them. */
import type { Names } from '../core/options.ts';

/** Options of `queue.drain`. Without any the drain takes every type with a handler, until its deadline. */
export interface DrainOptions {
  /** The trigger, such as 'cron' or 'operator'; stored in the ledger. */
  readonly source?: string;
  /** The platform's own end of this invocation. */
  readonly deadline?: Date;
  /** The longest duration of the drain, ms; the earlier of this and `deadline` counts. Without both: the queue's `maxDurationMs`. */
  readonly budgetMs?: number;
  readonly queue?: string;
  readonly types?: readonly string[];
  /** The most jobs to claim, 1 to 1,000,000. */
  readonly limit?: number;
  /** Jobs that run at the same time, 1 to 1000; default 10. */
  readonly concurrency?: number;
  /** The most jobs that one exchange claims, 1 to 1000. */
  readonly maxBatch?: number;
  readonly includePaused?: boolean;
  /** Lets a tick end at once, without a query, while the wake hint says that nothing is due. Needs `sleep` of createQueue. */
  readonly maySleep?: boolean;
  /** The scheduled time of this tick, as the platform says; stored in the ledger, as `executionId` is. Nothing depends on them. */
  readonly scheduledAt?: Date;
  readonly executionId?: string;
  /** Stops the drain: unstarted jobs are given back at once, running ones told to end, with as much time for it as at the deadline. */
  readonly signal?: AbortSignal;
}

export const DRAIN_NAMES: Names<DrainOptions> = {
  source: true,
  deadline: true,
  budgetMs: true,
  queue: true,
  types: true,
  limit: true,
  concurrency: true,
  maxBatch: true,
  includePaused: true,
  maySleep: true,
  scheduledAt: true,
  executionId: true,
  signal: true,
};
