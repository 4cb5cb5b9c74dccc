-- miss_ticks_1: opens the incident of ticks that do not come. Part of watch_1, asked beside an enqueue. Nothing flaps here: the
-- time since the last tick only grows, so one look is enough. The ticks themselves close it. Before the first tick ever the
-- time counts from the migration.
create or replace function jobqueue.miss_ticks_1(limit_ms float8)
returns void
language sql volatile
as $$
  insert into jobqueue.incidents (check_name, detail)
  select 'ticks', jsonb_build_object('value', late.ms, 'limit', limit_ms, 'data', '{}'::jsonb)
  from jobqueue.watch w
  cross join lateral (
    select round(extract(epoch from now() - coalesce(jobqueue.last_tick_1(), w.since)) * 1000)::float8 as ms) late
  where late.ms >= limit_ms
  on conflict (check_name, subject) where closed_at is null do nothing
$$;
