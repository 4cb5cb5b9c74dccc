/**
 * createQueue: ties a database and a list of jobs together. What enqueues is imported here; the drain, reads and operations are
 * loaded by their first call, so that a function that only enqueues carries and parses none of them.
 */
import { randomUUID } from 'node:crypto';
import { type Around, type Arounds, aroundsOf } from './core/around.ts';
import { type DrainReport, emptyReport } from './core/drain-report.ts';
import { QueueError } from './core/errors.ts';
import { type CompletedJob, checkFollowUps, type DeadJob, redactJob } from './core/follow-up.ts';
import type { Guard } from './core/guard.ts';
import type { Job } from './core/job.ts';
import { lazily } from './core/lazily.ts';
import { LIMITS } from './core/limits.ts';
import { type Log, logToStderr } from './core/log.ts';
import { type Names, name, number, onlyKnown, refused } from './core/options.ts';
import { answersLater, NOT_ASYNCHRONOUS } from './core/payload.ts';
import { type RetentionOptions, retentionOf } from './core/retention.ts';
import type { Schedule } from './core/schedule.ts';
import type { InputOf, OutputOf } from './core/standard-schema.ts';
import { sendWithin, type Telemetry } from './core/telemetry.ts';
import type { HealthOptions } from './core/thresholds.ts';
import { DRAIN_NAMES, type DrainOptions } from './drain/drain-options.ts';
import type { LogJobs } from './drain/job-log.ts';
import { type KickOptions, kicker } from './drain/kick.ts';
import { type SleepOptions, WakeHint } from './drain/sleep-hint.ts';
import {
  type AddJobOptions,
  batchOf,
  type EnqueueStatement,
  enqueueAlone,
  enqueueIn,
  enqueueStatement,
  type JobInput,
  placedEnqueue,
} from './enqueue/enqueue.ts';
import { type FlowIds, type FlowInput, flowIds, flowStatement } from './enqueue/flow.ts';
import { missedTickMonitor } from './monitoring/missed-ticks.ts';
import { watchOptions } from './monitoring/watch-options.ts';
import type { AlertOptions } from './monitoring/webhook.ts';
import { laterOperators } from './operations/later.ts';
import type { Operators } from './operations/operations.ts';
import { type Transaction, transactionExecutor } from './postgres/adapters/transaction.ts';
import type { Database } from './postgres/database.ts';
import { DEADLINES_MS, withDeadline } from './postgres/deadlines.ts';
import { placedDatabase, placing, schemaName } from './postgres/schema.ts';
import type { AddedRow } from './postgres/statements/jobs.ts';
import type { JobView } from './reads/job-view.ts';
import type { WaitOptions } from './reads/wait.ts';
import { declaredSchedules } from './schedules/declared.ts';
import type { NewSchedule, Schedules } from './schedules/runtime.ts';

/** As long as completed history is kept. */
const KEY_WINDOW_MS = 7 * 24 * 3_600_000;
/** Vercel's default for a function. */
const MAX_DURATION_MS = 300_000;

/** The payload of a type, as `addJob` accepts it. */
export type PayloadOf<Jobs extends readonly Job[], Type extends Jobs[number]['type']> = InputOf<
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

/** A tree of jobs, each one's payload typed by its type. */
export type FlowOf<Jobs extends readonly Job[]> = {
  [Type in Jobs[number]['type']]: Omit<FlowInput, 'type' | 'payload' | 'children'> & {
    readonly type: Type;
    readonly payload: PayloadOf<Jobs, Type>;
    readonly children?: readonly FlowOf<Jobs>[];
  };
}[Jobs[number]['type']];

/** JSON as a caller may write it down: what the schema takes, unchangeable. */
type Constant<T> = T extends object ? { readonly [Key in keyof T]: Constant<T[Key]> } : T;

/** A schedule whose type and payload are those of some job of the queue. */
export type ScheduleOf<Jobs extends readonly Job[]> = {
  [Type in Jobs[number]['type']]: Schedule<Type, Constant<PayloadOf<Jobs, Type>>>;
}[Jobs[number]['type']];

/** A schedule to be made at run time, its payload typed by its type. */
export type NewScheduleOf<Jobs extends readonly Job[]> = {
  [Type in Jobs[number]['type']]: NewSchedule<Type, Constant<PayloadOf<Jobs, Type>>>;
}[Jobs[number]['type']];

/** Follow-ups that do not fit the payload of their type, as the compiler names them; `never` if all do. */
type Misfits<Jobs extends readonly Job[], Each = Jobs[number]> =
  Each extends Job<infer Type, infer Input, infer _Output, infer OnDeadLetter, infer OnCompleted>
    ?
        | Misfit<Jobs, 'onDeadLetter', OnDeadLetter, DeadJob<Type, Input>>
        | Misfit<Jobs, 'onCompleted', OnCompleted, CompletedJob<Type, Input>>
    : never;

type Misfit<Jobs extends readonly Job[], Option extends string, Target, Payload> = Target extends string
  ? string extends Target
    ? never // known at run time alone
    : Target extends Jobs[number]['type']
      ? Payload extends PayloadOf<Jobs, Target>
        ? never
        : `the payload of '${Target}' does not take what ${Option} gives it`
      : `${Option}: no job of the queue has the type '${Target}'`
  : never;

/** Nothing, if all follow-ups fit; else an option that no list of jobs satisfies. */
type FitsFollowUps<Jobs extends readonly Job[]> = [Misfits<Jobs>] extends [never]
  ? unknown
  : { readonly jobs: Misfits<Jobs> };

/** Options of `createQueue`. Only `database` and `jobs` are required. */
export interface QueueOptions<Jobs extends readonly Job[]> {
  /** The database, or how to get it: called once, by the first statement. */
  readonly database: Database | (() => Database);
  readonly jobs: Jobs;
  /** The schema of this queue's tables, as `migrate({ schema })` made it; default 'jobqueue'. Queues of several schemas share a database. */
  readonly schema?: string | undefined;
  /**
   * The environment of this process, such as 'production' or 'preview'. Drains do not touch a database that belongs to another
   * environment; the first migration or `adopt` decides the owner. Without it only databases without an owner are drained.
   */
  readonly environment?: string | undefined;
  /** All that this deployment declares; `[]` stops those of former code. Without it the drains of this queue fire what is due, and change no declaration. */
  readonly schedules?: readonly ScheduleOf<Jobs>[];
  /** The longest that one drain may take, ms; default 300,000. */
  readonly maxDurationMs?: number;
  /** The time that a completed job holds its idempotency key, ms; default 7 days, at most 10 years. */
  readonly keyWindowMs?: number;
  /** Retention of finished jobs, ledger rows and counts; see docs/retention.md. */
  readonly retention?: RetentionOptions<Jobs[number]['type']>;
  /** The platform's part of `queue.kick()`. Without it `kick` throws. */
  readonly kick?: KickOptions;
  /** Lets a database that scales to zero sleep between ticks that find nothing. Default: every tick asks it. */
  readonly sleep?: SleepOptions;
  /** Limits of the health checks. */
  readonly health?: HealthOptions;
  /** The webhook that is told of incidents. */
  readonly alerts?: AlertOptions;
  /** The guard of types that have none of their own; default: none. */
  readonly guard?: Guard;
  /** Default: warnings and errors as JSON lines on stderr. */
  readonly log?: Log;
  /** The jobs that are logged; default 'failures'. */
  readonly logJobs?: LogJobs;
  /** Runs around every run of a handler, for example with the tenant's context: one function, or a list of at most 32, outermost first. */
  readonly around?: Arounds<OutputOf<Jobs[number]['payload']>>;
  /** Traces: `openTelemetry()` of opentelemetry.ts, or another adapter. */
  readonly telemetry?: Telemetry;
}

/** A queue of declared jobs: enqueue, drain and operate. Make one with `createQueue` and share it in the process. */
export interface Queue<Jobs extends readonly Job[]> extends Operators {
  readonly jobs: Jobs;
  /** Lists, makes, changes and previews schedules. */
  readonly schedules: Schedules<NewScheduleOf<Jobs>>;
  /** The log given to `createQueue`, or the default. */
  readonly log: Log;
  /** The longest that one drain may take, ms. */
  readonly maxDurationMs: number;
  /** The schema of its tables. */
  readonly schema: string;
  /**
   * Enqueues one job in one round trip. Returns `null` if a job with the idempotency key exists; if its payload differs, the log warns with
   * `idempotency_key_reused`, and `addJobs` returns `differs`. Throws QueueError `unknown_type`, `payload_invalid`, `payload_too_large` (256 KiB),
   * `option_invalid` or `transaction_unsupported` before anything is written, `lock_timeout` after three seconds' wait for the key, and
   * `outcome_unknown` if the answer was lost: call again with the same key then.
   *
   * @example
   * ```ts
   * await db.transaction(async (tx) => {
   *   await tx.insert(leads).values(lead);
   *   await queue.addJob('welcome', { to: lead.email }, { transaction: tx, idempotencyKey: `welcome:${lead.id}` });
   * });
   * queue.kick();
   * ```
   */
  addJob<Type extends Jobs[number]['type']>(
    type: Type,
    payload: PayloadOf<Jobs, Type>,
    options?: AddJobOptions & { readonly transaction?: Transaction },
  ): Promise<{ id: string } | null>;
  /**
   * Enqueues up to 10,000 jobs and 8 MiB in one statement, all or none. Results are in order; a duplicate has the id of the job that holds the
   * key, and `differs` if the payloads differ. Throws as `addJob` does, and QueueError `batch_too_large`.
   */
  addJobs(
    jobs: readonly NewJobOf<Jobs>[],
    options?: { readonly transaction?: Transaction },
  ): Promise<readonly AddedRow[]>;
  /**
   * Enqueues a tree of up to 1,000 jobs in one statement, all or none: each parent runs once its children have completed. Answers
   * their ids; `null`: the first job's idempotency key already holds. Throws QueueError; then nothing was written.
   */
  addFlow(flow: FlowOf<Jobs>, options?: { readonly transaction?: Transaction }): Promise<FlowIds | null>;
  /** The same insert as a statement for any client, to share its transaction. */
  statement(jobs: readonly NewJobOf<Jobs>[]): EnqueueStatement;
  /** The job, live or finished; `null` if it does not exist or was pruned. Throws QueueError `option_invalid` for a text that is no id. */
  getJob(id: string): Promise<JobView | null>;
  /**
   * Waits until the job has ended: at most 60 s, default 10 s. Rejects with QueueError `wait_timeout` or `job_unknown`, or with
   * the signal's reason; the job itself goes on. Use it for short jobs, because a function is billed while it waits.
   */
  waitFor(id: string, options?: WaitOptions): Promise<JobView>;
  /** The job that holds the key now. */
  findJob(by: { readonly type: Jobs[number]['type']; readonly idempotencyKey: string }): Promise<JobView | null>;
  /**
   * Claims, runs and settles due jobs until nothing is due or its time is up, and returns the report. Any number of drains may run at the same
   * time. Failures of jobs are part of the report; a lost database ends the drain as `database_unreachable`. Rejects with QueueError
   * `option_invalid`, and with the database's error if the database never answered.
   *
   * @example
   * ```ts
   * const { completed, deadLettered, stopReason } = await queue.drain({ types: ['welcome'], budgetMs: 20_000 });
   * ```
   */
  drain(options?: DrainOptions): Promise<DrainReport>;
  /** Starts a short drain behind this request, at most 10 s; returns at once. After a commit, never inside a transaction. */
  kick(): void;
  /**
   * The queue of the same jobs with other options, such as another database: for tools and tests. An option that is given as undefined has
   * its default. Throws as createQueue does.
   */
  with(options: OtherOptions<Jobs>): Queue<Jobs>;
}

/** Options of `queue.with`: any of createQueue's, but the jobs. */
export type OtherOptions<Jobs extends readonly Job[]> = {
  readonly [Name in Exclude<keyof QueueOptions<Jobs>, 'jobs'>]?: QueueOptions<Jobs>[Name] | undefined;
};

const NAMES: Names<QueueOptions<[]>> = {
  database: true,
  jobs: true,
  schema: true,
  schedules: true,
  maxDurationMs: true,
  keyWindowMs: true,
  retention: true,
  kick: true,
  sleep: true,
  health: true,
  alerts: true,
  guard: true,
  log: true,
  logJobs: true,
  around: true,
  telemetry: true,
  environment: true,
};
const WHERE = { call: 'createQueue' } as const;
/** Options of calls that can share a transaction. */
const SHARING = { transaction: true } as const;

/**
 * Makes the queue of a list of jobs. Opens no connection: `database` is called by the first statement. Throws QueueError `job_definition_invalid`
 * for two jobs of one type, follow-ups of a type that is missing or that lead in a circle, or a timeout longer than `maxDurationMs`, `option_invalid`, `schedule_definition_invalid`, and the errors of
 * `addJob` for a schedule whose payload does not fit.
 *
 * @example
 * ```ts
 * import { createQueue } from '@conversure/jobqueue';
 * import { database } from '@conversure/jobqueue/postgres';
 * import { welcome } from './jobs/welcome.ts';
 *
 * export const queue = createQueue({ database, jobs: [welcome] });
 * ```
 */
export function createQueue<const Jobs extends readonly Job[]>(
  options: QueueOptions<Jobs> & FitsFollowUps<Jobs>,
): Queue<Jobs> {
  return queueOf(options);
}

function queueOf<const Jobs extends readonly Job[]>(options: QueueOptions<Jobs>): Queue<Jobs> {
  onlyKnown(options, NAMES, WHERE);
  const { maxDurationMs = MAX_DURATION_MS, keyWindowMs = KEY_WINDOW_MS, log = logToStderr } = options;
  const { logJobs = 'failures', telemetry = null } = options;
  number('maxDurationMs', maxDurationMs, { min: 1, max: LIMITS.scheduledForMs }, WHERE);
  number('keyWindowMs', keyWindowMs, { min: 1, max: LIMITS.scheduledForMs }, WHERE);
  const around = aroundsOf(options.around, WHERE.call);
  const schema = schemaName(options.schema, WHERE);
  const place = placing(schema);
  const jobs = byType(options.jobs, maxDurationMs);
  const environment = options.environment === undefined ? null : name('environment', options.environment, WHERE);
  const watch = watchOptions({ ...options, environment, schema }, jobs, log);
  const retention = retentionOf(options.retention ?? {}, keyWindowMs, jobs);
  const handled = [...jobs.values()].filter(({ handler }) => handler !== null).map(({ type }) => type);
  const schedules = options.schedules ? declaredSchedules(options.schedules, jobs) : null;
  let opened: Database | null = null;
  const database = () => {
    opened ??= placedDatabase(typeof options.database === 'function' ? options.database() : options.database, schema);
    return opened;
  };
  const read = () => withDeadline(database(), DEADLINES_MS.read);
  const hint = options.sleep ? new WakeHint(options.sleep, handled, log) : null;
  const invalidate = () => hint?.invalidate();
  const insert = async (statement: EnqueueStatement, transaction: Transaction | undefined) => {
    const sent =
      transaction === undefined
        ? enqueueAlone(database(), statement)
        : enqueueIn(transactionExecutor(transaction), placedEnqueue(statement, place));
    return sent.finally(invalidate); // also if it failed: an answer that got lost may have been a yes
  };
  const enqueue = async (inputs: readonly JobInput[], transaction: Transaction | undefined) => {
    if (telemetry === null) return insert(enqueueStatement(jobs, inputs), transaction);
    return sendWithin(telemetry, batchOf(jobs, inputs), async (traceparent) =>
      insert(enqueueStatement(jobs, inputs, traceparent), transaction),
    );
  };
  const noticeMissingTicks = options.kick
    ? missedTickMonitor(watch, database, options.kick.waitUntil)
    : () => undefined;

  const waiting = lazily(async () => {
    const { Waiting } = await import('./reads/wait.ts');
    return new Waiting(database, Math.random);
  });
  const loadOperators = lazily(async () => {
    const { offeredOperators } = await import('./operations/offered.ts');
    const { thresholds, alerts } = watch;
    return offeredOperators(
      {
        ...{ database, jobs, environment, retention, thresholds, consoleUrl: alerts.consoleUrl },
        declared: schedules?.names ?? new Set(),
      },
      invalidate,
    );
  });
  const loadDrainer = lazily(async () => {
    const { drainer } = await import('./drainer.ts');
    const shared = { jobs, around, environment, maxDurationMs, keyWindowMs, log, logJobs, telemetry };
    return drainer({ ...shared, database, handled, schedules, watch, retention });
  });
  const drainAwake = async (drainOptions: DrainOptions) => (await loadDrainer())(drainOptions);
  const drainHere = async (given: DrainOptions) => {
    onlyKnown(given, DRAIN_NAMES, { call: 'drain' });
    const { maySleep = false, ...drainOptions } = given;
    if (hint === null) return drainAwake(drainOptions);
    if (!maySleep) {
      invalidate(); // for whatever it is there for, a retry of its jobs included
      return drainAwake(drainOptions);
    }
    const sleepsForMs = await hint.sleepsForMs();
    if (sleepsForMs !== null) return skippedReport(drainOptions.source, sleepsForMs);
    const report = await drainAwake(drainOptions);
    if (report.stopReason === 'empty') await hint.storeHint(database());
    return report;
  };

  const queue: Queue<Jobs> = {
    jobs: options.jobs,
    log,
    maxDurationMs,
    schema,
    async addJob(type, payload, { transaction, ...rest } = {}) {
      const [added] = await enqueue([{ type, payload, options: rest }], transaction);
      noticeMissingTicks();
      if (added?.differs) log('warn', 'idempotency_key_reused', { type, holder: added.id });
      return added && !added.duplicate ? { id: added.id } : null;
    },
    async addJobs(entries, sharing = {}) {
      onlyKnown(sharing, SHARING, { call: 'addJobs' });
      if (entries.length === 0) return [];
      const added = await enqueue(entries, sharing.transaction);
      noticeMissingTicks();
      return added;
    },
    async addFlow(flow, sharing = {}) {
      onlyKnown(sharing, SHARING, { call: 'addFlow' });
      const { transaction } = sharing;
      const send = async (traceparent: string | null) => insert(flowStatement(jobs, flow, traceparent), transaction);
      const added = await (telemetry === null ? send(null) : sendWithin(telemetry, batchOf(jobs, [flow]), send));
      noticeMissingTicks();
      return added[0]?.duplicate
        ? null
        : flowIds(
            flow,
            added.map(({ id }) => id),
          );
    },
    statement: (entries) => placedEnqueue(enqueueStatement(jobs, entries, telemetry?.traceparent() ?? null), place),
    async getJob(id) {
      const { getJob } = await import('./reads/job-view.ts');
      return getJob(read(), id);
    },
    waitFor: async (id, waitOptions) => (await waiting()).for(id, waitOptions),
    async findJob(by) {
      onlyKnown(by, { type: true, idempotencyKey: true }, { call: 'findJob' });
      const { findJob } = await import('./reads/job-view.ts');
      return findJob(read(), by.type, by.idempotencyKey);
    },
    drain: (drainOptions = {}) => drainHere(drainOptions),
    kick: options.kick ? kicker(drainHere, options.kick) : refuseKick,
    with: (others) =>
      queueOf({
        ...options,
        ...(others as Partial<QueueOptions<Jobs>>), // an option that is undefined reads as one that is left out
        database: others.database ?? options.database,
      }),
    redactPayload: (type, payload) => redactJob(jobs, type, payload),
    ...laterOperators(loadOperators),
  };
  databases.set(queue, database);
  arounds.set(queue, around);
  return queue;
}

/** The databases of all queues. Only `databaseOf` reads it: no method of a queue hands out its tables. */
const databases = new WeakMap<object, () => Database>();

/** The database of a queue, its statements placed in the queue's schema. Throws QueueError `option_invalid` for anything but a queue. */
export function databaseOf(queue: object): Database {
  const database = databases.get(queue);
  if (database === undefined) throw refused('queue', 'a queue that createQueue made', queue);
  return database();
}

/** The functions that each queue runs around its handlers: a tool that adds one keeps them. */
const arounds = new WeakMap<object, readonly Around[]>();

/** What this queue runs around its handlers. Throws QueueError `option_invalid` for anything but a queue. */
export function aroundsOfQueue(queue: object): readonly Around[] {
  const found = arounds.get(queue);
  if (found === undefined) throw refused('queue', 'a queue that createQueue made', queue);
  return found;
}

/** The report of a tick that let the database sleep. */
function skippedReport(source: string | undefined, nextDueInMs: number): DrainReport {
  return { ...emptyReport(randomUUID(), source ?? 'manual'), stopReason: 'skipped', nextDueInMs };
}

function refuseKick(): never {
  throw refused('kick', '{ waitUntil, failed } in createQueue', undefined, { call: 'queue.kick()' });
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
    if (answersLater(job.payload))
      throw new QueueError('job_definition_invalid', `defineJob('${job.type}'): ${NOT_ASYNCHRONOUS}`);
    jobs.set(job.type, job);
  }
  checkFollowUps(jobs);
  return jobs;
}
