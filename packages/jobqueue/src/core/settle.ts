/** Decides the fate of a job after one run. Pure: no I/O, no clock, randomness only as a parameter. */
import { LIMITS } from './limits.ts';
import { DEFAULT_RETRY, LONGEST_WAIT_MS, type Retry, waitAfter } from './retry.ts';
import { type StoredError, storableText } from './serialize.ts';

const FREE_INTERRUPTIONS = 3;

/** The outcome of a run. Texts are JSON that Postgres accepts. */
export type Outcome =
  | { readonly kind: 'completed'; readonly result: string }
  | { readonly kind: 'continued'; readonly state: string; readonly delayMs: number }
  | { readonly kind: 'cancelled'; readonly reason: string }
  | {
      readonly kind: 'failed';
      readonly error: StoredError;
      /** The value that was thrown, if one was: only the type's own backoff reads it. */
      readonly thrown?: unknown;
      readonly retryAfterMs: number;
      readonly forGood: boolean;
    }
  /** The drain's deadline or a shutdown cut the run before its timeout was used up. */
  | { readonly kind: 'interrupted'; readonly error: StoredError }
  /** Claimed, but never started. `skippedForTime`: for lack of time. */
  | { readonly kind: 'unstarted'; readonly skippedForTime: boolean }
  /** A rate limit has no token for it before `delayMs`. */
  | { readonly kind: 'postponed'; readonly delayMs: number };

/** The counters of a claimed job that decide about its future. */
export interface Counters {
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly interruptions: number;
}

export type Settlement =
  | { readonly to: 'completed'; readonly result: string }
  | { readonly to: 'continue'; readonly state: string; readonly delayMs: number }
  | { readonly to: 'cancelled' | 'dead_letter'; readonly error: StoredError }
  | {
      readonly to: 'retry';
      readonly error: StoredError;
      readonly delayMs: number;
      /** Set if the type's own backoff failed, and the default decided. */
      readonly problem?: StoredError;
    }
  | {
      readonly to: 'give_back';
      readonly interrupted: boolean;
      readonly skippedForTime: boolean;
      /** Sent away to wait for a token: not due before. Else it keeps its place. */
      readonly postponedMs?: number;
    };

/** `retry`: the policy of the job's type; null: the default. */
export function settle(job: Counters, outcome: Outcome, random: () => number, retry: Retry | null = null): Settlement {
  const policy = retry ?? DEFAULT_RETRY;
  switch (outcome.kind) {
    case 'completed':
      return { to: 'completed', result: outcome.result };
    case 'continued':
      return { to: 'continue', state: outcome.state, delayMs: outcome.delayMs };
    case 'cancelled':
      return {
        to: 'cancelled',
        error: {
          name: 'Cancelled',
          message: storableText(outcome.reason, LIMITS.errorBytes / 4),
          attempt: job.attempt,
        },
      };
    case 'unstarted':
      return { to: 'give_back', interrupted: false, skippedForTime: outcome.skippedForTime };
    case 'postponed':
      // no counter changes: it says nothing about the job, not even that it would not kill its function
      return { to: 'give_back', interrupted: false, skippedForTime: false, postponedMs: Math.max(0, outcome.delayMs) };
    case 'interrupted':
      // its place is kept: an unfinished job is not a failed one, unless it never gets anywhere
      if (job.interruptions < FREE_INTERRUPTIONS) return { to: 'give_back', interrupted: true, skippedForTime: false };
      return retryOrDeadLetter(job, { ...outcome, retryAfterMs: 0 }, random, policy);
    case 'failed':
      if (outcome.forGood) return { to: 'dead_letter', error: outcome.error };
      return retryOrDeadLetter(job, outcome, random, policy);
  }
}

interface Failure {
  readonly error: StoredError;
  readonly thrown?: unknown;
  readonly retryAfterMs: number;
}

function retryOrDeadLetter(job: Counters, failure: Failure, random: () => number, policy: Retry): Settlement {
  const { error, retryAfterMs } = failure;
  if (job.attempt >= job.maxAttempts) return { to: 'dead_letter', error };
  const { ms, problem } = waitAfter(policy, job.attempt, 'thrown' in failure ? failure.thrown : error, random);
  if (ms === null) return { to: 'dead_letter', error };
  const delayMs = Math.max(ms, Math.min(retryAfterMs, LONGEST_WAIT_MS));
  return { to: 'retry', error, delayMs, ...(problem !== undefined && { problem }) };
}

/**
 * The wait that an error asks for, in ms; 0 if none. Reads `RetryAfterError.after`, and the `Retry-After` header (RFC 9110:
 * seconds, or a date) of errors that carry `headers`, `responseHeaders` or `response.headers`.
 */
export function retryAfterMs(error: unknown, nowMs: number): number {
  if (typeof error !== 'object' || error === null) return 0;
  if ('after' in error && (typeof error.after === 'number' || error.after instanceof Date))
    return usable(typeof error.after === 'number' ? error.after : error.after.getTime() - nowMs);
  const header = headerOf(error) ?? ('response' in error ? headerOf(error.response) : null);
  if (header === null) return 0;
  return usable(/^\s*\d+(\.\d+)?\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs);
}

function headerOf(carrier: unknown): string | null {
  if (typeof carrier !== 'object' || carrier === null) return null;
  const headers =
    'headers' in carrier ? carrier.headers : 'responseHeaders' in carrier ? carrier.responseHeaders : null;
  if (headers instanceof Headers) return headers.get('retry-after');
  if (typeof headers !== 'object' || headers === null) return null;
  const entry = Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after');
  return entry && typeof entry[1] === 'string' ? entry[1] : null;
}

function usable(ms: number): number {
  return Number.isFinite(ms) && ms > 0 ? ms : 0;
}
