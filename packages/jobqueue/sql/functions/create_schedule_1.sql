-- create_schedule_1, update_schedule_1, delete_schedule_1: schedules of run time, each change with its line in the audit log. A name that the
-- code has is refused, and so is a change of what the code declares. Beside them the same for any SQL client, a trigger included:
--   select jobqueue.create_schedule('tenant-7:report', 'report', '30 2 * * *', 'Europe/Berlin', '{"company": "acme"}', actor => 'ann');
--   select jobqueue.update_schedule('tenant-7:report', '{"cron": "0 4 * * *", "paused": false}', actor => 'ann');
--   select jobqueue.delete_schedule('tenant-7:report', actor => 'ann');
--
-- definition  as sync_schedules_1 stores it: {cron, timeZone, misfire, missedAfterMs, overlap, jitterMs, job}
-- options     {actor, reason?, paused?}; of an update also `was`, the md5 of the definition that the new one was made from
-- answer      {done: true}, or done: false and why: {exists: kind, declared}, {full: true}, {unknown: true}, {stale: true}
--
-- Callers of one moment may go past the bound of 10,000 by one each: it guards against loops, and a lock would let an open transaction
-- hold up all others.
create or replace function jobqueue.create_schedule_1(schedule text, definition jsonb, options jsonb)
returns jsonb
language plpgsql volatile
set lock_timeout = '3s'
as $$
#variable_conflict use_column
declare
  v_held jsonb;
begin
  perform jobqueue.check_schedule_1(schedule, create_schedule_1.definition, options);
  if exists (select from jobqueue.schedules s where s.kind = 'runtime' order by s.name offset 9999) then
    return '{"done": false, "full": true}';
  end if;
  -- An arbitrary first revision: a fire that was told from a deleted schedule of this name does not fit this one.
  insert into jobqueue.schedules (name, kind, definition, revision, paused_at, pause_reason)
  values (schedule, 'runtime', create_schedule_1.definition, (random() * 1e9)::int,
          case when (options ->> 'paused')::boolean then now() end,
          case when (options ->> 'paused')::boolean then options ->> 'reason' end)
  on conflict (name) do nothing;
  if not found then
    select jsonb_build_object('done', false, 'exists', s.kind, 'declared', s.removed_at is null) into v_held
    from jobqueue.schedules s where s.name = schedule;
    return coalesce(v_held, '{"done": false, "exists": "runtime", "declared": true}');
  end if;
  insert into jobqueue.audit_log (actor, action, details)
  values (options ->> 'actor', 'schedule_created',
          jsonb_build_object('schedule', schedule, 'reason', options ->> 'reason',
            'created', jobqueue.schedule_facts_1(create_schedule_1.definition), 'paused', coalesce((options ->> 'paused')::boolean, false)));
  return '{"done": true}';
end $$;

-- A line that changes counts from now on; what the former one has still to fire is noted with it, as in sync_schedules_2. A job without
-- payload keeps the one that is stored, with numbers that JavaScript cannot hold.
create or replace function jobqueue.update_schedule_1(schedule text, definition jsonb, options jsonb)
returns jsonb
language plpgsql volatile
set timezone = 'UTC'
set lock_timeout = '3s'
as $$
#variable_conflict use_column
declare
  v_before jobqueue.schedules;
  v_paused boolean := (options ->> 'paused')::boolean;
  v_is     jsonb := update_schedule_1.definition;
  v_facts  jsonb;
begin
  select * into v_before from jobqueue.schedules s where s.name = schedule for no key update;
  if not found then
    return '{"done": false, "unknown": true}';
  elsif v_before.kind <> 'runtime' then
    return jsonb_build_object('done', false, 'exists', v_before.kind, 'declared', v_before.removed_at is null);
  elsif md5(v_before.definition::text) <> options ->> 'was' then
    return '{"done": false, "stale": true}';
  end if;
  if not v_is -> 'job' ? 'payload' then
    v_is := jsonb_set(v_is, '{job,payload}', v_before.definition #> '{job,payload}');
  end if;
  perform jobqueue.check_schedule_1(schedule, v_is, options);

  update jobqueue.schedules s
  set definition = v_is,
      revision = s.revision + 1,
      problem = null,
      former = case
        when jobqueue.schedule_line_1(s, v_is) = jobqueue.schedule_line_1(s, s.definition) then s.former
        else coalesce(s.former, jobqueue.schedule_line_1(s, s.definition) || jsonb_build_object('until', now()))
      end,
      next_slot_at = case
        when jobqueue.schedule_line_1(s, v_is) = jobqueue.schedule_line_1(s, s.definition)
          and s.problem is null then s.next_slot_at
        else '-infinity'
      end,
      resumed_at = case when not v_paused and s.paused_at is not null then now() else s.resumed_at end,
      paused_at = case when v_paused then coalesce(s.paused_at, now()) when v_paused is null then s.paused_at end,
      pause_reason = case when v_paused then options ->> 'reason' when v_paused is null then s.pause_reason end
  where s.name = schedule;

  v_facts := jobqueue.schedule_facts_1(v_before.definition);
  insert into jobqueue.audit_log (actor, action, details)
  values (options ->> 'actor', 'schedule_updated',
          jsonb_build_object('schedule', schedule, 'reason', options ->> 'reason',
            -- the payload may be a customer's data: that it changed is said, not how
            'changed', coalesce((select jsonb_object_agg(a.key, jsonb_build_array(v_facts -> a.key, a.value))
                                 from jsonb_each(jobqueue.schedule_facts_1(v_is)) a where v_facts -> a.key <> a.value), '{}')
                       || case when v_before.definition #> '{job,payload}' <> v_is #> '{job,payload}'
                            then '{"payload": true}' else '{}' end::jsonb
                       || case when v_paused <> (v_before.paused_at is not null)
                            then jsonb_build_object('paused', jsonb_build_array(not v_paused, v_paused)) else '{}' end));
  return '{"done": true}';
end $$;

-- Of the code's only those that it does not declare any more: with that their pause and override are forgotten.
create or replace function jobqueue.delete_schedule_1(schedule text, options jsonb)
returns jsonb
language plpgsql volatile
set lock_timeout = '3s'
as $$
#variable_conflict use_column
declare
  v_deleted jobqueue.schedules;
  v_kept    jobqueue.schedules;
begin
  perform jobqueue.check_actor_1(options);
  delete from jobqueue.schedules s where s.name = schedule and (s.kind = 'runtime' or s.removed_at is not null)
  returning s.* into v_deleted;
  if not found then
    select * into v_kept from jobqueue.schedules s where s.name = schedule;
    return case when found then jsonb_build_object('done', false, 'exists', v_kept.kind, 'declared', true)
           else '{"done": false, "unknown": true}' end;
  end if;
  delete from jobqueue.schedule_slots k where k.schedule = v_deleted.name;
  insert into jobqueue.audit_log (actor, action, details)
  values (options ->> 'actor', 'schedule_deleted',
          jsonb_build_object('schedule', schedule, 'reason', options ->> 'reason', 'kind', v_deleted.kind,
            'deleted', jobqueue.schedule_facts_1(v_deleted.definition)));
  return '{"done": true}';
end $$;

create or replace function jobqueue.create_schedule(
  name text,
  type text,
  cron text,
  time_zone text default 'UTC',
  payload jsonb default '{}',
  queue text default 'default',
  priority int default 0,
  max_attempts int default 3,
  misfire jsonb default '"latest"',
  missed_after_ms float8 default 90000000,
  overlap text default 'allow',
  jitter_ms int default 0,
  paused boolean default false,
  actor text default null,
  reason text default null
)
returns void
language plpgsql volatile
as $$
begin
  perform jobqueue.refuse_schedule_1(name, jobqueue.create_schedule_1(name, jsonb_build_object(
    'cron', cron, 'timeZone', time_zone, 'misfire', misfire, 'missedAfterMs', missed_after_ms, 'overlap', overlap, 'jitterMs', jitter_ms,
    'job', jsonb_build_object('type', type, 'queue', queue, 'priority', priority, 'max_attempts', max_attempts, 'payload', payload)),
    jsonb_build_object('actor', actor, 'reason', reason, 'paused', paused)));
end $$;

-- changes: any of {cron, time_zone, type, payload, queue, priority, max_attempts, misfire, missed_after_ms, overlap, jitter_ms, paused}
create or replace function jobqueue.update_schedule(name text, changes jsonb, actor text default null, reason text default null)
returns void
language plpgsql volatile
as $$
#variable_conflict use_variable
declare
  v_unknown text;
  v_is      jsonb;
begin
  select k into v_unknown from jsonb_object_keys(changes) as o(k)
  where k <> all('{cron,time_zone,type,payload,queue,priority,max_attempts,misfire,missed_after_ms,overlap,jitter_ms,paused}');
  if v_unknown is not null then
    raise exception 'a schedule has no "%" to change', v_unknown using errcode = 'invalid_parameter_value';
  end if;
  select s.definition into v_is from jobqueue.schedules s where s.name = update_schedule.name for no key update;
  perform jobqueue.refuse_schedule_1(name, case when v_is is null then '{"done": false, "unknown": true}' else
    jobqueue.update_schedule_1(name,
      v_is || (select coalesce(jsonb_object_agg(m.name, changes -> m.key), '{}')
               from (values ('cron', 'cron'), ('time_zone', 'timeZone'), ('misfire', 'misfire'), ('missed_after_ms', 'missedAfterMs'),
                            ('overlap', 'overlap'), ('jitter_ms', 'jitterMs')) as m(key, name) where changes ? m.key)
           || jsonb_build_object('job', v_is -> 'job' || (
                select coalesce(jsonb_object_agg(m.key, changes -> m.key), '{}')
                from unnest('{type,payload,queue,priority,max_attempts}'::text[]) as m(key) where changes ? m.key)),
      jsonb_build_object('actor', actor, 'reason', reason, 'paused', changes -> 'paused')) end);
end $$;

create or replace function jobqueue.delete_schedule(name text, actor text default null, reason text default null)
returns void
language plpgsql volatile
as $$
begin
  perform jobqueue.refuse_schedule_1(name, jobqueue.delete_schedule_1(name, jsonb_build_object('actor', actor, 'reason', reason)));
end $$;

-- Raises what an answer refuses.
create or replace function jobqueue.refuse_schedule_1(schedule text, answer jsonb)
returns void
language plpgsql immutable
as $$
begin
  if (answer ->> 'done')::boolean then
    return;
  elsif answer ? 'full' then
    raise exception 'there are 10000 schedules of run time, which is the most' using errcode = 'program_limit_exceeded';
  elsif answer ->> 'exists' = 'code' then
    raise exception 'the schedule % is the code''s', quote_literal(schedule) using errcode = 'unique_violation',
      hint = 'give a schedule of run time another name; change the code''s in the code, or override its line';
  elsif answer ? 'exists' then
    raise exception 'a schedule of run time has the name %', quote_literal(schedule) using errcode = 'unique_violation',
      hint = 'change it with update_schedule';
  end if;
  raise exception 'there is no schedule %', quote_literal(schedule) using errcode = 'no_data_found';
end $$;

-- What an audit log may say of a schedule.
create or replace function jobqueue.schedule_facts_1(definition jsonb)
returns jsonb
language sql immutable
as $$
  select definition - 'job' || (definition -> 'job') - 'payload'
$$;
