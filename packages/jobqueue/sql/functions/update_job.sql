-- update_job: gives a job that waits another payload, priority or due time. True if it was waiting: one that a drain holds, or that has
-- ended, is left alone. A drain that claims it at the same time decides by the lock on its row: the job runs with all of the change or with
-- nothing of it.
--   select jobqueue.update_job(4711, '{"priority": 9, "scheduledFor": "2026-12-24T18:00:00Z"}', '{"actor": "ann"}');
--
-- changes  {payload?, priority?, scheduledFor? | delayMs?}; an instant in the past means now. A payload is checked by nobody here: queue.update
--          checks it by the type's schema. A job that waits for its children and gets a due time runs then, whatever became of them.
-- options  {actor?, reason?}: who did this, as the audit log shows it; without an actor it has no line
create or replace function jobqueue.update_job(job bigint, changes jsonb, options jsonb default '{}')
returns boolean
language plpgsql volatile
set jit = off
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_names    text[] := array(select jsonb_object_keys(changes));
  v_priority numeric := changes ->> 'priority';
  v_to       timestamptz := coalesce((changes ->> 'scheduledFor')::timestamptz, now() + (changes ->> 'delayMs')::float8 * interval '1 ms');
begin
  if v_names = '{}' or not v_names <@ array['payload', 'priority', 'scheduledFor', 'delayMs'] or v_names @> array['scheduledFor', 'delayMs'] then
    raise exception 'expected one or more of payload, priority, and scheduledFor or delayMs, in the changes, got %', v_names
      using errcode = 'invalid_parameter_value';
  end if;
  if changes ? 'priority' and (v_priority between 0 and 10 and v_priority = trunc(v_priority)) is not true then
    raise exception 'expected {"priority": 0 to 10} in the changes, got %', changes -> 'priority' using errcode = 'invalid_parameter_value';
  end if;
  if v_names && array['scheduledFor', 'delayMs'] and (v_to <= now() + interval '10 years 3 days') is not true then
    raise exception 'expected {"scheduledFor": an instant} or {"delayMs": ms}, at most 10 years ahead, in the changes'
      using errcode = 'invalid_parameter_value';
  end if;

  update jobqueue.jobs j
  set priority = coalesce(v_priority::smallint, j.priority),
      due_at = case when v_to is null then j.due_at else greatest(v_to, now()) end,
      payload = case when changes ? 'payload' then changes -> 'payload' else j.payload end,
      payload_bytes = case when changes ? 'payload' then octet_length((changes -> 'payload')::text) else j.payload_bytes end
  where j.id = job and j.lease_until is null;
  if not found then
    return false;
  end if;
  -- Not with what: payloads are customers' data, and that log is for ever.
  if options ? 'actor' then
    insert into jobqueue.audit_log (actor, action, details)
    values (options ->> 'actor', 'job.updated', jsonb_build_object('jobId', job::text, 'changed', to_jsonb(v_names)) || (options - 'actor'));
  end if;
  return true;
end $$;
