-- fold_trends_1: adds the rollups of the minutes that are over to those of their hour, each minute once. Part of look_1, which one
-- drain at a time does. Rollups of a minute may still be written shortly after it, so the last two wait.
create or replace function jobqueue.fold_trends_1()
returns void
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_from  timestamptz;
  v_until timestamptz := date_trunc('minute', now()) - interval '2 minutes';
  v_next  timestamptz;
begin
  -- Rows older than a day are compared with nothing.
  select greatest(w.folded_until, v_until - interval '25 hours') into v_from from jobqueue.watch w;
  -- Whole minutes, and some 5,000 rows of them: what is behind catches up look by look.
  select r.minute into v_next
  from jobqueue.rollups r
  where r.minute >= v_from and r.minute < v_until
  order by r.minute, r.type, r.drain offset 5000 limit 1;
  if v_next is not null then
    v_until := greatest(v_next, v_from + interval '1 minute');
  end if;
  if v_until <= v_from then
    return;
  end if;

  insert into jobqueue.trends (hour, type, completed, failed, dead, runs)
  select s.hour, s.type, sum(s.completed), sum(s.failed), sum(s.dead), jobqueue.sum_bins_1(jsonb_agg(s.runs))
  from (
    select date_trunc('hour', r.minute) as hour, r.type, r.completed, r.failed, r.dead, r.runs
    from jobqueue.rollups r
    where r.minute >= v_from and r.minute < v_until
  ) s
  group by s.hour, s.type
  on conflict (hour, type) do update
  set completed = trends.completed + excluded.completed,
      failed = trends.failed + excluded.failed,
      dead = trends.dead + excluded.dead,
      runs = jobqueue.sum_bins_1(jsonb_build_array(trends.runs, excluded.runs));
  update jobqueue.watch set folded_until = v_until;
  delete from jobqueue.trends t where t.hour < now() - interval '2 days';
end $$;
