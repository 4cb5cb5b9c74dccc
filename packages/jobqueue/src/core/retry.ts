/** The retry policy of a type: how long a failed attempt waits for the next. Pure: randomness only as a parameter. */
import { droppable } from './droppable.ts';
import { type Names, number, oneOf, onlyKnown, refused, type Where } from './options.ts';
import { type StoredError, storableError } from './serialize.ts';

/** Longer is a mistake, or a remote system's nonsense. */
export const LONGEST_WAIT_MS = 365 * 24 * 3_600_000;
const BASE_MS = 2_000;
const MAX_MS = 3_600_000; // an hour: a remote system that is down all night is asked hourly, not daily
const JITTER = 0.1; // a burst does not return as one

/**
 * Decides when a failed job runs again: ms from now, 0 to 365 days, or `null` if no attempt can help, which makes it a dead letter at once.
 * `attempt` is the number of the one that failed, from 1. `error` is what the handler threw; for a run that was cut, and for a
 * failure that is not the handler's, an object with `name` (such as 'TimeoutError'), `message` and perhaps `code`.
 * Called only if an attempt is left. It must answer at once. If it throws or answers anything else, the log says so (`retry_policy_failed`)
 * and the default policy decides.
 */
export type Backoff = (attempt: number, error: unknown) => number | null;

/** When failed attempts of a type are retried. Lost functions (`crashed`) are no failures of the job: they are retried at once, whatever this says. */
export interface RetryOptions {
  /**
   * `exponential`, the default: `baseMs`, doubled with each attempt. `fixed`: always `baseMs`. A function: what it answers. A longer wait that
   * the error asks for (RetryAfterError, a Retry-After header) always counts, unless the function answers `null`.
   */
  readonly backoff?: 'exponential' | 'fixed' | Backoff;
  /** The wait after the first attempt, 1 ms to 365 days, default 2,000. Not together with a function. */
  readonly baseMs?: number;
  /** The longest wait, before jitter, 1 ms to 365 days; default an hour, with a function 365 days. */
  readonly maxMs?: number;
  /** The share of the wait that chance adds at most, 0 to 1; default 0.1, with a function 0. */
  readonly jitter?: number;
}

/** A policy, checked and complete. */
export type Retry = Required<RetryOptions>;

export const DEFAULT_RETRY: Retry = { backoff: 'exponential', baseMs: BASE_MS, maxMs: MAX_MS, jitter: JITTER };

const NAMES: Names<RetryOptions> = { backoff: true, baseMs: true, maxMs: true, jitter: true };
const WAIT = { min: 1, max: LONGEST_WAIT_MS };

/** Throws QueueError, with the code that `where` names. */
export function retryOf(options: RetryOptions, where: Where): Retry {
  if (typeof options !== 'object' || options === null)
    throw refused('retry', 'an object', options, { ...where, at: '' });
  onlyKnown(options, NAMES, where);
  const { backoff = 'exponential' } = options;
  const isFunction = typeof backoff === 'function';
  if (!isFunction) oneOf('backoff', backoff, ['exponential', 'fixed'], where);
  if (isFunction && options.baseMs !== undefined)
    throw refused('baseMs', 'none beside a backoff that is a function', options.baseMs, where);
  const { baseMs = BASE_MS, maxMs = isFunction ? LONGEST_WAIT_MS : Math.max(MAX_MS, baseMs) } = options;
  const { jitter = isFunction ? 0 : JITTER } = options;
  number('baseMs', baseMs, WAIT, where);
  number('maxMs', maxMs, WAIT, where);
  number('jitter', jitter, { min: 0, max: 1 }, where);
  if (!isFunction && maxMs < baseMs) throw refused('maxMs', `at least baseMs, ${baseMs}`, maxMs, where);
  return { backoff, baseMs, maxMs, jitter };
}

/** The wait after an attempt. */
export interface Wait {
  /** Null: no further attempt. */
  readonly ms: number | null;
  /** Set if the type's own function failed, and the default policy decided. */
  readonly problem?: StoredError;
}

/** The policy's wait after this attempt. Never throws. */
export function waitAfter(
  { backoff, baseMs, maxMs, jitter }: Retry,
  attempt: number,
  error: unknown,
  random: () => number,
): Wait {
  const later = (ms: number) => Math.min(Math.min(ms, maxMs) * (1 + jitter * random()), LONGEST_WAIT_MS);
  if (backoff === 'fixed') return { ms: later(baseMs) };
  if (backoff === 'exponential') return { ms: later(baseMs * 2 ** (attempt - 1)) };
  try {
    const ms = checkedWait(backoff(attempt, error));
    return { ms: ms === null ? null : later(ms) };
  } catch (thrown) {
    return { ...waitAfter(DEFAULT_RETRY, attempt, error, random), problem: readableError(thrown, attempt) };
  }
}

function checkedWait(answer: unknown): number | null {
  if (answer === null || (typeof answer === 'number' && answer >= 0 && answer <= LONGEST_WAIT_MS)) return answer;
  if (answer instanceof Promise) droppable(answer);
  const got = typeof answer === 'number' ? String(answer) : answer instanceof Promise ? 'a promise' : typeof answer;
  throw new TypeError(`retry.backoff: expected null or ms from 0 to ${LONGEST_WAIT_MS}, at once; got ${got}`);
}

function readableError(thrown: unknown, attempt: number): StoredError {
  try {
    return storableError(thrown, attempt);
  } catch {
    return storableError(new Error('retry.backoff threw a value that cannot be read'), attempt);
  }
}
