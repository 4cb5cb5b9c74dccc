/** What a user of the queue imports. */

export type { Amended } from './amend.ts';
export type { Limit } from './buckets.ts';
export type { AuditEntry, Target } from './controls.ts';
export type { DrainOptions } from './drain.ts';
export type { AddJobOptions, EnqueueStatement, Transaction } from './enqueue.ts';
export { type Environments, isForeign, notDrained } from './environment.ts';
export {
  type Issue,
  NonRetryableError,
  PostponedError,
  QueueError,
  type QueueErrorCode,
  RetryAfterError,
} from './errors.ts';
export type { By, DeadLetterFilter, JobFilter } from './filters.ts';
export type { FlowIds } from './flow.ts';
export type { FollowedJob, FollowOptions, JobsPreview } from './follow.ts';
export type { Health, HealthCheck } from './health.ts';
export type { Incident, IncidentControls, Mute, MuteOptions, MuteTarget } from './incidents.ts';
export type { JobView, Preview } from './inspect.ts';
export {
  type Child,
  cancelJob,
  continueWith,
  defineJob,
  type Guard,
  type Handler,
  type Job,
  type JobContext,
  type JobRateLimit,
  type Progress,
  type RateLimit,
  type RunningJob,
  type Status,
} from './job.ts';
export type { LogJobs } from './jobLog.ts';
export type { KickOptions } from './kick.ts';
export type { DrainsOptions, DrainView } from './ledger.ts';
export { LIMITS } from './limits.ts';
export type { DeadGroup, DeadGroups, JobLine, JobsPage, JobsQuery, Relative, Trail } from './listing.ts';
export type { Log, LogLevel } from './log.ts';
export type { Warned } from './names.ts';
export type { Operators } from './operators.ts';
export type { Counted, Overview, OverviewLane, Pause } from './overview.ts';
export type { PruneReport } from './prune.ts';
export {
  createQueue,
  type FlowOf,
  type NewJobOf,
  type PayloadOf,
  type Queue,
  type QueueOptions,
  type ScheduleOf,
} from './queue.ts';
export type { RateLimitView } from './rateLimits.ts';
export { HIDDEN, secret } from './redact.ts';
export type { RampOptions, Refusal, Replay, ReplayOptions, ReplayPreview, ReplayReport } from './replay.ts';
export type { DrainReport, StopReason } from './report.ts';
export type { Duration, JobRetention, RetentionOptions } from './retention.ts';
export { defineSchedule, type Misfire, type Schedule, type ScheduleDeclaration } from './schedule.ts';
export type { ScheduleControls, ScheduleView } from './scheduleControls.ts';
export type { BulkOptions, BulkReport } from './slices.ts';
export type { Spread, Stats, StatsOptions } from './stats.ts';
export type { DrainSpan, RunSpan, SendSpan, SentBatch, Telemetry } from './telemetry.ts';
export type { TellableError } from './tellable.ts';
export type { HealthOptions } from './thresholds.ts';
export type { WaitOptions } from './wait.ts';
export type { HintCache, SleepOptions } from './wakeHint.ts';
export type { AlertOptions } from './webhook.ts';
export { waitingInWords } from './words.ts';
