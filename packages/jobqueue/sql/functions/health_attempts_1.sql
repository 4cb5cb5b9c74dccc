-- health_attempts_1: part of health_1. Which share of its attempts failed, and how long it ran, of each type in the last 15
-- minutes, against the day before. Both need enough attempts then and now: little traffic never alarms.
create or replace function jobqueue.health_attempts_1(thresholds jsonb)
returns table (name text, subject text, value float8, "limit" float8, data jsonb)
language sql stable
as $$
  with counts as (
    select true as recent, r.type, r.completed, r.failed + r.dead as failed, r.runs
    from (select * from jobqueue.rollups where minute > now() - interval '15 minutes' order by minute desc limit 1000) r
    union all
    select false, t.type, t.completed, t.failed + t.dead, t.runs
    from (
      select * from jobqueue.trends
      where hour >= date_trunc('hour', now() - interval '15 minutes') - interval '24 hours'
        and hour < date_trunc('hour', now() - interval '15 minutes')
      order by hour desc limit 5000) t
  ), attempts as (
    select c.type, sum(c.completed + c.failed) filter (where c.recent)::float8 as ended, sum(c.failed) filter (where c.recent)::float8 as failed,
           sum(c.completed + c.failed) filter (where not c.recent)::float8 as ended_before,
           sum(c.failed) filter (where not c.recent)::float8 as failed_before
    from counts c group by c.type
  ), binned as (
    select c.recent, c.type, u.bin, sum(u.n) as n, sum(sum(u.n)) over (partition by c.recent, c.type order by u.bin) as reached,
           sum(sum(u.n)) over (partition by c.recent, c.type) as total
    from counts c cross join lateral unnest(c.runs) with ordinality as u(n, bin)
    group by c.recent, c.type, u.bin
  ), slowest as (
    -- bin n of histogram.ts is element n + 1: its upper limit is 2 ^ ((n + 1) / 2) ms
    select distinct on (b.recent, b.type) b.recent, b.type, round(power(2, b.bin / 2.0))::float8 as p95
    from binned b
    where b.n > 0 and b.reached >= 0.95 * b.total and b.total >= (thresholds ->> 'attempts')::int
    order by b.recent, b.type, b.bin
  )
  select 'retries', a.type, round((a.failed / a.ended)::numeric, 4)::float8,
         round(least(greatest((thresholds ->> 'retryRatio')::float8, (thresholds ->> 'times')::float8 * before.ratio),
                     (1 + before.ratio) / 2)::numeric, 4)::float8,
         jsonb_build_object('failed', a.failed, 'ended', a.ended, 'before', round(before.ratio::numeric, 3))
  from attempts a
  cross join lateral (select a.failed_before / nullif(a.ended_before, 0) as ratio) before
  where a.ended >= (thresholds ->> 'attempts')::int and a.ended_before >= (thresholds ->> 'attempts')::int
  union all
  select 'run_time', s.type, s.p95, greatest((thresholds ->> 'runTimes')::float8 * b.p95, b.p95 + 1000),
         jsonb_build_object('before', b.p95)
  from slowest s join slowest b on b.type = s.type and not b.recent
  where s.recent
$$;
