/** The arithmetic of shared token buckets: how many tokens to ask for, how long they may be held, when to ask again. Pure. */
import { LIMITS } from './limits.ts';
import { integer, type Names, number, onlyKnown, refusal, refused, type Where } from './options.ts';
import { isStorableText } from './serialize.ts';

/** A bucket holds `burst` tokens and gets `perSecond` new ones each second. */
export interface Limit {
  /** 0.001 to 10,000. */
  readonly perSecond: number;
  /** A whole number from 1 to 100,000: how many may be used at once after a pause. */
  readonly burst: number;
}

/** One bucket of several that a handler asks at once. */
export interface BucketLimit extends Limit {
  /** 1 to 512 characters. */
  readonly key: string;
}

/** The answer of one bucket. */
export interface TokenAnswer {
  readonly key: string;
  /** `true`: a token is yours. Use it within a second. */
  readonly taken: boolean;
  /** Ms until the bucket has its next token; 0 if it has one now. */
  readonly retryInMs: number;
}

/** Each bucket of a statement stays locked until all are done; more go into the next. */
export const BUCKETS_A_STATEMENT = 100;

/** Longer waits cost the slots of other jobs more than the way back to the table does. */
export const MAX_WAIT_MS = 2_000;
/** Uses are expected to go on as they did in the last window of this length. */
export const USES_MS = 250;
/** A type without tokens is left out of claims for so long at most: an operator may have unblocked it meanwhile. */
export const MAX_SHORT_MS = 30_000;
/** The part of a reservation's time within which a token is used here; the rest is for its way to the remote system that counts it. */
const USABLE = 0.6;
const HOLD_MS = { least: 50, most: 500, evenOnSlowWays: 1_000 };
/** Behind the end of the line there are no places: see take_tokens_1. */
const LINE_MS = 300_000;
const BEHIND_LINE_MS = 30_000;

/** Throws QueueError `option_invalid`. */
export function checkKey(key: unknown): asserts key is string {
  const fits = typeof key === 'string' && key.length >= 1 && key.length <= LIMITS.bucketKeyChars;
  if (fits && isStorableText(key)) return; // else Postgres would refuse all keys of the statement
  const expected = `a text of 1 to ${LIMITS.bucketKeyChars} characters without NUL or half pairs`;
  throw refusal(
    'key',
    `expected ${expected}, got ${typeof key === 'string' ? `${key.length} characters` : typeof key}`,
    RATE_LIMIT,
  );
}

const RATE_LIMIT: Where = { call: 'rateLimit' };
const NAMES: Names<Limit> = { perSecond: true, burst: true };
const BUCKET_NAMES: Names<BucketLimit> = { ...NAMES, key: true };

/** Throws QueueError, `option_invalid` unless `where` says otherwise. */
export function checkLimit(limit: Limit, where = RATE_LIMIT, names: Readonly<Record<string, true>> = NAMES): void {
  onlyKnown(limit ?? {}, names, where);
  const { perSecond, burst } = (limit as Partial<Limit> | null | undefined) ?? {};
  number('perSecond', perSecond, LIMITS.perSecond, where);
  integer('burst', burst, LIMITS.burst, where);
}

/** Throws QueueError `option_invalid`. */
export function checkBuckets(buckets: readonly BucketLimit[]): void {
  const where = { call: 'rateLimit.takeTokens' };
  const fits = Array.isArray(buckets) && buckets.length <= BUCKETS_A_STATEMENT;
  if (!fits) throw refused('buckets', `a list of at most ${BUCKETS_A_STATEMENT}`, buckets, where);
  for (const bucket of buckets) {
    checkKey(bucket?.key);
    checkLimit(bucket, where, BUCKET_NAMES);
  }
  if (new Set(buckets.map(({ key }) => key)).size < buckets.length)
    throw refusal('buckets', 'expected each key once', where);
}

/** Ms from now of a block's end; throws QueueError `option_invalid` for what is no instant, or further than ten years. */
export function blockMs(until: Date | { readonly delayMs: number }, nowMs: number): number {
  const delayMs = until instanceof Date ? until.getTime() - nowMs : until?.delayMs;
  if (typeof delayMs === 'number' && delayMs <= LIMITS.scheduledForMs) return Math.max(0, delayMs);
  throw refused('until', 'a valid Date or { delayMs }, up to 10 years', delayMs, RATE_LIMIT);
}

/**
 * The time for which Postgres reserves tokens, counted from the request, ms. It costs the bucket `perSecond` × this of its burst,
 * so it is at most a quarter of that, but at least a few round trips, because later answers would be useless.
 */
export function holdMs({ perSecond, burst }: Limit, roundTripMs: number): number {
  const fillMs = (burst / perSecond) * 1000;
  // of a slow bucket a token that comes too late is a great loss, and a longer hold a small one
  const wanted = Math.min(fillMs / 4, Math.max(fillMs / 20, HOLD_MS.most));
  return Math.min(Math.max(wanted, roundTripMs * 3, HOLD_MS.least), HOLD_MS.evenOnSlowWays);
}

/** Until when after the asking a token may be used: what is left of the hold is its way to the system that counts. */
export function usableMs(hold: number): number {
  return hold * USABLE;
}

/** A batch is at most a quarter of the burst, so that one process does not empty the bucket before the others. */
export function permitBatch(waiting: number, recentUses: number, { burst }: Limit): { want: number; spare: number } {
  const most = Math.max(1, Math.floor(burst / 4));
  const want = Math.min(waiting, most);
  return { want, spare: Math.min(recentUses, most - want) };
}

/** When to look for the next token: when it should be there, but not oftener than pays; jitter so that processes do not meet. */
export function askAfterMs({ perSecond, burst }: Limit, retryInMs: number, random: number): number {
  const worthwhile = Math.min(50, Math.max(10, (burst / 4 / perSecond) * 1000));
  return Math.max(retryInMs, worthwhile) + worthwhile * 0.2 * random;
}

/** When the job at `place` (from 0) of those that were sent away should come back: in order, even behind the end of the line. */
export function comeBackMs(first: { postponeMs: number; spacingMs: number }, place: number): number {
  const ms = first.postponeMs + place * first.spacingMs;
  return ms <= LINE_MS ? ms : LINE_MS + Math.min((ms - LINE_MS) / 100, BEHIND_LINE_MS);
}

/** True if returning unused tokens is worth a statement: return_tokens_1 withholds tokens that the clock may have refilled. */
export function worthReturning(tokens: number, ageMs: number, { perSecond }: Limit): boolean {
  return tokens - perSecond * (ageMs / 1000 + 1) >= 0.5;
}

/** The longest that a handler waits for a token, ms: short enough to leave it time for its work. */
export function maxWaitMs(untilDeadlineMs: number): number {
  return Math.max(0, Math.min(MAX_WAIT_MS, untilDeadlineMs / 4));
}
