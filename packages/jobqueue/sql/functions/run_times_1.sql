-- run_times_1: measures once a minute, over all drains, what runs of each type took in the last hour. Part of upkeep_1. A claim
-- brings what stands in jobqueue.run_times.
--
-- The lower limit of the bin that holds the 95th percentile: a run of at least that length did fit into some drain, so no type
-- is found too long to start by rounding alone. Bounded to the newest 500 rollups, some 5 ms; a type that they do not hold
-- keeps for an hour what was measured last.
create or replace function jobqueue.run_times_1()
returns void
language plpgsql volatile
as $$
begin
  perform from jobqueue.upkeep u where u.task = 'run_times' and u.due_at <= now() for update skip locked;
  if not found then
    return;
  end if;
  update jobqueue.upkeep u set due_at = now() + interval '1 minute' where u.task = 'run_times';

  insert into jobqueue.run_times as t (type, p95_ms)
  select type, floor(case when min(bin) = 0 then 0 else power(2, min(bin) / 2.0) end)
  from (
    select type, bin, sum(runs) over (partition by type order by bin) as reached, sum(runs) over (partition by type) as total
    from (
      select r.type, b.n - 1 as bin, sum(b.runs) as runs
      from (select type, runs from jobqueue.rollups where minute > now() - interval '1 hour' order by minute desc limit 500) r
      cross join lateral unnest(r.runs) with ordinality as b(runs, n)
      where b.runs > 0
      group by r.type, b.n
    ) bins
  ) summed
  where reached >= 0.95 * total
  group by type
  order by type
  on conflict (type) do update set p95_ms = excluded.p95_ms, measured_at = now();
  delete from jobqueue.run_times t where t.measured_at < now() - interval '1 hour';
end $$;
