/** One process' view of a bucket: its waiting jobs, and the tokens that it holds. No I/O. */
import { holdMs, type Limit, permitBatch, USES_MS } from '../core/bucket.ts';
import type { TakeRequest } from '../postgres/statements/buckets.ts';

export interface Entry {
  readonly key: string;
  readonly limit: Limit;
  /** A rate limit sent the job away before. */
  readonly returning: boolean;
  readonly maxWaitMs: number;
  /** Called when the waiter is no longer waiting, with the instant at which that was decided. */
  readonly changed: (now: number) => void;
}

/** One job's place in the line for a token of one bucket. */
export interface Waiter {
  readonly entry: Entry;
  /** Its job has been sent away before, or was told that its token comes before those of the line. */
  hasPriority: boolean;
  state: 'waiting' | 'granted' | 'postponed' | 'failed' | 'over';
  /** While waiting: the end of its patience. Once granted: the end of its token's validity. On the monotonic clock. */
  untilMs: number;
  /** The time after which a postponed job should come back. */
  delayMs: number;
  error: unknown;
  /** The source of a granted token. */
  grant: Grant | null;
}

export interface Grant {
  tokens: number;
  readonly takenAt: string;
  readonly askedAtMs: number;
  readonly untilMs: number;
}

/** This process' knowledge of one bucket. */
export interface Bucket {
  readonly key: string;
  limit: Limit;
  waiters: Waiter[];
  grants: Grant[];
  asking: boolean;
  askAtMs: number;
  shortUntilMs: number;
  /** True if by the last answer there are not enough tokens for all who wait. */
  isOversubscribed: boolean;
  uses: { sinceMs: number; now: number; before: number };
}

/** A request to Postgres about one bucket, and the waiters that it serves. */
export interface Question {
  readonly bucket: Bucket;
  readonly request: TakeRequest;
  readonly waiters: readonly Waiter[];
}

export function newBucket(key: string, limit: Limit): Bucket {
  const uses = { sinceMs: 0, now: 0, before: 0 };
  return {
    key,
    limit,
    waiters: [],
    grants: [],
    asking: false,
    askAtMs: 0,
    shortUntilMs: 0,
    isOversubscribed: false,
    uses,
  };
}

export function newWaiter(entry: Entry, now: number): Waiter {
  const untilMs = now + entry.maxWaitMs;
  return { entry, hasPriority: entry.returning, state: 'waiting', untilMs, delayMs: 0, error: null, grant: null };
}

/**
 * Gives what is in hand to those who wait, to those first that are ahead of the line. They are told once all is given: whoever
 * puts a token back then does not make this loop longer.
 */
export function handOut(bucket: Bucket, now: number): void {
  if (bucket.waiters.some(({ hasPriority }) => hasPriority))
    bucket.waiters.sort((a, b) => Number(b.hasPriority) - Number(a.hasPriority));
  const granted: Waiter[] = [];
  for (const grant of bucket.grants) {
    while (grant.tokens > 0 && grant.untilMs > now && bucket.waiters.length > 0) {
      const waiter = bucket.waiters.shift() as Waiter;
      grant.tokens--;
      waiter.state = 'granted';
      waiter.untilMs = grant.untilMs;
      waiter.grant = grant;
      granted.push(waiter);
    }
  }
  bucket.grants = bucket.grants.filter(({ tokens }) => tokens > 0);
  for (const waiter of granted) waiter.entry.changed(now);
}

export function requestFor(bucket: Bucket, now: number, roundTripMs: number): Question {
  const { key, limit, waiters, uses } = bucket;
  noteUse(bucket, now, 0);
  const request = {
    key,
    ...limit,
    ...permitBatch(waiters.length, uses.before, limit),
    waiting: waiters.length,
    returning: waiters.filter(({ hasPriority }) => hasPriority).length,
    patienceMs: Math.max(0, Math.min(...waiters.map(({ untilMs }) => untilMs - now))),
    holdMs: holdMs(limit, roundTripMs),
  };
  return { bucket, request, waiters: [...waiters] };
}

export function postpone(waiter: Waiter, delayMs: number, now: number): void {
  waiter.state = 'postponed';
  waiter.delayMs = delayMs;
  waiter.entry.changed(now);
}

/** Its token is for the next, or goes back. */
export function putBack(bucket: Bucket, { grant }: Waiter): void {
  if (grant === null) return;
  if (!bucket.grants.includes(grant)) bucket.grants.push(grant);
  grant.tokens++;
}

/** Counts uses in windows, to know how many to expect. */
export function noteUse({ uses }: Bucket, now: number, tokens = 1): void {
  const age = now - uses.sinceMs;
  if (age >= USES_MS) {
    uses.before = age < 2 * USES_MS ? uses.now : 0;
    uses.now = 0;
    uses.sinceMs = now;
  }
  uses.now += tokens;
}
