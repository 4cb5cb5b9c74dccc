-- run_times_1: measures once a minute, over all drains, what runs of each type took in the last hour. Part of step_1, as a chore:
-- one of the drains that ask finds it due, the others and the rest of the minute cost a look at one row. Always answers null: who
-- claims jobs reads jobqueue.run_times.
--
-- The lower limit of the bin that holds the 95th percentile: a run of at least that length did fit into some drain, so no type
-- is found too long to start by rounding alone. Bounded to the newest 2,000 rollups.
create or replace function jobqueue.run_times_1()
returns jsonb
language plpgsql volatile
as $$
begin
  if not exists (select from jobqueue.upkeep u where u.task = 'run_times' and u.due_at <= now()) then
    return null;
  end if;
  perform from jobqueue.upkeep u where u.task = 'run_times' and u.due_at <= now() for update skip locked;
  if not found then
    return null;
  end if;
  update jobqueue.upkeep u set due_at = now() + interval '1 minute' where u.task = 'run_times';

  insert into jobqueue.run_times as t (type, p95_ms)
  select type, floor(case when min(bin) = 0 then 0 else power(2, min(bin) / 2.0) end)
  from (
    select type, bin, sum(runs) over (partition by type order by bin) as reached, sum(runs) over (partition by type) as total
    from (
      select r.type, b.n - 1 as bin, sum(b.runs) as runs
      from (select type, runs from jobqueue.rollups where minute > now() - interval '1 hour' order by minute desc limit 2000) r
      cross join lateral unnest(r.runs) with ordinality as b(runs, n)
      where b.runs > 0
      group by r.type, b.n
    ) bins
  ) summed
  where reached >= 0.95 * total
  group by type
  order by type
  on conflict (type) do update set p95_ms = excluded.p95_ms, measured_at = now();
  delete from jobqueue.run_times t where t.measured_at < now();
  return null;
end $$;
