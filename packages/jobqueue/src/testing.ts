/** Tools for the tests of an app with a queue: drain to the end, let time pass, look at jobs and at runs, empty the tables. No test runner. */
import { isDeepStrictEqual } from 'node:util';
import type { AnyQueue } from './config.ts';
import { type Around, type Arounds, aroundsOf, within } from './core/around.ts';
import { checkBuckets, checkKey, checkLimit } from './core/bucket.ts';
import type { DrainReport } from './core/drain-report.ts';
import { QueueError } from './core/errors.ts';
import type { Child, Job, JobContext, Progress, RateLimit, RunningJob, Status } from './core/job.ts';
import {
  type Duration,
  duration,
  idOf,
  instant,
  integer,
  type Names,
  number,
  oneOf,
  onlyKnown,
  refused,
  text,
} from './core/options.ts';
import { encodePayload } from './core/payload.ts';
import type { Outcome } from './core/settle.ts';
import type { OutputOf } from './core/standard-schema.ts';
import { isForeign, notDrained } from './drain/environment.ts';
import { type RunInput, run } from './drain/run-handler.ts';
import type { Database } from './postgres/database.ts';
import * as store from './postgres/statements/testing.ts';
import { aroundsOfQueue, databaseOf, type PayloadOf, type Queue } from './queue.ts';
import { RateLimiter } from './rate-limits/limiter.ts';
import { getJob, type JobView, viewOf } from './reads/job-view.ts';

export {
  createTestDatabase,
  startTestServer,
  type TestDatabase,
  type TestDatabaseOptions,
  type TestServerOptions,
} from './embedded/test-database.ts';

/** A message lists no more: the first ones tell what is wrong. */
const MOST_LISTED = 10;
/** A test that needs more rows at once should count them by SQL. */
const MOST_READ = 1_000;
const LISTED_PAYLOAD_CHARS = 200;

/** Options of `drainAll`. */
export interface DrainAllOptions {
  /**
   * `true`: delayed jobs and retries become due until none is left. A Date: those whose time comes until then. Their rows move, not the
   * clock, and rate limits start afresh. Default `false`: they stay.
   */
  readonly includeDelayed?: boolean | Date;
  /** `throw`, the default: the first drain with a failed run ends it. `continue`: the report lists failed runs, and retries go on. */
  readonly onFailure?: 'throw' | 'continue';
  /** Drains only these types. */
  readonly types?: readonly string[];
  /** The most drains, 1 to 1,000, default 100: a job that continues with a delay for ever never ends. */
  readonly maxDrains?: number;
  /** The longest that all drains may take, ms, to an hour; default 20,000, which is less than most runners give a test file. */
  readonly timeoutMs?: number;
}

/** A run of a handler that failed. */
export interface FailedRun {
  readonly id: string;
  readonly type: string;
  /** 1 on the first run. */
  readonly attempt: number;
  /** As it is stored: name, message, stack and, if it has one, `code`. */
  readonly error: { readonly name: string; readonly message: string; readonly code?: string; readonly stack?: string };
}

const COUNTERS = ['claimed', 'completed', 'retried', 'deadLettered', 'givenBack', 'continued', 'cancelled'] as const;

/** The counters of all drains of one `drainAll`, summed. */
export interface DrainAllReport extends Readonly<Pick<DrainReport, (typeof COUNTERS)[number]>> {
  readonly drains: number;
  /** Oldest first, at most 1,000. */
  readonly failures: readonly FailedRun[];
}

/** Thrown by `drainAll` for failed runs. Its message shows the first ten; `cause` is the first handler's error with its stack. */
export class JobsFailedError extends Error {
  override readonly name = 'JobsFailedError';
  readonly failures: readonly FailedRun[];

  constructor(failures: readonly FailedRun[]) {
    const [first] = failures;
    const lines = failures.map(
      ({ id, type, attempt, error }) => `${type} ${id}, attempt ${attempt}: ${error.name}: ${error.message}`,
    );
    super(`drainAll: ${failures.length} failed ${failures.length === 1 ? 'run' : 'runs'}${listed(lines)}`, {
      cause: first && Object.assign(new Error(first.error.message), first.error),
    });
    this.failures = failures;
  }
}

const DRAIN_ALL: Names<DrainAllOptions> = {
  includeDelayed: true,
  onFailure: true,
  types: true,
  maxDrains: true,
  timeoutMs: true,
};

/**
 * Drains until no job is due. Throws JobsFailedError if a handler failed, because a test would not see a retry; QueueError `wait_timeout`,
 * with a list of what is left, if time or drains ran out; `other_environment` unless the database may be changed by tests (see `clearQueue`);
 * `option_invalid`; and what `queue.drain` throws. Types without a handler and paused jobs stay.
 *
 * @example
 * ```ts
 * await signUp('ada@example.com');
 * expect(await drainAll(queue, { includeDelayed: true })).toMatchObject({ completed: 2 });
 * ```
 */
export async function drainAll(queue: AnyQueue, options: DrainAllOptions = {}): Promise<DrainAllReport> {
  const where = { call: 'drainAll' };
  onlyKnown(options, DRAIN_ALL, where);
  const { includeDelayed = false, types } = options;
  const onFailure = oneOf('onFailure', options.onFailure ?? 'throw', ['throw', 'continue'], where);
  const maxDrains = integer('maxDrains', options.maxDrains ?? 100, { min: 1, max: 1_000 }, where);
  const timeoutMs = number('timeoutMs', options.timeoutMs ?? 20_000, { min: 1, max: 3_600_000 }, where);
  const until = untilOf(includeDelayed);

  const database = await testDatabase(queue);
  const jobs: readonly Job[] = queue.jobs;
  const handled = types ?? jobs.filter(({ handler }) => handler !== null).map(({ type }) => type);
  const since = await store.clock(database);
  const endsAtMs = performance.now() + timeoutMs;
  const sum = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Record<(typeof COUNTERS)[number], number>;
  let failures: readonly FailedRun[] = [];
  for (let drains = 1; ; drains++) {
    const budgetMs = Math.max(1, endsAtMs - performance.now());
    const draining = queue.with({ database, around: [...aroundsOfQueue(queue), ...spiesOf(queue)] }); // it remembers no rate limit
    const report = await draining.drain({ source: 'test', budgetMs, ...(types && { types }) });
    for (const name of COUNTERS) sum[name] += report[name];
    if (report.retried + report.deadLettered > 0) failures = await failuresSince(database, since);
    if (onFailure === 'throw' && failures.length > 0) throw new JobsFailedError(failures);
    if (report.stopReason !== 'empty')
      throw await unfinished(
        database,
        `drain ${drains} ended with '${report.stopReason}' (${report.error ?? `timeoutMs is ${timeoutMs}`})`,
      );
    if (until === null || (await store.letTimePass(database, handled, until)) === 0)
      return { drains, ...sum, failures };
    if (drains === maxDrains)
      throw await unfinished(database, `jobs are left after ${drains} drains, the most allowed`);
  }
}

/** The latest due time of jobs that are made due, as Postgres reads it; null: none are. */
function untilOf(includeDelayed: boolean | Date): string | null {
  if (typeof includeDelayed !== 'boolean') return instant('includeDelayed', includeDelayed, { call: 'drainAll' });
  return includeDelayed ? 'infinity' : null;
}

async function failuresSince(database: Database, since: string): Promise<readonly FailedRun[]> {
  const failed = await store.failedRuns(database, since, MOST_READ);
  return failed.map(({ id, type, error: { attempt, name, message, code, stack } }) => ({
    id,
    type,
    attempt,
    error: { name, message, ...(code !== undefined && { code }), ...(stack !== undefined && { stack }) },
  }));
}

async function unfinished(database: Database, why: string): Promise<QueueError> {
  const left = await store.liveJobs(database, { type: null, payload: null, limit: MOST_LISTED + 1 });
  return new QueueError('wait_timeout', `drainAll: ${why}${listed(left.map((row) => lineOf(viewOf(row))))}`);
}

/** A decade is longer than any delay that a test waits for. */
const MOST_ADVANCED_MS = 3_660 * 24 * 3_600_000;

/**
 * Lets time pass for the rows of the queue, ms or like '2h', up to ten years; answers how many pending jobs came nearer. The clock stays. What moves: the
 * due times and ages of pending jobs, the leases of running ones (a lease that has ended gives its jobs to the next drain), windows of
 * idempotency keys, tokens and blocks of rate limits, and replays. What stays: finished jobs, errors, the ledger, counts,
 * incidents and mutes, which are history, and schedules, whose slots are instants of the real clock. Drains nothing. Throws
 * QueueError `option_invalid`, and `other_environment` as `clearQueue` does.
 *
 * @example
 * ```ts
 * await queue.addJob('reminder', { to: 'ada@example.com' }, { delayMs: 7_200_000 });
 * await advance(queue, '2h');
 * expect(await drainAll(queue)).toMatchObject({ completed: 1 });
 * ```
 */
export async function advance(queue: AnyQueue, by: Duration): Promise<number> {
  const byMs = duration('by', by, { min: 1, max: MOST_ADVANCED_MS }, { call: 'advance' });
  return store.advance(await testDatabase(queue), byMs);
}

/** A part of a payload: each field is optional, at any depth. */
export type PartOf<Payload> = Payload extends readonly (infer Entry)[]
  ? readonly PartOf<Entry>[]
  : Payload extends object
    ? { readonly [Name in keyof Payload]?: PartOf<Payload[Name]> }
    : Payload;

/** The jobs that a test looks for: all that fit every criterion given. */
export interface Wanted<Jobs extends readonly Job[], Type extends Jobs[number]['type']> {
  readonly type?: Type;
  /** A part of the payload, compared like `@>` of jsonb: objects may hold more fields, lists more entries in any order. */
  readonly payload?: PartOf<PayloadOf<Jobs, Type>>;
}

/** A live job, its payload typed by its type, as it was enqueued. */
export type EnqueuedJob<Jobs extends readonly Job[], Type extends Jobs[number]['type']> = {
  readonly [Each in Type]: Omit<JobView, 'type' | 'payload'> & {
    readonly type: Each;
    readonly payload: PayloadOf<Jobs, Each>;
  };
}[Type];

/**
 * Live jobs, pending or running, in the order in which they were enqueued. Throws QueueError `option_invalid` if more than 1,000 fit.
 */
export async function enqueued<Jobs extends readonly Job[], Type extends Jobs[number]['type'] = Jobs[number]['type']>(
  queue: Queue<Jobs>,
  wanted: Wanted<Jobs, Type> = {},
): Promise<readonly EnqueuedJob<Jobs, Type>[]> {
  return readLive(queue, wanted, { call: 'enqueued' });
}

/** Options of `expectEnqueued`. */
export interface ExpectedJobs<Jobs extends readonly Job[], Type extends Jobs[number]['type']>
  extends Wanted<Jobs, Type> {
  /** The exact number; 0 says that no such job may exist. Default: at least one. */
  readonly count?: number;
}

/**
 * Asserts that such jobs are live, and answers them. Throws an Error that lists the first ten jobs that are there instead, with the beginning
 * of their payloads; values that a schema marks as secret are hidden.
 *
 * @example
 * ```ts
 * const [job] = await expectEnqueued(queue, { type: 'welcome', payload: { to: 'ada@example.com' } });
 * ```
 */
export async function expectEnqueued<
  Jobs extends readonly Job[],
  Type extends Jobs[number]['type'] = Jobs[number]['type'],
>(queue: Queue<Jobs>, expected: ExpectedJobs<Jobs, Type>): Promise<readonly EnqueuedJob<Jobs, Type>[]> {
  const where = { call: 'expectEnqueued' };
  const { count, ...wanted } = expected;
  if (count !== undefined) integer('count', count, { min: 0, max: MOST_READ }, where);
  const found = await readLive<Jobs, Type>(queue, wanted, where);
  if (count === undefined ? found.length > 0 : found.length === count) return found;
  const others = await store.liveJobs(databaseOf(queue), { type: null, payload: null, limit: MOST_LISTED + 1 });
  const there = others.map((row) => {
    const shown = queue.redactPayload(row.type, row.payload);
    return `${lineOf(viewOf(row))}: ${JSON.stringify(shown).slice(0, LISTED_PAYLOAD_CHARS)}`;
  });
  const number = count === undefined ? 'at least one live job' : `${count} live jobs`;
  throw new Error(
    `expectEnqueued: expected ${number} like ${JSON.stringify(wanted)}, found ${found.length}` +
      (there.length === 0 ? '; no job is live' : `; live jobs:${listed(there)}`),
  );
}

const STATUSES = [
  'PENDING',
  'PROCESSING',
  'COMPLETED',
  'DEAD_LETTER',
  'CANCELLED',
] as const satisfies readonly Status[];
/** The most jobs that `expectJob` looks at. */
const MOST_LOOKED_AT = 100;

/** The job that a test looks for, by what never changes, and the facts that it must show. */
export interface ExpectedJob<Jobs extends readonly Job[], Type extends Jobs[number]['type']>
  extends Wanted<Jobs, Type> {
  readonly id?: string;
  readonly status?: Status;
  /** Attempts that were made: 1 of a job that completed in its first run. */
  readonly attempts?: number;
  /** The whole result, compared after JSON; null: none. */
  readonly result?: unknown;
  /** A part of the message of its last error. */
  readonly error?: string;
}

const EXPECTED_JOB: Names<ExpectedJob<readonly Job[], string>> = {
  ...{ id: true, type: true, payload: true, status: true, attempts: true, result: true, error: true },
};

/**
 * Asserts that a job, live or finished, fits all that is given, and answers the oldest one that does. Throws an Error that lists the first ten jobs of
 * this id, type and payload with what they came to; QueueError `option_invalid`, also if those are more than 100.
 *
 * @example
 * ```ts
 * await expectJob(queue, { type: 'welcome', payload: { to: 'ada@example.com' }, status: 'COMPLETED', attempts: 1, result: { sent: 1 } });
 * ```
 */
export async function expectJob<Jobs extends readonly Job[], Type extends Jobs[number]['type'] = Jobs[number]['type']>(
  queue: Queue<Jobs>,
  expected: ExpectedJob<Jobs, Type>,
): Promise<EnqueuedJob<Jobs, Type>> {
  const where = { call: 'expectJob' };
  onlyKnown(expected, EXPECTED_JOB, where);
  const { id, type, payload, status, attempts, result, error } = expected;
  if (id !== undefined) idOf('id', id, where);
  if (type !== undefined) oneOf('type', type, typesOf(queue), where);
  if (status !== undefined) oneOf('status', status, STATUSES, where);
  if (attempts !== undefined) integer('attempts', attempts, { min: 0, max: 100 }, where);
  if (error !== undefined) text('error', error, MOST_READ, where);
  const database = databaseOf(queue);
  const criteria = {
    id: id ?? null,
    type: type ?? null,
    payload: payload === undefined ? null : JSON.stringify(payload),
  };
  const ids = await store.jobIds(database, { ...criteria, limit: MOST_LOOKED_AT + 1 });
  if (ids.length > MOST_LOOKED_AT)
    throw refused('id, type and payload', `to fit at most ${MOST_LOOKED_AT} jobs`, 'more', where);
  const jobs: JobView[] = [];
  for (const each of ids) {
    const job = await getJob(database, each);
    if (job !== null) jobs.push(job);
  }
  const found = jobs.find(
    (job) =>
      (status === undefined || job.status === status) &&
      (attempts === undefined || job.attempts === attempts) &&
      (result === undefined || isDeepStrictEqual(job.result, JSON.parse(JSON.stringify(result)))) &&
      (error === undefined || job.errors.at(-1)?.message.includes(error)),
  );
  if (found !== undefined) return found as unknown as EnqueuedJob<Jobs, Type>;
  const there = jobs.map((job) => `${lineOf(job)}, ${job.attempts} attempts, result ${shortly(job.result)}`);
  throw new Error(
    `expectJob: expected a job like ${JSON.stringify(expected)}` +
      (there.length === 0 ? ', found none of this id, type and payload' : `, found:${listed(there)}`),
  );
}

function shortly(value: unknown): string {
  return JSON.stringify(value ?? null).slice(0, LISTED_PAYLOAD_CHARS);
}

/** One run that a spy saw. Its fields are set when the run ends. */
export interface SpiedRun<Payload> {
  readonly payload: Payload;
  readonly job: RunningJob;
  /** `running` until it ends. */
  readonly outcome: 'running' | 'returned' | 'threw';
  /** The value that it returned. */
  readonly value?: unknown;
  /** The error that it threw. */
  readonly error?: unknown;
}

/** The runs of one type, as `spyOn` answers it. */
export interface Spy<Payload> {
  /** In the order of their starts: the latest 1,000. */
  readonly calls: readonly SpiedRun<Payload>[];
  /** All calls, of which `calls` may have lost the first. */
  readonly count: number;
  /** The type's own handler runs again, and nothing more is recorded. */
  restore(): void;
}

/** The spies of each queue, the latest last. */
const spies = new WeakMap<object, Set<Around>>();

function spiesOf(queue: object): Iterable<Around> {
  return spies.get(queue) ?? [];
}

type Ran<Jobs extends readonly Job[], Type extends Jobs[number]['type']> = OutputOf<
  Extract<Jobs[number], { type: Type }>['payload']
>;

/**
 * Records the runs of a type in each `drainAll` of this queue, until `restore()`. With `instead` that function runs in place of the handler, with the
 * handler's context: its value is the result, `continueWith` and `cancelJob` included, and what it throws fails the run. It runs within the
 * queue's own `around`. The type needs a handler, because no drain claims others. `queue.drain`, kicks and `runJob` run what
 * they always do. Throws QueueError `option_invalid`.
 *
 * @example
 * ```ts
 * const mail = spyOn(queue, 'mail', async ({ payload }) => ({ to: payload.to }));
 * await drainAll(queue);
 * expect(mail.calls).toMatchObject([{ payload: { to: 'ada@example.com' }, outcome: 'returned' }]);
 * mail.restore();
 * ```
 */
export function spyOn<Jobs extends readonly Job[], Type extends Jobs[number]['type']>(
  queue: Queue<Jobs>,
  type: Type,
  instead?: (context: JobContext<Ran<Jobs, Type>>) => unknown,
): Spy<Ran<Jobs, Type>> {
  const where = { call: 'spyOn' };
  aroundsOfQueue(queue);
  const handled = queue.jobs.filter(({ handler }) => handler !== null);
  oneOf('type', type, typesOf({ jobs: handled }), where);
  if (instead !== undefined && typeof instead !== 'function') throw refused('instead', 'a function', instead, where);
  const calls: { -readonly [Name in keyof SpiedRun<unknown>]: SpiedRun<unknown>[Name] }[] = [];
  let count = 0;
  const around: Around = async (context, next) => {
    if (context.job.type !== type) return next();
    const call: (typeof calls)[number] = { payload: context.payload, job: context.job, outcome: 'running' };
    count++;
    calls.push(call);
    if (calls.length > MOST_READ) calls.shift();
    try {
      const value = await (instead === undefined ? next() : instead(context as JobContext<Ran<Jobs, Type>>));
      Object.assign(call, { outcome: 'returned', value });
      return value;
    } catch (error) {
      Object.assign(call, { outcome: 'threw', error });
      throw error;
    }
  };
  const all = spies.get(queue) ?? new Set();
  spies.set(queue, all.add(around));
  return {
    calls: calls as unknown as readonly SpiedRun<Ran<Jobs, Type>>[],
    get count() {
      return count;
    },
    restore: () => void all.delete(around),
  };
}

function typesOf({ jobs }: { readonly jobs: readonly Job[] }): readonly string[] {
  return jobs.map((job) => job.type);
}

const WANTED: Names<Wanted<readonly Job[], string>> = { type: true, payload: true };

async function readLive<Jobs extends readonly Job[], Type extends Jobs[number]['type']>(
  queue: Queue<Jobs>,
  wanted: Wanted<Jobs, Type>,
  where: { readonly call: string },
): Promise<readonly EnqueuedJob<Jobs, Type>[]> {
  onlyKnown(wanted, WANTED, where);
  const { type = null, payload } = wanted;
  if (type !== null) oneOf('type', type, typesOf(queue), where);
  const criteria = { type, payload: payload === undefined ? null : JSON.stringify(payload), limit: MOST_READ + 1 };
  const rows = await store.liveJobs(databaseOf(queue), criteria);
  if (rows.length > MOST_READ)
    throw refused('type and payload', `to fit at most ${MOST_READ} live jobs`, 'more', where);
  return rows.map(viewOf) as unknown as readonly EnqueuedJob<Jobs, Type>[]; // `addJob` checked each payload by its type
}

/** The facts of the job and its surroundings that a handler under test is told. */
export interface RunJobOptions {
  /** Fields of `context.job`, such as `attempt` or `state`. Others are those of a new job's first run. */
  readonly job?: Partial<Omit<RunningJob, 'type'>>;
  /** Aborts `context.signal`, which fires at the job's timeout in any case. */
  readonly signal?: AbortSignal;
  /** The children that `context.children()` answers; default: none. */
  readonly children?: readonly Child[];
  /** Default: a token is always there at once, and blocks do nothing; keys and limits are checked as in a drain. */
  readonly rateLimit?: RateLimit;
  /** As in createQueue; default: nothing runs around the handler. */
  readonly around?: Arounds;
}

/** The outcome of one run, with all that the handler reported on its way. */
export type JobRun = (
  | { readonly kind: 'completed' /** The return value after JSON. */; readonly result: unknown }
  | { readonly kind: 'continued'; readonly state: unknown; readonly delayMs: number }
  | { readonly kind: 'cancelled'; readonly reason: string }
) & { readonly checkpoints: readonly unknown[]; readonly progress: readonly Progress[] };

const RUN_JOB: Names<RunJobOptions> = { job: true, signal: true, children: true, rateLimit: true, around: true };

/**
 * Runs the handler of a job once, without a database and with the context that a drain gives it. The payload is checked and passes through JSON
 * as in `addJob`, and the handler gets the schema's output. Rejects with the very error that the handler threw; with an Error for a result or
 * state that is too large; with QueueError `payload_invalid`, `payload_too_large` or `option_invalid`; and if the job has no handler.
 *
 * @example
 * ```ts
 * expect(await runJob(welcome, { to: 'ada@example.com' })).toMatchObject({ kind: 'completed', result: { sent: 1 } });
 * await expect(runJob(welcome, { to: 'gone@example.com' })).rejects.toThrow(NonRetryableError);
 * ```
 */
export async function runJob<Type extends string, Input, Output>(
  job: Job<Type, Input, Output>,
  payload: Input,
  options: RunJobOptions = {},
): Promise<JobRun> {
  onlyKnown(options, RUN_JOB, { call: 'runJob' });
  const around = aroundsOf(options.around, 'runJob');
  const checkpoints: unknown[] = [];
  const progress: Progress[] = [];
  let thrown: { readonly error: unknown } | undefined;
  const load = job.handler;
  const definition: Job = {
    ...(job as unknown as Job),
    handler:
      load &&
      (async () => {
        const handler = await load();
        const tell = async (context: JobContext<unknown>) => {
          try {
            const limited = withRateLimit(context as JobContext<Output>, options.rateLimit ?? freeTokens());
            return await within(around, limited, (own) => handler.run(own));
          } catch (error) {
            thrown = { error };
            throw error;
          }
        };
        return { run: tell };
      }),
  };
  const input = inputOf(definition, JSON.parse(encodePayload(job, payload, '')), options, { checkpoints, progress });
  const outcome = await run(input);
  if (thrown !== undefined) throw (thrown as { readonly error: unknown }).error;
  return { ...endOf(outcome), checkpoints, progress };
}

function endOf(outcome: Outcome) {
  switch (outcome.kind) {
    case 'completed':
      return { kind: outcome.kind, result: JSON.parse(outcome.result) as unknown };
    case 'continued':
      return { kind: outcome.kind, state: JSON.parse(outcome.state) as unknown, delayMs: outcome.delayMs };
    case 'cancelled':
      return { kind: outcome.kind, reason: outcome.reason };
    case 'failed':
      throw Object.assign(new Error(outcome.error.message), outcome.error);
    case 'interrupted':
    case 'postponed':
    case 'unstarted':
      throw new Error(`runJob expected an outcome of a run without drain and rate limit, got '${outcome.kind}'`);
  }
}

/** The input of a run outside of any drain. */
function inputOf(
  definition: Job,
  payload: unknown,
  { job = {}, signal, children = [] }: RunJobOptions,
  told: { readonly checkpoints: unknown[]; readonly progress: Progress[] },
): RunInput {
  const { type, queue, priority, maxAttempts, timeoutMs } = definition;
  const now = new Date();
  const running: RunningJob = {
    ...{ id: '1', type, queue, priority, attempt: 1, maxAttempts, fence: 1, idempotencyKey: null },
    ...{ createdAt: now, dueAt: now, schedule: null, state: null },
    ...job,
  };
  const ends = [AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])];
  const aborted = AbortSignal.any(ends);
  const deadline = new Date(now.getTime() + timeoutMs);
  return {
    definition,
    around: [], // they run within the handler above
    payload,
    attempt: running.attempt,
    abortReason: null,
    limiter: new RateLimiter(noDatabase, () => undefined),
    isReturning: false,
    signal: () => aborted,
    deadline: () => deadline,
    toJob: () => running,
    checkpoint: async (json) => void told.checkpoints.push(JSON.parse(json)),
    progress: (json) => void told.progress.push(JSON.parse(json)),
    async *children() {
      yield* children;
    },
  };
}

function noDatabase(): never {
  throw new Error('runJob has no database');
}

/** The same context with another rate limit. Named field by field, because its getters work on itself only. */
function withRateLimit<Payload>(context: JobContext<Payload>, rateLimit: RateLimit): JobContext<Payload> {
  const { payload, job, signal, deadline, checkpoint, progress, children } = context;
  return { payload, job, signal, deadline, checkpoint, progress, children, rateLimit };
}

/** Buckets that always have a token. */
function freeTokens(): RateLimit {
  const rateLimit: (...call: Parameters<RateLimit>) => Promise<void> = async (key, limit) => {
    checkKey(key);
    checkLimit(limit);
  };
  return Object.assign(rateLimit, {
    async takeTokens(buckets: Parameters<RateLimit['takeTokens']>[0]) {
      checkBuckets(buckets);
      return buckets.map(({ key }) => ({ key, taken: true, retryInMs: 0 }));
    },
    async blockUntil(key: string) {
      checkKey(key);
    },
  });
}

/**
 * Deletes all jobs, live and finished, with what they and drains left in the queue's own schema: keys, flows, replays, pauses, rate limits, the
 * ledger, counts, run times and incidents. Schedules, mutes, the audit log and the environment stay. Throws QueueError `other_environment` if the database
 * belongs to 'production', or to another environment than the queue's. A database without an owner is emptied: run `migrate` on production
 * with `environment`, or `adopt` it.
 */
export async function clearQueue(queue: AnyQueue): Promise<void> {
  await store.clear(await testDatabase(queue));
}

/** The queue's database, if tests may change it. */
async function testDatabase(queue: AnyQueue): Promise<Database> {
  const environments = await queue.environments();
  if (environments.owner === 'production')
    throw new QueueError(
      'other_environment',
      "expected a database for tests, got one that belongs to the environment 'production': its jobs are neither moved nor deleted",
    );
  if (isForeign(environments)) throw new QueueError('other_environment', notDrained(environments));
  return databaseOf(queue);
}

function lineOf({ id, type, status, scheduledFor, waitsForChildren, errors }: JobView): string {
  const due = waitsForChildren ? 'waits for its children' : `due ${scheduledFor.toISOString()}`;
  const error = errors.at(-1);
  return `${type} ${id} ${status}, ${due}${error ? `, last error ${error.name}: ${error.message}` : ''}`;
}

/** The first lines below a message. */
function listed(lines: readonly string[]): string {
  const shown = lines.slice(0, MOST_LISTED).map((line) => `\n  ${line}`);
  return shown.join('') + (lines.length > MOST_LISTED ? '\n  and more' : '');
}
