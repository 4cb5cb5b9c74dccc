/** Rate limits as an operator sees and frees them. */

import { type Actor, actorOf } from '../core/actor.ts';
import { checkKey, checkLimit, type Limit } from '../core/bucket.ts';
import type { Executor } from '../postgres/database.ts';
import { listBuckets, takeTokens, unblockBucket } from '../postgres/statements/buckets.ts';
import { dateOf } from '../postgres/statements/rows.ts';

/** The state of one bucket. */
export interface RateLimitView {
  readonly key: string;
  /** `null`: blocked before anything was taken. */
  readonly perSecond: number | null;
  readonly burst: number | null;
  /** Tokens in the bucket now; negative if waiting jobs have reserved the next ones. `null` like `perSecond`. */
  readonly tokens: number | null;
  readonly blockedUntil: Date | null;
  /** Until then tokens are promised to jobs that were sent away to wait. */
  readonly promisedUntil: Date | null;
}

/** A take is one statement on one row; who waits longer for an answer has no database. */
const TAKE_MS = 5_000;

/** One token now or none: `false` changes nothing. Throws QueueError `option_invalid`. */
export async function takeToken(executor: Executor, key: string, limit: Limit): Promise<boolean> {
  checkKey(key);
  checkLimit(limit, { call: 'takeToken' });
  const once = { want: 1, spare: 0, waiting: 0, returning: 0, patienceMs: 0, holdMs: 0 }; // nobody waits in line for it
  const [answer] = await takeTokens(executor, [{ key, ...limit, ...once }], TAKE_MS);
  return answer !== undefined && answer.taken > 0;
}

export async function rateLimits(executor: Executor): Promise<readonly RateLimitView[]> {
  return (await listBuckets(executor)).map((row) => ({
    key: row.key,
    perSecond: row.per_second,
    burst: row.burst,
    tokens: row.tokens,
    blockedUntil: dateOf(row.blocked_ms),
    promisedUntil: dateOf(row.promised_ms),
  }));
}

/** Throws QueueError `option_invalid` for a key that cannot be, or an operator without a name. */
export async function unblock(executor: Executor, key: string, by: Pick<Actor, 'actor'>): Promise<boolean> {
  checkKey(key);
  return unblockBucket(executor, key, actorOf(by));
}
