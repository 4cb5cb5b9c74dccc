/** What a user of the queue imports. */
export type { DrainOptions } from './drain.ts';
export type { AddJobOptions, EnqueueStatement, Transaction } from './enqueue.ts';
export { type Issue, NonRetryableError, QueueError, type QueueErrorCode, RetryAfterError } from './errors.ts';
export type { Health, JobView, Preview } from './inspect.ts';
export {
  cancelJob,
  continueWith,
  defineJob,
  type Handler,
  type Job,
  type JobContext,
  type Progress,
  type RunningJob,
  type Status,
} from './job.ts';
export type { KickOptions } from './kick.ts';
export type { DrainsOptions, DrainView } from './ledger.ts';
export { LIMITS } from './limits.ts';
export type { Log } from './log.ts';
export type { PruneReport } from './prune.ts';
export { createQueue, type NewJobOf, type PayloadOf, type Queue, type QueueOptions } from './queue.ts';
export type { DrainReport, StopReason } from './report.ts';
export type { Duration, JobRetention, RetentionOptions } from './retention.ts';
export type { Spread, Stats, StatsOptions } from './stats.ts';
