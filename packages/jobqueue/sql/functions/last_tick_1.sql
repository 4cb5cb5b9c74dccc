-- last_tick_1: the last sign of life of a tick that succeeded, null if none ever did. Part of health_1 and watch_1.
--
-- Every drain is a tick that neither a kick nor an operator started. One that ended, however early, succeeded, unless Postgres
-- was lost on it; one that has not ended lives as long as it sends steps: at least one in ten seconds.
create or replace function jobqueue.last_tick_1()
returns timestamptz
language sql stable
as $$
  select max(coalesce(finished_at, last_step_at))
  from (
    select d.finished_at, d.last_step_at, d.stop_reason
    from jobqueue.drains d
    where d.source not in ('kick', 'operator')
    order by d.started_at desc limit 100
  ) ticks
  where case when finished_at is null then last_step_at > now() - interval '30 seconds'
             else stop_reason is distinct from 'database_unreachable' end
$$;
