/** Public exports of the queue. */

export {
  type AnyQueue,
  type Check,
  defineConfig,
  type EndpointSecret,
  type Finding,
  type JobqueueConfig,
  type QueueModule,
} from './config.ts';
export type { Actor } from './core/actor.ts';
export type { Around } from './core/around.ts';
export type { BucketLimit, Limit, TokenAnswer } from './core/bucket.ts';
export type { CronLine } from './core/cron.ts';
export { waitingInWords } from './core/describe-wait.ts';
export type { DrainReport, StopReason } from './core/drain-report.ts';
export { duration } from './core/duration.ts';
export {
  type Issue,
  NonRetryableError,
  PostponedError,
  QueueError,
  type QueueErrorCode,
  RetryAfterError,
} from './core/errors.ts';
export type { DeadLetterFilter, JobFilter } from './core/filters.ts';
export type { CompletedJob, DeadJob } from './core/follow-up.ts';
export type { Guard } from './core/guard.ts';
export {
  type Child,
  type Continue,
  cancelJob,
  continueWith,
  defineJob,
  type Handler,
  type Job,
  type JobContext,
  type JobRateLimit,
  type Progress,
  type RateLimit,
  type RunningJob,
  type Status,
} from './core/job.ts';
export { LIMITS } from './core/limits.ts';
export type { Log, LogLevel } from './core/log.ts';
export { nearest } from './core/nearest.ts';
export { type Duration, isJobId } from './core/options.ts';
export { HIDDEN, secret } from './core/redact.ts';
export type { JobRetention, RetentionOptions } from './core/retention.ts';
export type { Backoff, RetryOptions } from './core/retry.ts';
export { defineSchedule, type Misfire, type Schedule, type ScheduleDeclaration } from './core/schedule.ts';
export type { ScrubbedError } from './core/scrub-error.ts';
export { isStorableInstant, isStorableText, storableJson, storableText } from './core/serialize.ts';
export {
  type InputOf,
  type OutputOf,
  pathOf,
  type StandardIssue,
  type StandardSchema,
  validateNow,
} from './core/standard-schema.ts';
export type { DrainSpan, RunSpan, SendSpan, SentBatch, Telemetry } from './core/telemetry.ts';
export type { HealthOptions } from './core/thresholds.ts';
export type { DrainOptions } from './drain/drain-options.ts';
export { type Environments, isForeign, notDrained } from './drain/environment.ts';
export type { LogJobs } from './drain/job-log.ts';
export type { KickOptions } from './drain/kick.ts';
export type { HintCache, SleepOptions } from './drain/sleep-hint.ts';
export type { AddJobOptions, EnqueueStatement } from './enqueue/enqueue.ts';
export type { FlowIds } from './enqueue/flow.ts';
export type { PruneReport } from './maintenance/prune.ts';
export type { Health, HealthCheck } from './monitoring/health.ts';
export type { Incident, IncidentControls, Mute, MuteOptions, MuteTarget } from './monitoring/incidents.ts';
export { alertText, postAlert, WebhookError } from './monitoring/post.ts';
export type { AlertOptions } from './monitoring/webhook.ts';
export type { BulkOptions, BulkReport } from './operations/bulk.ts';
export type { HeldKey, Target } from './operations/live-jobs.ts';
export type { Operators } from './operations/operations.ts';
export { type OperatedQueue, type OperatorAnswer, perform } from './operations/perform.ts';
export type {
  Refusal,
  Replay,
  ReplayOptions,
  ReplayPreview,
  ReplayReport,
  ThrottledReplayOptions,
} from './operations/replay.ts';
export type { ReplayedWithPayload } from './operations/replay-with-payload.ts';
export { type OperatorAction, type OperatorRequest, operatorRequest } from './operations/request.ts';
export type { JobChanges, UpdatedJob } from './operations/update-job.ts';
export type { Transaction } from './postgres/adapters/transaction.ts';
export type { ScheduleKind } from './postgres/statements/schedules.ts';
export {
  createQueue,
  type FlowOf,
  type NewJobOf,
  type NewScheduleOf,
  type PayloadOf,
  type Queue,
  type QueueOptions,
  type ScheduleOf,
} from './queue.ts';
export type { RateLimitView } from './rate-limits/admin.ts';
export type { AuditEntry } from './reads/audit-log.ts';
export type { DrainsOptions, DrainView } from './reads/drains.ts';
export type { JobView, Preview } from './reads/job-view.ts';
export type { DeadGroup, DeadGroups, JobLine, JobsPage, JobsQuery, Related, Relative } from './reads/list-jobs.ts';
export type { Warned } from './reads/names.ts';
export type { Counted, Overview, OverviewLane, Pause } from './reads/overview.ts';
export type { Spread, Stats, StatsOptions } from './reads/stats.ts';
export type { JobsPreview, TailedJob, TailOptions } from './reads/tail.ts';
export type { WaitOptions } from './reads/wait.ts';
export type { ScheduleControls } from './schedules/admin.ts';
export { type NextRunsOptions, nextRuns } from './schedules/next-runs.ts';
export type {
  NewSchedule,
  ScheduleChanges,
  ScheduleDetails,
  ScheduleFilter,
  SchedulePreview,
  Schedules,
  SchedulesPage,
} from './schedules/runtime.ts';
export type { ScheduleView } from './schedules/view.ts';
