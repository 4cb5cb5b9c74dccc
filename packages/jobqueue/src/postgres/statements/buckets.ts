/** The statements of shared rate limits. */
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

/** A request for tokens of one bucket, as `takeTokens` sends it. Durations in ms. */
export interface TakeRequest {
  readonly key: string;
  readonly perSecond: number;
  readonly burst: number;
  readonly want: number;
  readonly spare: number;
  readonly waiting: number;
  readonly returning: number;
  readonly patienceMs: number;
  readonly holdMs: number;
}

export interface TakeAnswer {
  readonly key: string;
  readonly taken: number;
  /** An instant as Postgres' text, used by `returnTokens`. */
  readonly takenAt: string;
  readonly retryInMs: number;
  readonly freeInMs: number;
  readonly blockedForMs: number;
  readonly postponed: number;
  readonly postponeMs: number;
  readonly spacingMs: number;
}

/** Takes tokens of many buckets at once; each key once. See packages/jobqueue/sql/functions/take_tokens_1.sql. */
export async function takeTokens(
  executor: Executor,
  requests: readonly TakeRequest[],
  timeoutMs: number,
): Promise<readonly TakeAnswer[]> {
  const rows = await executor.execute<{ answers: readonly TakeAnswer[] }>(
    { text: 'select jobqueue.take_tokens_1($1::jsonb) as answers', params: [JSON.stringify(requests)] },
    { timeoutMs },
  );
  return only(rows).answers;
}

export async function returnTokens(
  executor: Executor,
  returns: readonly { readonly key: string; readonly tokens: number; readonly takenAt: string }[],
  timeoutMs: number,
): Promise<void> {
  await executor.execute(
    { text: 'select jobqueue.return_tokens_1($1::jsonb)', params: [JSON.stringify(returns)] },
    { timeoutMs },
  );
}

export async function blockBucket(executor: Executor, key: string, delayMs: number): Promise<void> {
  await executor.execute({ text: 'select jobqueue.block_1($1, $2::float8)', params: [key, delayMs] });
}

export interface BucketRow {
  readonly key: string;
  readonly per_second: number | null;
  readonly burst: number | null;
  readonly tokens: number | null;
  readonly blocked_ms: number | null;
  readonly promised_ms: number | null;
}

/** Blocked ones first, then those used last; at most 200. */
export async function listBuckets(executor: Executor): Promise<BucketRow[]> {
  return executor.execute<BucketRow>({
    text: `select key::text as key, per_second, burst,
                  least(burst, coalesce(tokens + extract(epoch from now() - refilled_at)::float8 * per_second, burst)) as tokens,
                  (case when blocked_until > now() then extract(epoch from blocked_until) * 1000 end)::float8 as blocked_ms,
                  (case when promised_until > now() then extract(epoch from promised_until) * 1000 end)::float8 as promised_ms
           from jobqueue.buckets
           order by (blocked_until > now()) is true desc, refilled_at desc, key
           limit 200`,
    params: [],
  });
}

/** Ends a block and, in the same statement, says who did; false if there was none. */
export async function unblockBucket(executor: Executor, key: string, actor: string): Promise<boolean> {
  const rows = await executor.execute({
    text: `with unblocked as (
             update jobqueue.buckets b set blocked_until = null, promised_until = null
             from (select key, blocked_until from jobqueue.buckets where key = $1 for no key update) before
             where b.key = before.key and before.blocked_until > now()
             returning b.key, before.blocked_until
           )
           insert into jobqueue.audit_log (actor, action, details)
           select $2, 'rate_limit_unblock', jsonb_build_object('key', key, 'blockedUntil', blocked_until) from unblocked
           returning id`,
    params: [key, actor],
  });
  return rows.length > 0;
}
