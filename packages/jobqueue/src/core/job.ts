/** What a job is to its author: the declaration, what a handler gets, and what it may answer. Pure: no I/O, no clock. */
import { type BucketLimit, checkLimit, type Limit, type TokenAnswer } from './bucket.ts';
import { checkGuard, type Guard } from './guard.ts';
import type { SurvivesJson } from './json.ts';
import { LIMITS } from './limits.ts';
import { type Duration, duration, integer, type Names, name, onlyKnown, refused } from './options.ts';
import { type InputOf, isStandardSchema, type OutputOf, type StandardSchema } from './standard-schema.ts';

export type Status = 'PENDING' | 'PROCESSING' | 'COMPLETED' | 'DEAD_LETTER' | 'CANCELLED';

/** How far a running job is, for people who wait for it. `done` of `total` in any unit that the handler chooses. */
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
  /** What the last committed checkpoint or slice left; `null` on a fresh job. */
  readonly state: unknown;
}

/** A job that another one waits for, in a flow. */
export interface Child {
  readonly id: string;
  /** Null, like its status, once the job is past its retention. */
  readonly type: string | null;
  readonly status: Status | null;
  /** What its handler returned. */
  readonly result: unknown;
  /** The last one, if it did not complete. */
  readonly error: { readonly name: string; readonly message: string } | null;
}

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
  /** What became of the jobs of its flow that this one waited for, in the order in which they were given: `for await (const child of children())`. */
  children(): AsyncIterable<Child>;
  /** Waits for a token of a bucket that all invocations share. See `RateLimit`. */
  readonly rateLimit: RateLimit;
}

export interface RateLimit {
  /**
   * Resolves when a token of the bucket `key` (1 to 512 characters) is this job's: use it at once. Waits up to two seconds; if
   * it would take longer, rejects with `PostponedError`, and the job comes back when its token should be there, no attempt
   * burnt: whatever the handler returns or throws after that, but for `continueWith` and `cancelJob`. Callers of one key
   * should name one limit; the last named counts. Throws QueueError `option_invalid` at once.
   */
  (key: string, limit: Limit): Promise<void>;
  /**
   * Takes one token of each bucket that has one now, in one statement, for a handler that serves many people in one run. It never
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

/** Returned by a handler: run me again as the next slice, behind my equals, from this state. */
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

/** Ends this slice: the job goes back behind its equals and the next slice reads `job.state`. `delayMs` from now, default 0. */
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

export type Handler<Payload> = (context: JobContext<Payload>) => Promise<unknown>;

export interface JobDeclaration<Type extends string, Schema extends StandardSchema> {
  readonly type: Type;
  /** A schema of zod 4 or 3.25, valibot, arktype or any other library of Standard Schema. It answers at once: no asynchronous checks. */
  readonly payload: Schema;
  /** Loaded when the type is first claimed. Without it the type is enqueue-only in this deployment. */
  readonly handler?: () => Promise<{ run: Handler<OutputOf<Schema>> }>;
  /** 1 to 100, default 3. */
  readonly maxAttempts?: number;
  /** How long one run may take, ms or like '2m'; default 60 s. */
  readonly timeout?: Duration;
  /** The handler goes on from its last checkpoint, so its timeout may exceed what one function call can hold. */
  readonly resumable?: boolean;
  /** 0 to 10, higher is more urgent, default 0. */
  readonly priority?: number;
  /** The line that its jobs stand in, default 'default'. */
  readonly queue?: string;
  /** How long a due job may wait before health turns red, ms or like '5m'; default: the queue's `health.startWithin`. */
  readonly startWithin?: Duration;
  /** Pauses the type when too many of its attempts fail; default: the queue's, `false`: never. */
  readonly guard?: Guard | false;
  /** How fast its jobs start at most, over all invocations. */
  readonly rateLimit?: JobRateLimit<InputOf<Schema>>;
}

const NAMES: Names<JobDeclaration<string, StandardSchema>> = {
  type: true,
  payload: true,
  handler: true,
  maxAttempts: true,
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
export interface Job<Type extends string = string, Input = unknown, Output = Input> {
  readonly type: Type;
  readonly payload: StandardSchema<Input, Output>;
  /** Declared as a method, so that a list may hold jobs of different payloads. */
  readonly handler: (() => Promise<{ run(context: JobContext<Output>): Promise<unknown> }>) | null;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly resumable: boolean;
  readonly priority: number;
  readonly queue: string;
  readonly startWithinMs: number | null;
  readonly guard: Guard | false | null;
  readonly rateLimit: JobRateLimit<Input> | null;
}

/**
 * Declares a type of job. Light by design: the handler's module is only loaded by a drain that claimed one. A payload that JSON
 * would change, such as a Date where the schema takes no text, does not compile.
 */
export function defineJob<const Type extends string, Schema extends StandardSchema>(
  declaration: JobDeclaration<Type, Schema> & { readonly payload: SurvivesJson<Schema> },
): Job<Type, InputOf<Schema>, OutputOf<Schema>> {
  const { type, payload, handler = null, maxAttempts = 3, timeout = '60s', resumable = false } = declaration;
  const { priority = 0, queue = 'default', startWithin, guard = null, rateLimit = null } = declaration;
  const where = { call: `defineJob('${String(type).slice(0, 100)}')`, code: 'job_definition_invalid' } as const;
  onlyKnown(declaration, NAMES, where);
  name('type', type, where);
  name('queue', queue, where);
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
    timeoutMs,
    resumable,
    priority,
    queue,
    startWithinMs,
    guard,
    rateLimit,
  };
}
