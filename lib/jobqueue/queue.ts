/** createQueue: ties a database and a list of jobs together. The only place where the core's parts meet. */
import type { z } from 'zod';
import type { Database } from '../../db/database.ts';
import type { Chore } from './chores.ts';
import { type AuditEntry, auditLog, cancel, pause, reprioritise, reschedule, resume, type Target } from './controls.ts';
import { type DrainContext, type DrainOptions, drain } from './drain.ts';
import {
  type AddJobOptions,
  batchOf,
  checkTransaction,
  type EnqueueStatement,
  enqueueIn,
  enqueueStatement,
  type JobInput,
  type Transaction,
} from './enqueue.ts';
import { QueueError } from './errors.ts';
import { checkHealth, type Health } from './health.ts';
import { findJob, getJob, type JobView, type Preview, preview } from './inspect.ts';
import { checkGuard, type Guard, type Job } from './job.ts';
import type { By, DeadLetterFilter, JobFilter } from './filters.ts';
import { checkHealth, findJob, getJob, type Health, type JobView, type Preview, preview } from './inspect.ts';
import type { Job } from './job.ts';
import type { LogJobs } from './jobLog.ts';
import { type KickOptions, kicker } from './kick.ts';
import { type DrainsOptions, type DrainView, drains } from './ledger.ts';
import { LIMITS } from './limits.ts';
import { type Log, logToStderr } from './log.ts';
import { metricsOf } from './metrics.ts';
import { prometheusText } from './prometheus.ts';
import { RateLimiter } from './rateLimit.ts';
import { type RateLimitView, rateLimits, unblock } from './rateLimits.ts';
import type { DrainReport } from './report.ts';
import type { Schedule } from './schedule.ts';
import { type ScheduleControls, scheduleControls } from './scheduleControls.ts';
import { schedulesChore } from './schedules.ts';
import { type PruneReport, prune, pruneChore, runTimesChore } from './prune.ts';
import type { DrainReport } from './report.ts';
import { type RetentionOptions, retentionOf } from './retention.ts';
import { isSerializationFailure } from './sqlstate.ts';
import { readStats, type Stats, type StatsOptions } from './stats.ts';
import { audit, pause, resume } from './store/controls.ts';
import { FUNCTIONS } from './store/functions.ts';
import {
  previewReplay,
  type Replay,
  type ReplayCall,
  type ReplayOptions,
  type ReplayPreview,
  replayCall,
  replays,
  replaysChore,
  stopReplay,
} from './replay.ts';
import type { DrainReport } from './report.ts';
import type { BulkOptions, BulkReport } from './slices.ts';
import { isSerializationFailure } from './sqlstate.ts';
import { audit } from './store/controls.ts';
import type { AddedRow } from './store/jobs.ts';
import { guardsOf, type HealthOptions, thresholdsOf } from './thresholds.ts';
import { checkAlerts, type Incident, incidents, tickLookout, type WatchOptions, watchChore } from './watch.ts';
import type { AlertOptions } from './webhook.ts';
import { measure } from './store/metrics.ts';
import { sendWithin, type Telemetry } from './telemetry.ts';
import { Waiting, type WaitOptions } from './wait.ts';

/** As long as completed history is kept. */
const KEY_WINDOW_MS = 7 * 24 * 3_600_000;
/** What Vercel gives a function unless told otherwise. */
const MAX_DURATION_MS = 300_000;
const ENQUEUE_TRIES = 3;

export type PayloadOf<Jobs extends readonly Job[], Type extends Jobs[number]['type']> = z.input<
  Extract<Jobs[number], { type: Type }>['payload']
>;

/** One entry of `addJobs`, its payload typed by its type. */
export type NewJobOf<Jobs extends readonly Job[]> = {
  [Type in Jobs[number]['type']]: {
    readonly type: Type;
    readonly payload: PayloadOf<Jobs, Type>;
    readonly options?: AddJobOptions;
  };
}[Jobs[number]['type']];

/** JSON as a caller may write it down: what the schema takes, unchangeable. */
type Constant<T> = T extends object ? { readonly [Key in keyof T]: Constant<T[Key]> } : T;

/** A schedule whose type and payload are those of some job of the queue. */
export type ScheduleOf<Jobs extends readonly Job[]> = {
  [Type in Jobs[number]['type']]: Schedule<Type, Constant<PayloadOf<Jobs, Type>>>;
}[Jobs[number]['type']];

export interface QueueOptions<Jobs extends readonly Job[]> {
  /** The database, or how to get it: called once, by the first statement. */
  readonly database: Database | (() => Database);
  readonly jobs: Jobs;
  /** All that this deployment declares. Without it the drains of this queue leave schedules alone; `[]` stops those of former code. */
  readonly schedules?: readonly ScheduleOf<Jobs>[];
  /** The longest that one drain may take, ms; default 300,000. */
  readonly maxDurationMs?: number;
  /** How long a completed job holds its idempotency key, ms; default 7 days. */
  readonly keyWindowMs?: number;
  /** How long finished jobs, ledger rows and counts are kept; see docs/retention.md. */
  readonly retention?: RetentionOptions<Jobs[number]['type']>;
  /** What `queue.kick()` needs of the platform. */
  readonly kick?: KickOptions;
  /** From when on the queue is not well. */
  readonly health?: HealthOptions;
  /** Who is told of incidents. */
  readonly alerts?: AlertOptions;
  /** Of the types that have none of their own; default: none. */
  readonly guard?: Guard;
  /** Default: warnings and errors as JSON lines on stderr. */
  readonly log?: Log;
  /** Which jobs' fates the log hears of; default 'failures'. */
  readonly logJobs?: LogJobs;
  /** Traces: `openTelemetry()` of opentelemetry.ts, or another adapter. */
  readonly telemetry?: Telemetry;
}

export interface Queue<Jobs extends readonly Job[]> extends ScheduleControls {
  readonly jobs: Jobs;
  /** Enqueues one job in one round trip. `null`: the idempotency key already holds. Throws QueueError; then nothing was written. */
  addJob<Type extends Jobs[number]['type']>(
    type: Type,
    payload: PayloadOf<Jobs, Type>,
    options?: AddJobOptions & { readonly transaction?: Transaction },
  ): Promise<{ id: string } | null>;
  /** Enqueues up to 10,000 jobs and 8 MiB in one statement, all or none. Answers in order; a duplicate names the holder's id. */
  addJobs(
    jobs: readonly NewJobOf<Jobs>[],
    options?: { readonly transaction?: Transaction },
  ): Promise<readonly AddedRow[]>;
  /** The same insert as a statement for any client, to share its transaction. */
  statement(jobs: readonly NewJobOf<Jobs>[]): EnqueueStatement;
  getJob(id: string): Promise<JobView | null>;
  /**
   * Waits until the job has ended, for at most 60 s, default 10 s. Rejects with QueueError `wait_timeout` or `job_unknown`, or with
   * the signal's reason; the job itself goes on. For short jobs: a function is billed while it waits.
   */
  waitFor(id: string, options?: WaitOptions): Promise<JobView>;
  /** The job that holds the key now. */
  findJob(by: { readonly type: Jobs[number]['type']; readonly idempotencyKey: string }): Promise<JobView | null>;
  drain(options?: DrainOptions): Promise<DrainReport>;
  /** Starts a short drain behind this request, at most 10 s; returns at once. After a commit, never inside a transaction. */
  kick(): void;
  /** What a drain with this filter would find due. Claims nothing. */
  preview(filter?: { queue?: string; types?: readonly string[]; includePaused?: boolean }): Promise<Preview>;
  /** Keeps drains from claiming a queue, a type, or (with neither) anything. */
  pause(target: Target, why?: string | { readonly actor?: string; readonly reason?: string }): Promise<void>;
  resume(target: Target, by?: Partial<By>): Promise<void>;
  /** Ends live jobs as CANCELLED, running ones too: their keys are free at once, and their handlers' signals fire within 2 s. */
  cancel(filter: JobFilter, options: By & { readonly reason: string } & BulkOptions): Promise<BulkReport>;
  /** Gives pending jobs another due time. `skipped`: held by a drain. */
  reschedule(
    filter: JobFilter,
    options: By & { readonly to: Date | { readonly delayMs: number } } & BulkOptions,
  ): Promise<BulkReport>;
  /** Gives pending jobs another priority. `skipped`: held by a drain. */
  reprioritise(filter: JobFilter, options: By & { readonly priority: number } & BulkOptions): Promise<BulkReport>;
  /** What a replay with this filter would find. Changes nothing. */
  previewReplay(filter: DeadLetterFilter, options?: Pick<ReplayOptions, 'statuses'>): Promise<ReplayPreview>;
  readonly replay: ReplayCall;
  /** The ramps, the newest first, at most 100. */
  replays(): Promise<readonly Replay[]>;
  /** Ends a ramp; `false` if it was not running. */
  stopReplay(id: string, by: By): Promise<boolean>;
  /** Who did what, the latest first; `before` an id for the next page, at most 500 entries a call. */
  auditLog(page?: { readonly before?: string; readonly limit?: number }): Promise<readonly AuditEntry[]>;
  /** Appends to the audit log. */
  audit(entry: { readonly actor: string; readonly action: string; readonly details: object }): Promise<void>;
  /** Looks at every check, in one statement of bounded probes. Rejects if the database cannot be reached. */
  health(): Promise<Health>;
  /** What turned red, and what is well again: the newest 100, the newest first. */
  incidents(): Promise<readonly Incident[]>;
  /** Everything measured, in Prometheus' text format 0.0.4; one statement. */
  metrics(): Promise<string>;
  /** The rate limits that were used lately or are blocked, blocked ones first, at most 200. */
  rateLimits(): Promise<readonly RateLimitView[]>;
  /** Ends a block before its time, with a line in the audit log. `false`: the bucket was not blocked. */
  unblock(key: string, by: { readonly actor: string }): Promise<boolean>;
  /** Counts, waits and run times per minute, hour or in total, over all drains. */
  stats(options: StatsOptions): Promise<readonly Stats[]>;
  /** The ledger, newest first: one entry per drain, with its overlaps and the gap before it. */
  drains(options?: DrainsOptions): Promise<readonly DrainView[]>;
  /** Deletes what is past its retention now, in slices, for at most `budgetMs` (default a minute). Drains do so by themselves. */
  prune(options?: { readonly budgetMs?: number }): Promise<PruneReport>;
}

/**
 * Throws QueueError: `job_definition_invalid` for two jobs of one type or a timeout that no invocation can hold, `option_invalid`;
 * of schedules `schedule_definition_invalid`, and what addJob throws for a job that does not fit.
 */
export function createQueue<const Jobs extends readonly Job[]>(options: QueueOptions<Jobs>): Queue<Jobs> {
  const { maxDurationMs = MAX_DURATION_MS, keyWindowMs = KEY_WINDOW_MS, log = logToStderr } = options;
  const { logJobs = 'failures', telemetry = null } = options;
  duration('maxDurationMs', maxDurationMs);
  duration('keyWindowMs', keyWindowMs);
  const jobs = byType(options.jobs, maxDurationMs);
  const { schedules } = options;
  const chores: readonly Chore[] = [...(schedules ? [schedulesChore(schedules, jobs, log)] : [])];
  const watch = watchOptions(options, jobs, log);
  const chores: readonly Chore[] = [watchChore(watch)];
  const chores: readonly Chore[] = [replaysChore];
  const retention = retentionOf(options.retention ?? {}, keyWindowMs, jobs);
  const chores: readonly Chore[] = [runTimesChore, pruneChore(retention)];
  const longestRunMs = new Map<string, number>();
  const limiter = new RateLimiter(() => database(), log);
  let opened: Database | null = null;
  const database = () => {
    opened ??= typeof options.database === 'function' ? options.database() : options.database;
    return opened;
  };
  const insert = async (statement: EnqueueStatement, transaction: Transaction | undefined) =>
    transaction ? enqueueIn(checkTransaction(transaction), statement) : enqueueAlone(database(), statement);
  const enqueue = async (inputs: readonly JobInput[], transaction: Transaction | undefined) => {
    if (telemetry === null) return insert(enqueueStatement(jobs, inputs), transaction);
    return sendWithin(telemetry, batchOf(jobs, inputs), async (traceparent) =>
      insert(enqueueStatement(jobs, inputs, traceparent), transaction),
    );
  };
  const waiting = new Waiting(database, Math.random);

  const noticeMissingTicks = options.kick ? tickLookout(watch, database, options.kick.waitUntil) : () => undefined;

  const drainHere = async (drainOptions: DrainOptions) => {
    const shared = { jobs, maxDurationMs, keyWindowMs, chores, log, logJobs, telemetry, longestRunMs };
    const context: DrainContext = { executor: database(), ...shared };
    return drain(context, drainOptions);
    const executor = database();
    const context: DrainContext = { executor, jobs, maxDurationMs, keyWindowMs, chores, log, limiter, longestRunMs };
    return limiter.during(() => drain(context, drainOptions));
  };

  return {
    jobs: options.jobs,
    async addJob(type, payload, { transaction, ...rest } = {}) {
      const [added] = await enqueue(enqueueStatement(jobs, [{ type, payload, options: rest }]), transaction);
      noticeMissingTicks();
      const [added] = await enqueue([{ type, payload, options: rest }], transaction);
      return added && !added.duplicate ? { id: added.id } : null;
    },
    async addJobs(entries, { transaction } = {}) {
      if (entries.length === 0) return [];
      const added = await enqueue(enqueueStatement(jobs, entries), transaction);
      noticeMissingTicks();
      return added;
      return enqueue(entries, transaction);
    },
    statement: (entries) => enqueueStatement(jobs, entries, telemetry?.traceparent() ?? null),
    getJob: async (id) => getJob(database(), id),
    waitFor: async (id, waitOptions) => waiting.for(id, waitOptions),
    findJob: async ({ type, idempotencyKey }) => findJob(database(), type, idempotencyKey),
    drain: (drainOptions = {}) => drainHere(drainOptions),
    kick: options.kick ? kicker(drainHere, options.kick) : refuseKick,
    preview: async (filter = {}) => preview(database(), jobs, filter),
    pause: async (target, why = {}) => pause(database(), target, typeof why === 'string' ? { reason: why } : why),
    resume: async (target, by = {}) => resume(database(), target, by),
    cancel: async (filter, how) => cancel(database(), filter, how),
    reschedule: async (filter, how) => reschedule(database(), filter, how),
    reprioritise: async (filter, how) => reprioritise(database(), filter, how),
    previewReplay: async (filter, how = {}) => previewReplay(database(), filter, how),
    replay: replayCall(database),
    replays: async () => replays(database()),
    stopReplay: async (id, by) => stopReplay(database(), id, by),
    auditLog: async (page = {}) => auditLog(database(), page),
    audit: async (entry) => audit(database(), entry),
    health: async () => checkHealth(database()),
    ...scheduleControls(database),
    health: async () => checkHealth(database(), watch.thresholds),
    incidents: async () => incidents(database()),
    metrics: async () => prometheusText(metricsOf(await measure(database()), [...jobs.keys()])),
    rateLimits: async () => rateLimits(database()),
    unblock: async (key, { actor }) => unblock(database(), key, actor),
    stats: async (statsOptions) => readStats(database(), statsOptions),
    drains: async (drainsOptions = {}) => drains(database(), drainsOptions),
    prune: async ({ budgetMs } = {}) => prune(database(), retention, budgetMs),
  };
}

function watchOptions(
  { health = {}, alerts = {}, guard }: QueueOptions<readonly Job[]>,
  jobs: ReadonlyMap<string, Job>,
  log: Log,
): WatchOptions {
  checkAlerts(alerts);
  if (guard)
    checkGuard(guard, (expected, got) => {
      const message = `expected guard.${expected}, got ${String(got)}`;
      throw new QueueError('option_invalid', `createQueue: ${message}`, { issues: [{ path: 'guard', message }] });
    });
  const thresholds = thresholdsOf(health, jobs.values(), FUNCTIONS);
  return { thresholds, guards: guardsOf(jobs.values(), guard), alerts, log };
}

function refuseKick(): never {
  throw new QueueError(
    'option_invalid',
    'queue.kick(): expected createQueue({ kick: { waitUntil, failed } }), got no kick option',
  );
}

/** One statement, atomic: a deadlock's victim is sent again. A lost answer is not: the caller's idempotency key makes that safe. */
async function enqueueAlone(database: Database, statement: EnqueueStatement): Promise<readonly AddedRow[]> {
  for (let tries = 1; ; tries++) {
    try {
      return await enqueueIn(database, statement);
    } catch (error) {
      if (tries === ENQUEUE_TRIES || !isSerializationFailure(error)) throw error;
    }
  }
}

function duration(option: string, ms: number): void {
  if (ms > 0 && ms <= LIMITS.scheduledForMs) return;
  const message = `expected a duration in ms up to 10 years, got ${ms}`;
  throw new QueueError('option_invalid', `createQueue: ${option}: ${message}`, { issues: [{ path: option, message }] });
}

function byType(list: readonly Job[], maxDurationMs: number): ReadonlyMap<string, Job> {
  const jobs = new Map<string, Job>();
  for (const job of list) {
    if (jobs.has(job.type)) throw new QueueError('job_definition_invalid', `two jobs declare the type '${job.type}'`);
    if (job.timeoutMs > maxDurationMs && !job.resumable)
      throw new QueueError(
        'job_definition_invalid',
        `'${job.type}': its timeout of ${job.timeoutMs} ms exceeds the ${maxDurationMs} ms that one invocation may take: ` +
          'shorten it, or make the handler resumable with checkpoints',
      );
    jobs.set(job.type, job);
  }
  return jobs;
}
