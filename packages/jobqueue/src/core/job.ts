/** A job as its author sees it: the declaration, the handler's input, and its possible results. Pure: no I/O, no clock. */
import { type BucketLimit, checkLimit, type Limit, type TokenAnswer } from './bucket.ts';
import { checkGuard, type Guard } from './guard.ts';
import type { SurvivesJson } from './json.ts';
import { LIMITS } from './limits.ts';
import { type Duration, duration, integer, type Names, name, onlyKnown, refused } from './options.ts';
import { type Retry, type RetryOptions, retryOf } from './retry.ts';
import { type InputOf, isStandardSchema, type OutputOf, type StandardSchema } from './standard-schema.ts';

/** The status of a job. PENDING and PROCESSING jobs are live; the others have ended. */
export type Status = 'PENDING' | 'PROCESSING' | 'COMPLETED' | 'DEAD_LETTER' | 'CANCELLED';

/** Progress of a running job. `done` of `total` in any unit that the handler chooses. */
export interface Progress {
  readonly done: number;
  readonly total?: number;
  /** One short line; cut at 500 characters. */
  readonly note?: string;
}

/** The job as its handler sees it. */
export interface RunningJob {
  readonly id: string;
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  /** 1 on the first run. A committed checkpoint starts the count anew. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** Rises with every claim of this job: guard your own writes with it against a predecessor that outlived its lease. */
  readonly fence: number;
  readonly idempotencyKey: string | null;
  readonly createdAt: Date;
  readonly dueAt: Date;
  /** The slot that this job is for, if a schedule made it: the instant that its cron line names, whenever the job runs. */
  readonly schedule: { readonly name: string; readonly slot: Date } | null;
  /** The state of the last committed checkpoint or slice; `null` on a new job. */
  readonly state: unknown;
}

/** A job that another one waits for, in a flow. */
export interface Child {
  readonly id: string;
  /** Null, like its status, once the job is past its retention. */
  readonly type: string | null;
  readonly status: Status | null;
  /** The return value of its handler. */
  readonly result: unknown;
  /** The last one, if it did not complete. */
  readonly error: { readonly name: string; readonly message: string } | null;
}

/** The argument of a handler. */
export interface JobContext<Payload> {
  readonly payload: Payload;
  readonly job: RunningJob;
  /** Fires when the job must end: its timeout, the drain's deadline, a cancel, or a shutdown. */
  readonly signal: AbortSignal;
  /** When `signal` fires at the latest. */
  readonly deadline: Date;
  /**
   * Resolves once `state` (JSON, up to 64 KiB) is committed: the next run of this job starts from there. Rejects if the job is no
   * longer ours; a handler that drops the promise learns it by `signal`. Throws at once for a state that cannot be kept.
   */
  checkpoint(state: unknown): Promise<void>;
  /** Tells screens how far the job is; sent along with the next step, at most 2 s later. */
  progress(progress: Progress): void;
  /**
   * Results of the jobs that this one waited for in its flow, in the order of the tree: `for await (const child of children())`.
   * Reads 100 in a statement.
   */
  children(): AsyncIterable<Child>;
  /** Waits for a token of a bucket that all invocations share. See `RateLimit`. */
  readonly rateLimit: RateLimit;
}

/** Shared rate limits, as a handler uses them. */
export interface RateLimit {
  /**
   * Resolves when a token of the bucket `key` (1 to 512 characters) is this job's: use it at once. Waits up to two seconds; if
   * it would take longer, rejects with `PostponedError`, and the job comes back when its token should be available, without using an
   * attempt, whatever the handler returns or throws after that (except `continueWith` and `cancelJob`). Callers of one key
   * should name one limit; the latest call wins. Throws QueueError `option_invalid` at once.
   */
  (key: string, limit: Limit): Promise<void>;
  /**
   * Takes one token of each bucket that has one now, in one statement; made for a handler that serves many people in one run. It never
   * waits and never sends the job away: a bucket without a token answers `taken: false` and when its next token comes. At most 100
   * buckets, each key once; answers in the order of `buckets`. They are the buckets of `rateLimit(key, limit)`.
   * Throws QueueError `option_invalid` at once; rejects with the database's error.
   *
   * @example
   * const answers = await rateLimit.takeTokens(people.map(({ id }) => ({ key: `chat:${id}`, perSecond: 1, burst: 5 })));
   * const due = people.filter((_, n) => answers[n]?.taken);
   */
  takeTokens(buckets: readonly BucketLimit[]): Promise<readonly TokenAnswer[]>;
  /** The bucket gives nothing before, to any invocation: for a remote system that says so. A longer block stands. */
  blockUntil(key: string, until: Date | { readonly delayMs: number }): Promise<void>;
}

/** The limit of a type: its jobs start no faster. */
export interface JobRateLimit<Payload> extends Limit {
  /** Whose limit it is, from the payload as it was enqueued; without it the type has one bucket, named like it. */
  key?(payload: Payload): string;
}

const CONTINUE = Symbol('continue');
const CANCEL = Symbol('cancel');

/** Returned by a handler: the job runs again as its next slice, behind the waiting jobs of its lane, with this state. */
export interface Continue {
  readonly [CONTINUE]: true;
  readonly state: unknown;
  readonly delayMs: number;
}

/** Returned by a handler: the work is no longer wanted; the job ends CANCELLED. */
export interface Cancel {
  readonly [CANCEL]: true;
  readonly reason: string;
}

/**
 * Ends this slice: the job goes back behind the waiting jobs of its lane, and the next slice reads `job.state` (JSON, up to 64 KiB).
 * `delayMs` from now, default 0. Throws QueueError `option_invalid` for an unknown option.
 */
export function continueWith(state: unknown, options: { delayMs?: number } = {}): Continue {
  onlyKnown(options, { delayMs: true }, { call: 'continueWith' });
  return { [CONTINUE]: true, state, delayMs: options.delayMs ?? 0 };
}

/** Ends the job as CANCELLED, with the reason kept. */
export function cancelJob(reason: string): Cancel {
  return { [CANCEL]: true, reason };
}

export function isContinue(value: unknown): value is Continue {
  return typeof value === 'object' && value !== null && CONTINUE in value;
}

export function isCancel(value: unknown): value is Cancel {
  return typeof value === 'object' && value !== null && CANCEL in value;
}

/**
 * Runs one job. Its return value, up to 64 KiB of JSON, becomes the job's result; `continueWith` and `cancelJob` make other
 * outcomes. A rejection is a failed attempt: `NonRetryableError` makes the job a dead letter at once, `RetryAfterError` sets the
 * earliest retry.
 */
export type Handler<Payload> = (context: JobContext<Payload>) => Promise<unknown>;

export interface JobDeclaration<
  Type extends string,
  Schema extends StandardSchema,
  OnDeadLetter extends string | null = string | null,
  OnCompleted extends string | null = string | null,
> {
  readonly type: Type;
  /** A schema of zod 4 or 3.25, valibot, arktype or any other library of Standard Schema. It answers at once: no asynchronous checks. */
  readonly payload: Schema;
  /** Loaded when the type is first claimed. Without it the type is enqueue-only in this deployment. */
  readonly handler?: () => Promise<{ run: Handler<OutputOf<Schema>> }>;
  /** 1 to 100, default 3. */
  readonly maxAttempts?: number;
  /** When failed attempts are retried; default: after 2, 4, 8 … s, at most an hour, and up to a tenth later. */
  readonly retry?: RetryOptions;
  /**
   * The type of a job that is enqueued for each job that becomes a dead letter, in the statement that ends it. Its payload is a `DeadJob`. It has
   * the queue, priority and attempts of its own type. A cancelled job has none, and neither may the types lead back to this one.
   */
  readonly onDeadLetter?: OnDeadLetter;
  /** The same for each job that completes. Its payload is a `CompletedJob`. */
  readonly onCompleted?: OnCompleted;
  /** The longest that one run may take, ms or like '2m'; default 60 s, at most a day. */
  readonly timeout?: Duration;
  /** The handler goes on from its last checkpoint, so its timeout may exceed what one function call can hold. */
  readonly resumable?: boolean;
  /** 0 to 10, higher is more urgent, default 0. */
  readonly priority?: number;
  /** The queue of its jobs, default 'default'. */
  readonly queue?: string;
  /** The longest that a due job may wait before health turns red, ms or like '5m'; default: the queue's `health.startWithin`. */
  readonly startWithin?: Duration;
  /** Pauses the type when too many of its attempts fail; default: the queue's, `false`: never. */
  readonly guard?: Guard | false;
  /** The fastest rate at which its jobs start, over all invocations. */
  readonly rateLimit?: JobRateLimit<InputOf<Schema>>;
}

const NAMES: Names<JobDeclaration<string, StandardSchema>> = {
  type: true,
  payload: true,
  handler: true,
  maxAttempts: true,
  retry: true,
  onDeadLetter: true,
  onCompleted: true,
  timeout: true,
  resumable: true,
  priority: true,
  queue: true,
  startWithin: true,
  guard: true,
  rateLimit: true,
};
const RATE_LIMIT: Names<JobRateLimit<never>> = { perSecond: true, burst: true, key: true };

/** A type of job. `Input` is what its payload is enqueued as, `Output` what its handler gets. */
export interface Job<
  Type extends string = string,
  Input = unknown,
  Output = Input,
  OnDeadLetter extends string | null = string | null,
  OnCompleted extends string | null = string | null,
> {
  readonly type: Type;
  readonly payload: StandardSchema<Input, Output>;
  /** Declared as a method, so that a list may hold jobs of different payloads. */
  readonly handler: (() => Promise<{ run(context: JobContext<Output>): Promise<unknown> }>) | null;
  readonly maxAttempts: number;
  /** Null: the default. */
  readonly retry: Retry | null;
  /** The types of the jobs that follow it; null: none. */
  readonly onDeadLetter: OnDeadLetter;
  readonly onCompleted: OnCompleted;
  readonly timeoutMs: number;
  readonly resumable: boolean;
  readonly priority: number;
  readonly queue: string;
  readonly startWithinMs: number | null;
  readonly guard: Guard | false | null;
  readonly rateLimit: JobRateLimit<Input> | null;
}

/**
 * Declares a type of job. The handler's module is loaded only by a drain that claims one, so enqueueing stays light. A payload that JSON
 * would change, such as a Date where the schema takes no text, does not compile. Throws QueueError `job_definition_invalid`.
 *
 * @example
 * ```ts
 * export const welcome = defineJob({
 *   type: 'welcome',
 *   payload: z.object({ to: z.string() }),
 *   timeout: '30s',
 *   handler: () => import('./welcome.ts'), // exports run({ payload, job, signal })
 * });
 * ```
 */
export function defineJob<
  const Type extends string,
  Schema extends StandardSchema,
  const OnDeadLetter extends string | null = null,
  const OnCompleted extends string | null = null,
>(
  declaration: JobDeclaration<Type, Schema, OnDeadLetter, OnCompleted> & { readonly payload: SurvivesJson<Schema> },
): Job<Type, InputOf<Schema>, OutputOf<Schema>, OnDeadLetter, OnCompleted> {
  const { type, payload, handler = null, maxAttempts = 3, timeout = '60s', resumable = false } = declaration;
  const { priority = 0, queue = 'default', startWithin, guard = null, rateLimit = null } = declaration;
  const { retry, onDeadLetter = null, onCompleted = null } = declaration;
  const where = { call: `defineJob('${String(type).slice(0, 100)}')`, code: 'job_definition_invalid' } as const;
  onlyKnown(declaration, NAMES, where);
  name('type', type, where);
  name('queue', queue, where);
  if (onDeadLetter !== null) name('onDeadLetter', onDeadLetter, where);
  if (onCompleted !== null) name('onCompleted', onCompleted, where);
  if (!isStandardSchema(payload))
    throw refused('payload', 'a schema of Standard Schema v1 (zod 3.25 or 4, valibot, arktype)', payload, where);
  integer('maxAttempts', maxAttempts, { min: 1, max: LIMITS.maxAttempts }, where);
  integer('priority', priority, { min: 0, max: LIMITS.maxPriority }, where);
  const timeoutMs = duration('timeout', timeout, { min: 1, max: LIMITS.timeoutMs }, where);
  const startWithinMs =
    startWithin === undefined
      ? null
      : duration('startWithin', startWithin, { min: 1, max: LIMITS.scheduledForMs }, where);
  if (guard) checkGuard(guard, { ...where, at: 'guard.' });
  if (rateLimit) checkLimit(rateLimit, { ...where, at: 'rateLimit.' }, RATE_LIMIT);
  return {
    type,
    payload: payload as StandardSchema<InputOf<Schema>, OutputOf<Schema>>,
    handler,
    maxAttempts,
    retry: retry === undefined ? null : retryOf(retry, { ...where, at: 'retry.' }),
    onDeadLetter: onDeadLetter as OnDeadLetter,
    onCompleted: onCompleted as OnCompleted,
    timeoutMs,
    resumable,
    priority,
    queue,
    startWithinMs,
    guard,
    rateLimit,
  };
}
