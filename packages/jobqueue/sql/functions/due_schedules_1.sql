-- due_schedules_1: the schedules that have a slot to fire, or a new cron line to read; at most 100, null if there are none.
--
-- answer  [{name, cron, timeZone, misfire, missedAfterMs, bytes, revision, firedUntil, now, former, resumedAt}]: everything from
--         which the cron library tells the slots. `now` is the instant up to which to look: only this clock decides what is due.
create or replace function jobqueue.due_schedules_1()
returns jsonb
language sql volatile  -- so that within fire_1 it sees what that has just moved
set timezone = 'UTC'
as $$
  select jsonb_agg(jsonb_build_object(
           'name', d.name, 'cron', coalesce(d.override_cron, d.definition ->> 'cron'),
           'timeZone', coalesce(d.override_time_zone, d.definition ->> 'timeZone'), 'misfire', d.definition -> 'misfire',
           'missedAfterMs', d.definition -> 'missedAfterMs', 'bytes', octet_length((d.definition -> 'job')::text),
           'revision', d.revision, 'firedUntil', d.fired_until, 'now', now(), 'former', d.former,
           'resumedAt', d.resumed_at) order by d.next_slot_at, d.name)
  from (select * from jobqueue.schedules s
        where s.next_slot_at <= now() and s.paused_at is null and s.removed_at is null
        order by s.next_slot_at limit 100) d
$$;
