/** A queue's operations for those who run it: reads, pauses, changes, replays. Nothing here enqueues or drains. */

import type { Actor } from '../core/actor.ts';
import type { Limit } from '../core/bucket.ts';
import type { DeadLetterFilter, JobFilter } from '../core/filters.ts';
import { redactJob } from '../core/follow-up.ts';
import type { Job } from '../core/job.ts';
import type { Retention } from '../core/retention.ts';
import type { Thresholds } from '../core/thresholds.ts';
import { checkEnvironment, type EnvironmentControls, environmentControls } from '../drain/environment.ts';
import { type PruneReport, prune } from '../maintenance/prune.ts';
import { checkHealth, type Health } from '../monitoring/health.ts';
import { type IncidentControls, incidentControls } from '../monitoring/incidents.ts';
import { metricsOf } from '../monitoring/metrics.ts';
import { prometheusText } from '../monitoring/prometheus.ts';
import type { Database } from '../postgres/database.ts';
import { DEADLINES_MS, withDeadline } from '../postgres/deadlines.ts';
import { audit } from '../postgres/statements/controls.ts';
import { measure } from '../postgres/statements/metrics.ts';
import { type RateLimitView, rateLimits, takeToken, unblock } from '../rate-limits/admin.ts';
import { type AuditEntry, auditLog } from '../reads/audit-log.ts';
import { type DrainsOptions, type DrainView, drains } from '../reads/drains.ts';
import { type Preview, preview } from '../reads/job-view.ts';
import {
  countJobs,
  type DeadGroups,
  deadGroups,
  type JobsPage,
  type JobsQuery,
  listJobs,
  type Related,
  relatedTo,
} from '../reads/list-jobs.ts';
import { checkNames, type Named, type Warned } from '../reads/names.ts';
import { type Counted, type Overview, type Pause, readOverview } from '../reads/overview.ts';
import { readStats, type Stats, type StatsOptions } from '../reads/stats.ts';
import {
  type JobsPreview,
  listPauses,
  previewJobs,
  type TailedJob,
  type TailOptions,
  tailJobs,
} from '../reads/tail.ts';
import { type ScheduleControls, scheduleControls } from '../schedules/admin.ts';
import type { Schedules } from '../schedules/runtime.ts';
import type { BulkOptions, BulkReport } from './bulk.ts';
import { cancel, freeKey, type HeldKey, pause, reschedule, resume, setPriority, type Target } from './live-jobs.ts';
import {
  previewReplay,
  type Replay,
  type ReplayCall,
  type ReplayOptions,
  type ReplayPreview,
  replayCall,
  replays,
  stopReplay,
} from './replay.ts';
import { type ReplayedWithPayload, replayWithPayload } from './replay-with-payload.ts';
import { type JobChanges, type UpdatedJob, updateJob } from './update-job.ts';

/**
 * Operations for those who run a queue. Calls that change something need an `Actor` and are recorded in the audit log. Invalid
 * arguments throw QueueError `option_invalid` before anything is sent.
 */
export interface Operators extends ScheduleControls, EnvironmentControls, IncidentControls {
  /** Jobs that a drain with this filter would find due. Claims nothing. */
  preview(filter?: { queue?: string; types?: readonly string[]; includePaused?: boolean }): Promise<Preview>;
  /** New jobs above an id, and the current state of known ones. At most 1,000 of each. */
  tail(options: TailOptions): Promise<readonly TailedJob[]>;
  /** Current pauses, at most 1,000. */
  pauses(): Promise<readonly Pause[]>;
  /**
   * Every call below that names a type or a queue checks the names first. Throws QueueError `unknown_type` for a type that is
   * neither declared nor live, dead, cancelled, paused, scheduled or run within two days. Answers a warning for such a queue.
   */
  checkNames(named: Named): Promise<readonly string[]>;
  /** Live jobs that an operation with this filter would meet. Changes nothing. */
  previewJobs(filter: JobFilter): Promise<JobsPreview & Warned>;
  /** Keeps drains from claiming a queue, a type, or (with neither) anything. */
  pause(target: Target, by: Actor): Promise<Warned>;
  /** Ends the pause of exactly this target. `resumed: false`: it was not paused. */
  resume(target: Target, by: Actor): Promise<{ readonly resumed: boolean } & Warned>;
  /** Ends live jobs as CANCELLED, running ones too: their keys are free at once, and their handlers' signals fire within 2 s. */
  cancel(filter: JobFilter, options: Actor & { readonly reason: string } & BulkOptions): Promise<BulkReport & Warned>;
  /** Gives pending jobs another due time. `skipped`: held by a drain. */
  reschedule(
    filter: JobFilter,
    options: Actor & { readonly to: Date | { readonly delayMs: number } } & BulkOptions,
  ): Promise<BulkReport & Warned>;
  /** Gives pending jobs another priority. `skipped`: held by a drain. */
  setPriority(
    filter: JobFilter,
    options: Actor & { readonly priority: number } & BulkOptions,
  ): Promise<BulkReport & Warned>;
  /**
   * Gives a job that waits another payload, priority or due time: all of the change or nothing, also while a drain claims it. One that
   * has begun or ended is left alone: see `updated`. With `by` the audit log says who did it; for code of the app there need be nobody.
   * What `redactPayload` hid of the payload and nobody changed stays as it was. A job that waits for its children and gets a due time runs
   * then, whatever became of them. Throws QueueError `payload_invalid`, `unknown_type`.
   */
  update(job: string | HeldKey, changes: JobChanges, by?: Actor): Promise<UpdatedJob>;
  /** Dead letters that a replay with this filter would find. Changes nothing. */
  previewReplay(
    filter: DeadLetterFilter,
    options?: Pick<ReplayOptions, 'statuses' | 'due'>,
  ): Promise<ReplayPreview & Warned>;
  /** Makes dead letters, and cancelled jobs on request, live again with their ids: at once, or throttled by `perMinute`. */
  readonly replay: ReplayCall;
  /**
   * Replays one dead letter or cancelled job with another payload, both or neither. The payload is checked by its type's schema;
   * what `redactPayload` hid and nobody changed stays as it was. Throws QueueError `payload_invalid`, `unknown_type`, `job_unknown`.
   */
  replayWithPayload(id: string, payload: unknown, by: Actor): Promise<ReplayedWithPayload>;
  /** A payload as people may see it: values that the type's schema marks as secret are hidden; all of it if the type is not known. */
  redactPayload(type: string, payload: unknown): unknown;
  /** One page of jobs. Pending ones by due time, all others the newest first. */
  listJobs(query: JobsQuery, page?: { readonly after?: string; readonly limit?: number }): Promise<JobsPage>;
  /** The number of live jobs that match this filter, counted to 1,000. */
  countJobs(filter: JobFilter): Promise<Counted>;
  /** Dead letters by type and error: the largest groups, and those with the latest deaths. */
  deadGroups(filter?: { readonly type?: string }): Promise<DeadGroups>;
  /** Data related to a job: its schedule, the drain that ran it, its parent and children, operators' changes. */
  related(id: string): Promise<Related>;
  /** Frees an idempotency key, with a line in the audit log. `holder`: the job that held it and goes on without it; null: none did. */
  freeKey(key: HeldKey, by: Actor): Promise<{ readonly freed: boolean; readonly holder: string | null }>;
  /** Throttled replays, newest first, at most 100. */
  replays(): Promise<readonly Replay[]>;
  /** Ends a throttled replay; `false` if it was not running. */
  stopReplay(id: string, by: Pick<Actor, 'actor'>): Promise<boolean>;
  /** The audit log, newest first; `before` is the id of an entry for the next page, at most 500 entries a call. */
  auditLog(page?: { readonly before?: string; readonly limit?: number }): Promise<readonly AuditEntry[]>;
  /** Appends to the audit log. */
  audit(entry: { readonly actor: string; readonly action: string; readonly details: object }): Promise<void>;
  /** Counts of every queue and type, pauses and the last ticks, in one statement of bounded probes. */
  overview(): Promise<Overview>;
  /** Looks at every check, in one statement of bounded probes, and tries a write. Rejects if the database cannot be reached. */
  health(): Promise<Health>;
  /** Everything measured, in Prometheus' text format 0.0.4; one statement. */
  metrics(): Promise<string>;
  /** The rate limits that were used lately or are blocked, blocked ones first, at most 200. */
  rateLimits(): Promise<readonly RateLimitView[]>;
  /** Takes a token of a shared bucket for something that is no job, such as a login: at once, or `false`. */
  takeToken(key: string, limit: Limit): Promise<boolean>;
  /** Ends a block before its time, with a line in the audit log. `false`: the bucket was not blocked. */
  unblock(key: string, by: Pick<Actor, 'actor'>): Promise<boolean>;
  /** Counts, waits and run times per minute, hour or in total, over all drains. */
  stats(options: StatsOptions): Promise<readonly Stats[]>;
  /** The ledger, newest first: one entry per drain, with its overlaps and the gap before it. */
  drains(options?: DrainsOptions): Promise<readonly DrainView[]>;
  /**
   * Deletes rows past their retention now, in slices. Takes at most `budgetMs` (default a minute). Drains do so by themselves.
   * Throws QueueError `other_environment`.
   */
  prune(options?: { readonly budgetMs?: number }): Promise<PruneReport>;
}

export interface OperatorsOptions {
  readonly database: () => Database;
  readonly jobs: ReadonlyMap<string, Job>;
  /** The names of the schedules that this process' code declares. */
  readonly declared: ReadonlySet<string>;
  readonly environment: string | null;
  readonly retention: Retention;
  readonly thresholds: Thresholds;
  readonly consoleUrl: string | undefined;
}

export function operators(options: OperatorsOptions): Operators {
  const { database, jobs, environment, retention, thresholds, consoleUrl } = options;
  const read = () => withDeadline(database(), DEADLINES_MS.read);
  const names = async (named: Named) => checkNames(read(), jobs, named);
  /** Nothing is done for a name that is refused: the check comes first. */
  const warned = async <Answer extends object>(named: Named, act: () => Promise<Answer>): Promise<Answer & Warned> => {
    const warnings = await names(named);
    return { ...(await act()), warnings };
  };
  return {
    ...scheduleControls({ database, jobs, declared: options.declared }),
    ...environmentControls(database, environment),
    ...incidentControls(database, consoleUrl),
    preview: async (filter = {}) => preview(read(), jobs, filter),
    tail: async (options) => tailJobs(read(), options),
    pauses: async () => listPauses(read()),
    checkNames: names,
    previewJobs: async (filter) => warned(filter, () => previewJobs(read(), filter)),
    pause: async (target, by) => warned(target, () => pause(database(), target, by)),
    resume: async (target, by) => warned(target, () => resume(database(), target, by)),
    cancel: async (filter, how) => warned(filter, () => cancel(database(), filter, how)),
    reschedule: async (filter, how) => warned(filter, () => reschedule(database(), filter, how)),
    setPriority: async (filter, how) => warned(filter, () => setPriority(database(), filter, how)),
    update: async (job, changes, by) => updateJob(database(), jobs, { job, changes }, by),
    previewReplay: async (filter, how = {}) => warned(filter, () => previewReplay(read(), filter, how)),
    replay: replayCall(database, names),
    replayWithPayload: async (id, payload, by) => replayWithPayload(database(), jobs, { id, payload }, by),
    redactPayload: (type, payload) => redactJob(jobs, type, payload),
    listJobs: async (query, page = {}) => listJobs(read(), query, page),
    countJobs: async (filter) => countJobs(read(), filter),
    deadGroups: async (filter = {}) => deadGroups(read(), filter),
    related: async (id) => relatedTo(read(), id),
    freeKey: async (key, by) => freeKey(database(), key, by),
    replays: async () => replays(read()),
    stopReplay: async (id, by) => stopReplay(database(), id, by),
    auditLog: async (page = {}) => auditLog(read(), page),
    audit: async (entry) => audit(database(), entry),
    overview: async () => readOverview(read(), environment),
    health: async () => checkHealth(read(), thresholds, consoleUrl),
    metrics: async () => prometheusText(metricsOf(await measure(read()), [...jobs.keys()])),
    rateLimits: async () => rateLimits(read()),
    takeToken: async (key, limit) => takeToken(read(), key, limit),
    unblock: async (key, by) => unblock(database(), key, by),
    stats: async (options) => readStats(read(), options),
    drains: async (options = {}) => drains(read(), options),
    prune: async ({ budgetMs } = {}) => {
      await checkEnvironment(read(), environment);
      return prune(database(), retention, budgetMs);
    },
  };
}

/** Operations that may leave a job due, for example because a cancelled child releases its parent. */
const INVALIDATING = [
  'resume',
  'cancel',
  'reschedule',
  'setPriority',
  'update',
  'replay',
  'replayWithPayload',
  'resumeSchedule',
  'overrideSchedule',
  'runSchedule',
] as const satisfies readonly (keyof Operators)[];

/** The same, but `invalidate` is called after each of those: also after one that failed, which may have come half way. */
export function invalidatingOperators(offered: Operators, invalidate: () => void): Operators {
  const invalidating = INVALIDATING.map((verb) => {
    const call = offered[verb] as (...args: never[]) => Promise<unknown>;
    return [verb, async (...args: never[]) => call(...args).finally(invalidate)] as const;
  });
  const { create, update } = offered.schedules;
  const schedules: Schedules = Object.assign(() => offered.schedules(), {
    ...offered.schedules,
    create: async (...args: Parameters<typeof create>) => create(...args).finally(invalidate),
    update: async (...args: Parameters<typeof update>) => update(...args).finally(invalidate),
  });
  return { ...offered, ...Object.fromEntries(invalidating), schedules };
}
