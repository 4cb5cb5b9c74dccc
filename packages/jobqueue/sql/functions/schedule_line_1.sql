-- schedule_line_1: the cron line and zone that count for a schedule under this definition, an operator's before the code's.
create or replace function jobqueue.schedule_line_1(schedule jobqueue.schedules, definition jsonb)
returns jsonb
language sql immutable
as $$
  select jsonb_build_object('cron', coalesce(schedule.override_cron, definition ->> 'cron'),
                            'timeZone', coalesce(schedule.override_time_zone, definition ->> 'timeZone'))
$$;
