/** The `rateLimit` of a handler, and the limit that a job declares. */
import {
  type BucketLimit,
  checkBuckets,
  checkKey,
  checkLimit,
  type Limit,
  maxWaitMs,
  type TokenAnswer,
} from '../core/bucket.ts';
import { droppable } from '../core/droppable.ts';
import { PostponedError } from '../core/errors.ts';
import type { RateLimit } from '../core/job.ts';
import type { RateLimiter } from './limiter.ts';
import type { Waiter } from './waiters.ts';

export interface LimitedRun {
  readonly limiter: RateLimiter;
  /** A rate limit sent the job away before. */
  readonly isReturning: boolean;
  signal(): AbortSignal;
  deadline(): Date;
}

/** The `rateLimit` of one run; `postponed` is told before the handler is. */
export function rateLimitOf(run: LimitedRun, postponed: (delayMs: number) => void): RateLimit {
  let refusal: PostponedError | null = null;
  /** Keys of which it has had a token: sent away half-way by newcomers' turns, it would do its first half again and again. */
  const begun = new Set<string>();
  const take = async (key: string, limit: Limit): Promise<void> => {
    const signal = run.signal();
    signal.throwIfAborted();
    if (refusal !== null) throw refusal; // the job comes back in any case
    const returning = run.isReturning || begun.has(key);
    const { perSecond, burst } = limit;
    const delayMs = await tokenOrDelay(run, key, { perSecond, burst }, { returning, signal });
    if (delayMs === null) return void begun.add(key);
    postponed(delayMs);
    refusal = new PostponedError(key, delayMs);
    throw refusal;
  };
  const rateLimit = (key: string, limit: Limit): Promise<void> => {
    checkKey(key);
    checkLimit(limit);
    return droppable(take(key, limit));
  };
  return Object.assign(rateLimit, {
    takeTokens(buckets: readonly BucketLimit[]): Promise<readonly TokenAnswer[]> {
      checkBuckets(buckets);
      return droppable(run.limiter.takeNow(buckets));
    },
    blockUntil(key: string, until: Date | { readonly delayMs: number }): Promise<void> {
      checkKey(key);
      return droppable(run.limiter.block(key, until));
    },
  });
}

/** Null once a token is ours, to be used now; else when to come back. Rejects when the run is told to end. */
async function tokenOrDelay(
  run: LimitedRun,
  key: string,
  limit: Limit,
  { returning, signal }: { returning: boolean; signal: AbortSignal },
): Promise<number | null> {
  const { limiter } = run;
  return new Promise((resolve, reject) => {
    let waiter: Waiter | null = null;
    const aborted = () => {
      if (waiter) limiter.release(waiter);
      reject(signal.reason);
    };
    const changed = (now: number) => {
      if (waiter === null || waiter.state === 'waiting' || waiter.state === 'over') return;
      if (waiter.state === 'granted' && !limiter.consume(waiter, now)) return; // too old: it is told of the next
      signal.removeEventListener('abort', aborted);
      if (waiter.state === 'failed') reject(waiter.error);
      else resolve(waiter.state === 'postponed' ? waiter.delayMs : null);
    };
    signal.addEventListener('abort', aborted, { once: true });
    const patience = maxWaitMs(run.deadline().getTime() - Date.now());
    waiter = limiter.acquire({ key, limit, returning, maxWaitMs: patience, changed });
    changed(performance.now());
  });
}
