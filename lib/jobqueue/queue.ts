/** createQueue: ties a database and a list of jobs together. The only place where the core's parts meet. */
import type { z } from 'zod';
import type { Database } from '../../db/database.ts';
import type { Chore } from './chores.ts';
import { type DrainContext, type DrainOptions, drain } from './drain.ts';
import {
  type AddJobOptions,
  checkTransaction,
  type EnqueueStatement,
  enqueueIn,
  enqueueStatement,
  type Transaction,
} from './enqueue.ts';
import { QueueError } from './errors.ts';
import { checkHealth, findJob, getJob, type Health, type JobView, type Preview, preview } from './inspect.ts';
import type { Job } from './job.ts';
import { type KickOptions, kicker } from './kick.ts';
import { type DrainsOptions, type DrainView, drains } from './ledger.ts';
import { LIMITS } from './limits.ts';
import { type Log, logToStderr } from './log.ts';
import { type PruneReport, prune, upkeepChore } from './prune.ts';
import type { DrainReport } from './report.ts';
import { type RetentionOptions, retentionOf } from './retention.ts';
import { isSerializationFailure } from './sqlstate.ts';
import { readStats, type Stats, type StatsOptions } from './stats.ts';
import { audit, pause, resume } from './store/controls.ts';
import type { AddedRow } from './store/jobs.ts';

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

export interface QueueOptions<Jobs extends readonly Job[]> {
  /** The database, or how to get it: called once, by the first statement. */
  readonly database: Database | (() => Database);
  readonly jobs: Jobs;
  /** The longest that one drain may take, ms; default 300,000. */
  readonly maxDurationMs?: number;
  /** How long a completed job holds its idempotency key, ms; default 7 days. */
  readonly keyWindowMs?: number;
  /** How long finished jobs, ledger rows and counts are kept; see docs/retention.md. */
  readonly retention?: RetentionOptions<Jobs[number]['type']>;
  /** What `queue.kick()` needs of the platform. */
  readonly kick?: KickOptions;
  /** Default: warnings and errors as JSON lines on stderr. */
  readonly log?: Log;
}

export interface Queue<Jobs extends readonly Job[]> {
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
  /** The job that holds the key now. */
  findJob(by: { readonly type: Jobs[number]['type']; readonly idempotencyKey: string }): Promise<JobView | null>;
  drain(options?: DrainOptions): Promise<DrainReport>;
  /** Starts a short drain behind this request, at most 10 s; returns at once. After a commit, never inside a transaction. */
  kick(): void;
  /** What a drain with this filter would find due. Claims nothing. */
  preview(filter?: { queue?: string; types?: readonly string[]; includePaused?: boolean }): Promise<Preview>;
  /** Keeps drains from claiming a queue, a type, or (with neither) anything. */
  pause(target: { queue?: string; type?: string }, reason?: string): Promise<void>;
  resume(target: { queue?: string; type?: string }): Promise<void>;
  /** Appends to the audit log. */
  audit(entry: { readonly actor: string; readonly action: string; readonly details: object }): Promise<void>;
  health(): Promise<Health>;
  /** Counts, waits and run times per minute, hour or in total, over all drains. */
  stats(options: StatsOptions): Promise<readonly Stats[]>;
  /** The ledger, newest first: one entry per drain, with its overlaps and the gap before it. */
  drains(options?: DrainsOptions): Promise<readonly DrainView[]>;
  /** Deletes what is past its retention now, in slices, for at most `budgetMs` (default a minute). Drains do so by themselves. */
  prune(options?: { readonly budgetMs?: number }): Promise<PruneReport>;
}

/** Throws QueueError: `job_definition_invalid` for two jobs of one type or a timeout that no invocation can hold, `option_invalid`. */
export function createQueue<const Jobs extends readonly Job[]>(options: QueueOptions<Jobs>): Queue<Jobs> {
  const { maxDurationMs = MAX_DURATION_MS, keyWindowMs = KEY_WINDOW_MS, log = logToStderr } = options;
  duration('maxDurationMs', maxDurationMs);
  duration('keyWindowMs', keyWindowMs);
  const jobs = byType(options.jobs, maxDurationMs);
  const retention = retentionOf(options.retention ?? {}, keyWindowMs, jobs);
  const chores: readonly Chore[] = [upkeepChore(retention)];
  const longestRunMs = new Map<string, number>();
  let opened: Database | null = null;
  const database = () => {
    opened ??= typeof options.database === 'function' ? options.database() : options.database;
    return opened;
  };
  const enqueue = (statement: EnqueueStatement, transaction: Transaction | undefined) =>
    transaction ? enqueueIn(checkTransaction(transaction), statement) : enqueueAlone(database(), statement);

  const drainHere = async (drainOptions: DrainOptions) => {
    const context: DrainContext = { executor: database(), jobs, maxDurationMs, keyWindowMs, chores, log, longestRunMs };
    return drain(context, drainOptions);
  };

  return {
    jobs: options.jobs,
    async addJob(type, payload, { transaction, ...rest } = {}) {
      const [added] = await enqueue(enqueueStatement(jobs, [{ type, payload, options: rest }]), transaction);
      return added && !added.duplicate ? { id: added.id } : null;
    },
    async addJobs(entries, { transaction } = {}) {
      if (entries.length === 0) return [];
      return enqueue(enqueueStatement(jobs, entries), transaction);
    },
    statement: (entries) => enqueueStatement(jobs, entries),
    getJob: async (id) => getJob(database(), id),
    findJob: async ({ type, idempotencyKey }) => findJob(database(), type, idempotencyKey),
    drain: (drainOptions = {}) => drainHere(drainOptions),
    kick: options.kick ? kicker(drainHere, options.kick) : refuseKick,
    preview: async (filter = {}) => preview(database(), jobs, filter),
    pause: async ({ queue = '*', type = '*' }, reason) => pause(database(), { queue, type }, reason ?? null),
    resume: async ({ queue = '*', type = '*' }) => resume(database(), { queue, type }),
    audit: async (entry) => audit(database(), entry),
    health: async () => checkHealth(database()),
    stats: async (statsOptions) => readStats(database(), statsOptions),
    drains: async (drainsOptions = {}) => drains(database(), drainsOptions),
    prune: async ({ budgetMs } = {}) => prune(database(), retention, budgetMs),
  };
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
