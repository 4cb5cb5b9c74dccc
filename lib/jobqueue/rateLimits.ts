/** Rate limits as an operator sees and frees them. */
import type { Executor } from '../../db/database.ts';
import { checkKey } from './buckets.ts';
import { QueueError } from './errors.ts';
import { listBuckets, unblockBucket } from './store/buckets.ts';

export interface RateLimitView {
  readonly key: string;
  /** `null`: blocked before anything was taken. */
  readonly perSecond: number | null;
  readonly burst: number | null;
  /** What is in the bucket now; below zero, the first tokens to come are spoken for. `null` like `perSecond`. */
  readonly tokens: number | null;
  readonly blockedUntil: Date | null;
  /** Until then tokens are promised to jobs that were sent away to wait. */
  readonly promisedUntil: Date | null;
}

export async function rateLimits(executor: Executor): Promise<readonly RateLimitView[]> {
  const instant = (ms: number | null) => (ms === null ? null : new Date(ms));
  return (await listBuckets(executor)).map((row) => ({
    key: row.key,
    perSecond: row.per_second,
    burst: row.burst,
    tokens: row.tokens,
    blockedUntil: instant(row.blocked_ms),
    promisedUntil: instant(row.promised_ms),
  }));
}

/** Throws QueueError `option_invalid` for a key that cannot be, or an operator without a name. */
export async function unblock(executor: Executor, key: string, actor: string): Promise<boolean> {
  checkKey(key);
  if (typeof actor !== 'string' || actor.trim() === '') {
    const message = `expected the name of who unblocks, got ${typeof actor === 'string' ? 'an empty text' : typeof actor}`;
    throw new QueueError('option_invalid', `actor: ${message}`, { issues: [{ path: 'actor', message }] });
  }
  return unblockBucket(executor, key, actor);
}
