/** The statement that sums rollups. */
import type { Executor } from '../database.ts';

export interface StatsRow {
  readonly bucket_ms: number;
  readonly type: string;
  readonly completed: number;
  readonly failed: number;
  readonly dead: number;
  readonly cancelled: number;
  readonly wait_ms: number;
  readonly run_ms: number;
  readonly waits: readonly number[];
  readonly runs: readonly number[];
}

export interface StatsQuery {
  /** ISO; null: `spanMs` before the end. */
  readonly from: string | null;
  /** ISO; null: now. */
  readonly to: string | null;
  readonly spanMs: number;
  readonly types: readonly string[] | null;
  /** Null: all in one. */
  readonly bucketMs: number | null;
  /** True if all types are summed, as '*'. */
  readonly together: boolean;
}

/** One row per bucket and type that counted anything, in order of both. */
export async function stats(executor: Executor, query: StatsQuery): Promise<StatsRow[]> {
  return executor.execute<StatsRow>({
    text: `
      with span as (
        select coalesce($1::timestamptz, coalesce($2::timestamptz, now()) - $3::float8 * interval '1 ms') as from_at,
               coalesce($2::timestamptz, now()) as to_at
      ), counted as materialized (
        select coalesce(date_bin($5::float8 * interval '1 ms', r.minute, timestamptz 'epoch'), s.from_at) as bucket, case when $6 then '*' else r.type end as type,
               r.completed, r.failed, r.dead, r.cancelled, r.wait_ms, r.run_ms, r.waits, r.runs
        from span s, jobqueue.rollups r
        where r.minute >= s.from_at and r.minute < s.to_at and ($4::text[] is null or r.type = any($4))
      ), bins as (
        -- both histograms in one pass: unnesting is what this statement costs
        select bucket, type, n, sum(w) as w, sum(r) as r
        from counted, unnest(waits, runs) with ordinality as b(w, r, n) group by bucket, type, n
      ), histograms as (
        select bucket, type, json_agg(w order by n) filter (where w is not null) as waits, json_agg(r order by n) filter (where r is not null) as runs
        from bins group by bucket, type
      ), counts as (
        select bucket, type, sum(completed)::float8 as completed, sum(failed)::float8 as failed, sum(dead)::float8 as dead,
               sum(cancelled)::float8 as cancelled, sum(wait_ms)::float8 as wait_ms, sum(run_ms)::float8 as run_ms
        from counted group by bucket, type
      )
      select (extract(epoch from c.bucket) * 1000)::float8 as bucket_ms, c.type, c.completed, c.failed, c.dead, c.cancelled, c.wait_ms,
             c.run_ms, coalesce(h.waits, '[]') as waits, coalesce(h.runs, '[]') as runs
      from counts c
      left join histograms h on h.bucket = c.bucket and h.type = c.type
      order by c.bucket, c.type`,
    params: [query.from, query.to, query.spanMs, query.types && [...query.types], query.bucketMs, query.together],
  });
}
