-- fold_rollups_1: adds up the rollups from `place` until `until` over drains, into one row for each `width` of time and type, some
-- 500 at a time, and answers how far it came: null when done. Readers sum, so nothing changes for them. Part of prune_1.
create or replace function jobqueue.fold_rollups_1(place timestamptz, until timestamptz, width interval, out reached timestamptz, out folded int)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_first timestamptz;
  v_end   timestamptz;
begin
  select date_bin(width, r.minute, timestamptz 'epoch') into v_first
  from jobqueue.rollups r where r.minute >= place and r.minute < until order by r.minute limit 1;
  select date_bin(width, r.minute, timestamptz 'epoch') into reached
  from jobqueue.rollups r where r.minute >= place and r.minute < until order by r.minute offset 500 limit 1;
  -- Never part of a bucket: it would be folded into the same row twice. At least one, however many drains there were.
  if reached is not null then
    reached := greatest(reached, v_first + width);
  end if;
  v_end := coalesce(reached, until);

  with gone as materialized (
    delete from jobqueue.rollups r where r.minute >= place and r.minute < v_end
    returning date_bin(width, r.minute, timestamptz 'epoch') as minute, r.type, r.completed, r.failed, r.dead, r.cancelled,
              r.wait_ms, r.run_ms, r.waits, r.runs
  ), counts as (
    select minute, type, sum(completed)::int as completed, sum(failed)::int as failed, sum(dead)::int as dead,
           sum(cancelled)::int as cancelled, sum(wait_ms)::bigint as wait_ms, sum(run_ms)::bigint as run_ms, count(*)::int as rows
    from gone group by minute, type
  ), waits as (
    select minute, type, array_agg(counted order by n) as bins
    from (select minute, type, n, sum(c)::int as counted
          from gone, unnest(waits) with ordinality as b(c, n) group by minute, type, n) bin
    group by minute, type
  ), runs as (
    select minute, type, array_agg(counted order by n) as bins
    from (select minute, type, n, sum(c)::int as counted
          from gone, unnest(runs) with ordinality as b(c, n) group by minute, type, n) bin
    group by minute, type
  ), kept as (
    insert into jobqueue.rollups (minute, type, drain, completed, failed, dead, cancelled, wait_ms, run_ms, waits, runs)
    select c.minute, c.type, '00000000-0000-0000-0000-000000000000', c.completed, c.failed, c.dead, c.cancelled, c.wait_ms, c.run_ms,
           coalesce(w.bins, '{}'), coalesce(r.bins, '{}')
    from counts c
    left join waits w on w.minute = c.minute and w.type = c.type
    left join runs r on r.minute = c.minute and r.type = c.type
  )
  select coalesce(sum(rows) - count(*), 0)::int into folded from counts;
end $$;
