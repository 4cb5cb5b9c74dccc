/** Every error that a user of the queue can meet: the caller's mistakes (with a stable `code`) and the handler's decisions. */

export type QueueErrorCode =
  | 'unknown_type'
  | 'payload_invalid'
  | 'payload_too_large'
  | 'option_invalid'
  | 'batch_too_large'
  | 'job_definition_invalid'
  | 'schedule_definition_invalid'
  | 'unknown_schedule'
  | 'schedule_exists'
  | 'schedule_kind'
  | 'too_many_schedules'
  | 'transaction_unsupported'
  | 'state_too_large'
  | 'database_not_ready'
  | 'lock_timeout'
  | 'outcome_unknown'
  | 'job_unknown'
  | 'wait_timeout'
  | 'other_environment';

/** One thing that is wrong with an input, with the path to it. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/**
 * A refusal: says what was expected, what came and where. Nothing was written, except that `outcome_unknown` means that Postgres
 * did not answer an enqueue, which may have been written. `cause` is the driver's error, if one is behind it.
 */
export class QueueError extends Error {
  override readonly name = 'QueueError';
  readonly code: QueueErrorCode;
  readonly issues: readonly Issue[];

  constructor(code: QueueErrorCode, message: string, options: { issues?: readonly Issue[]; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.issues = options.issues ?? [];
  }
}

/** Thrown by a handler: no retry can help, dead-letter the job now. */
export class NonRetryableError extends Error {
  override readonly name: string = 'NonRetryableError';
}

/** Thrown by a handler: this attempt failed, and the next must not start before `after` (ms from now, or an instant). */
export class RetryAfterError extends Error {
  override readonly name = 'RetryAfterError';
  readonly after: number | Date;

  constructor(message: string, after: number | Date, options?: { cause?: unknown }) {
    super(message, options);
    this.after = after;
  }
}

/**
 * Thrown by a handler's `rateLimit` when its token is too far away to wait for. Not a failure: the job goes back and comes
 * again when the token should be there, whatever the handler makes of this error.
 */
export class PostponedError extends Error {
  override readonly name = 'PostponedError';
  readonly delayMs: number;

  constructor(key: string, delayMs: number) {
    super(`the rate limit '${key}' has no token within the next ${Math.round(delayMs)} ms: the job is postponed`);
    this.delayMs = delayMs;
  }
}
