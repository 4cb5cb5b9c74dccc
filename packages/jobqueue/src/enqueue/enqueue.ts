/** Turns a caller's jobs into one insert statement: checks first, so that a refused call has written nothing. */
import { setTimeout as wait } from 'node:timers/promises';
import type { JobMeta } from '../core/claimed-job.ts';
import { QueueError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import { LIMITS } from '../core/limits.ts';
import { integer, type Names, name, number, onlyKnown, refusal, refused } from '../core/options.ts';
import { encodePayload } from '../core/payload.ts';
import { bytesOf, isStorableText } from '../core/serialize.ts';
import { isLockTimeout, isSerializationFailure, sqlstateOf } from '../core/sqlstate.ts';
import type { SentBatch } from '../core/telemetry.ts';
import { type DrizzleSql, drizzleSql } from '../postgres/adapters/drizzle.ts';
import type { Executor, Statement } from '../postgres/database.ts';
import { DEADLINES_MS } from '../postgres/deadlines.ts';
import { ConnectionError } from '../postgres/errors.ts';
import type { placing } from '../postgres/schema.ts';
import { type AddedRow, addJobsStatement, addKeyedJobsStatement, type NewJob } from '../postgres/statements/jobs.ts';

const ENQUEUE_TRIES = 3;
/** A key in somebody's open transaction is waited for as long; add_jobs waits as long in a transaction of the caller's. */
const KEY_WAIT_MS = 3_000;
/**
 * A pool holds four connections. An enqueue on its own waits for a key for this long in Postgres, and between its tries holds no
 * connection, so that callers of one key do not keep everybody else in the process from the database.
 */
const KEY_TRY_MS = 50;
const FIRST_KEY_PAUSE_MS = 100;
const LONGEST_KEY_PAUSE_MS = 1_000;

/** Options of one job. They override its type's. */
export interface AddJobOptions {
  /** 0 to 10, higher is more urgent; default: the type's. */
  readonly priority?: number;
  /** 1 to 512 characters. While its job lives, and for the key window after completion, the same key adds nothing. */
  readonly idempotencyKey?: string;
  /** 1 to 100; default: the type's. */
  readonly maxAttempts?: number;
  /** Not before this instant, at most 10 years ahead; the past means now. */
  readonly scheduledFor?: Date;
  /** Not before this many ms from now, by the database's clock. Not together with `scheduledFor`. */
  readonly delayMs?: number;
  readonly queue?: string;
}

const OPTION_NAMES: Names<AddJobOptions> = {
  priority: true,
  idempotencyKey: true,
  maxAttempts: true,
  scheduledFor: true,
  delayMs: true,
  queue: true,
};

export interface JobInput {
  readonly type: string;
  readonly payload: unknown;
  readonly options?: AddJobOptions;
}

const ENTRY_NAMES: Names<JobInput> = { type: true, payload: true, options: true };

/** The insert as one statement for any client: Neon's `sql.transaction`, drizzle's `db.batch`, `pg`. */
export interface EnqueueStatement extends Statement {
  /** The same for drizzle: `db.execute(statement.sql)`, alone or in `db.batch([…])`. */
  readonly sql: DrizzleSql;
  /** Reads the rows that the statement answered, in the order of the jobs. */
  decode(rows: readonly unknown[]): readonly AddedRow[];
}

/**
 * Checks every job and builds the one statement that inserts them all.
 * Throws QueueError with the path of each problem: `unknown_type`, `payload_invalid`, `payload_too_large`, `option_invalid`,
 * `batch_too_large`. `traceparent`: the trace that the jobs are enqueued in, which their runs will name.
 */
export function enqueueStatement(
  jobs: ReadonlyMap<string, Job>,
  inputs: readonly JobInput[],
  traceparent: string | null = null,
): EnqueueStatement {
  if (inputs.length > LIMITS.batchJobs)
    throw new QueueError('batch_too_large', `expected at most ${LIMITS.batchJobs} jobs a call, got ${inputs.length}`);
  const at = inputs.length === 1 ? () => '' : (n: number) => `jobs[${n}].`;
  const meta = traceparent === null ? null : { traceparent };
  return statementOf(
    inputs.map((input, n) => {
      const where = at(n);
      onlyKnown(input, ENTRY_NAMES, { at: where });
      return encodeJob(jobs, input, where, meta);
    }),
    inputs.some(({ options }) => options?.idempotencyKey !== undefined) ? addKeyedJobsStatement : addJobsStatement,
  );
}

/** The statement that enqueues entries of encodeJob. Throws QueueError `batch_too_large`. */
export function statementOf(entries: readonly string[], toStatement: (json: string) => Statement): EnqueueStatement {
  const json = `[${entries.join(',')}]`;
  const bytes = bytesOf(json);
  if (bytes > LIMITS.batchBytes)
    throw new QueueError(
      'batch_too_large',
      `expected at most ${LIMITS.batchBytes} bytes a call, got ${bytes}: split the jobs`,
    );
  const statement = toStatement(json);
  return {
    ...statement,
    sql: drizzleSql(statement),
    decode: (rows) => {
      if (rows.length !== entries.length)
        throw new TypeError(`expected ${entries.length} rows of an enqueue, got ${rows.length}`);
      return rows.map(readAdded);
    },
  };
}

/** The same insert for the schema of a queue. */
export function placedEnqueue(statement: EnqueueStatement, place: ReturnType<typeof placing>): EnqueueStatement {
  const placed = place(statement);
  return placed === statement ? statement : { ...placed, sql: drizzleSql(placed) };
}

/** Runs the statement in the caller's transaction. */
export async function enqueueIn(transaction: Executor, statement: EnqueueStatement): Promise<readonly AddedRow[]> {
  try {
    return statement.decode(await transaction.execute(statement, { timeoutMs: DEADLINES_MS.enqueue }));
  } catch (error) {
    throw inOurWords(error);
  }
}

function inOurWords(error: unknown): unknown {
  if (isLockTimeout(error))
    return new QueueError(
      'lock_timeout',
      `the enqueue waited ${KEY_WAIT_MS} ms for another transaction that has not ended: it is taking the same idempotency key, or ` +
        'changing a table of the queue. Nothing was written: call again when it has ended',
      { cause: error },
    );
  // jsonb prints 1e300 as three hundred digits: what passed as JSON can still be too large for the table's own bound.
  if (sqlstateOf(error) !== '23514') return error;
  const message = `expected a payload of at most ${2 * LIMITS.payloadBytes} bytes as Postgres prints it, got more`;
  return new QueueError('payload_too_large', message, { issues: [{ path: 'payload', message }], cause: error });
}

/**
 * Sends one atomic statement. Repeats it for a deadlock's victim, and for a while if a key is locked. Does not repeat it after a
 * lost answer, because only an idempotency key makes that safe. Throws QueueError `lock_timeout` and `outcome_unknown`.
 */
export async function enqueueAlone(database: Executor, statement: EnqueueStatement): Promise<readonly AddedRow[]> {
  const impatient = { ...statement, params: statement.params.map(withShortWait) };
  const giveUpAtMs = performance.now() + KEY_WAIT_MS;
  let pauseMs = FIRST_KEY_PAUSE_MS;
  for (let tries = 1; ; tries++) {
    try {
      return statement.decode(await database.execute(impatient, { timeoutMs: DEADLINES_MS.enqueue }));
    } catch (error) {
      const leftMs = giveUpAtMs - performance.now();
      if (isLockTimeout(error) && leftMs > 0) {
        await wait(Math.min(leftMs, pauseMs * (0.5 + Math.random() / 2))); // callers of one key that began together drift apart
        pauseMs = Math.min(2 * pauseMs, LONGEST_KEY_PAUSE_MS);
      } else if (!isSerializationFailure(error) || tries >= ENQUEUE_TRIES) throw unconfirmed(inOurWords(error));
    }
  }
}

/** See add_jobs: the first entry says how long the call waits for keys. */
function withShortWait(json: unknown): string {
  return String(json).replace('[{', `[{"wait_ms":${KEY_TRY_MS},`);
}

/** An answer that did not come may have been a yes. */
function unconfirmed(error: unknown): unknown {
  if (!(error instanceof ConnectionError) || !error.sent) return error;
  return new QueueError(
    'outcome_unknown',
    `${error.message}: the jobs of this call may or may not have been enqueued. Calling again is safe for jobs with an idempotency ` +
      'key, because what was enqueued then answers as a duplicate; without a key it may enqueue them twice',
    { cause: error },
  );
}

/** An enqueue as a tracer sees it. Names are not checked yet, so only declared ones are passed on. */
export function batchOf(jobs: ReadonlyMap<string, Job>, inputs: readonly JobInput[]): SentBatch {
  const queues = new Set(inputs.map(({ type, options }) => options?.queue ?? jobs.get(type)?.queue ?? null));
  const types = new Set(inputs.map(({ type }) => (jobs.has(type) ? type : null)));
  const [queue = null] = queues.size === 1 ? queues : [];
  const [type = null] = types.size === 1 ? types : [];
  return { queue: queue !== null && LIMITS.name.pattern.test(queue) ? queue : null, type, count: inputs.length };
}

/** One checked job, as add_jobs reads it; `at` is its path in error messages. */
export function encodeJob(
  jobs: ReadonlyMap<string, Job>,
  input: JobInput,
  at: string,
  meta: JobMeta | null = null,
): string {
  const job = jobs.get(input.type);
  if (!job) {
    const known = [...jobs.keys()].join(', ');
    throw new QueueError('unknown_type', `${at}type: expected one of ${known}; got '${input.type}'`, {
      issues: [{ path: `${at}type`, message: `expected one of ${known}` }],
    });
  }
  const payload = encodePayload(job, input.payload, at);
  const options = checkOptions(input.options ?? {}, at);
  const { scheduledFor, delayMs, idempotencyKey } = options;
  const entry: Omit<NewJob, 'payload'> = {
    type: job.type,
    queue: options.queue ?? job.queue,
    priority: options.priority ?? job.priority,
    max_attempts: options.maxAttempts ?? job.maxAttempts,
    ...(scheduledFor && { scheduled_for: new Date(Math.max(0, scheduledFor.getTime())).toISOString() }),
    ...(delayMs !== undefined && { delay_ms: delayMs }),
    ...(idempotencyKey !== undefined && { idempotency_key: idempotencyKey }),
    ...(meta !== null && { meta }),
  };
  return `${JSON.stringify(entry).slice(0, -1)},"payload":${payload}}`;
}

function checkOptions(options: AddJobOptions, at: string): AddJobOptions {
  const where = { at: `${at}options.` };
  onlyKnown(options, OPTION_NAMES, where);
  const { priority, maxAttempts, idempotencyKey, scheduledFor, delayMs, queue } = options;
  if (priority !== undefined) integer('priority', priority, { min: 0, max: LIMITS.maxPriority }, where);
  if (maxAttempts !== undefined) integer('maxAttempts', maxAttempts, { min: 1, max: LIMITS.maxAttempts }, where);
  if (queue !== undefined) name('queue', queue, where);
  if (idempotencyKey !== undefined && !isKey(idempotencyKey))
    throw refusal(
      'idempotencyKey',
      `expected 1 to ${LIMITS.idempotencyKeyChars} well-formed characters, got ${printable(idempotencyKey)}`,
      where,
    );
  if (scheduledFor !== undefined && delayMs !== undefined)
    throw refused('delayMs', 'scheduledFor or delayMs, not both', delayMs, where);
  if (scheduledFor !== undefined) {
    const aheadMs = scheduledFor instanceof Date ? scheduledFor.getTime() - Date.now() : Number.NaN;
    if (!(aheadMs <= LIMITS.scheduledForMs))
      throw refused('scheduledFor', 'a valid Date at most 10 years ahead', scheduledFor, where);
  }
  if (delayMs !== undefined) number('delayMs', delayMs, { min: 0, max: LIMITS.scheduledForMs }, where);
  return options;
}

function isKey(key: string): boolean {
  return typeof key === 'string' && key !== '' && key.length <= LIMITS.idempotencyKeyChars && isStorableText(key);
}

function printable(value: unknown): string {
  return typeof value === 'string' ? `${value.length} characters` : typeof value;
}

function readAdded(row: unknown): AddedRow {
  const { id, duplicate, differs } = row as { id: unknown; duplicate: unknown; differs?: unknown };
  if (typeof id !== 'string' || typeof duplicate !== 'boolean')
    throw new TypeError('unexpected row shape from add_jobs');
  return { id, duplicate, ...(differs === true && { differs }) };
}
