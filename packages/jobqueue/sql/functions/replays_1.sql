-- start_replay_1, stop_replay_1, replays_due_1: replays that are spread over time. A replay is a row; drains move its dead letters, a
-- portion at a time (replays_2), until they are all moved and have come to an outcome, or its stop condition holds.

-- options  {actor, perMinute, stopWhen?, maxJobs?}; answers the id
create or replace function jobqueue.start_replay_1(filter jsonb, options jsonb)
returns bigint
language plpgsql volatile
set timezone = 'UTC'
as $$
#variable_conflict use_variable
declare
  v_id bigint;
begin
  -- Refuses at once what the drains would stumble over.
  perform jobqueue.dead_2(filter, jsonb_build_object('began', now()), 1, 1, null);
  if options ? 'stopWhen' and (options -> 'stopWhen' ->> 'failed')::int > 0 is not true
     and ((options -> 'stopWhen' ->> 'failureRatio')::float8 > 0 and (options -> 'stopWhen' ->> 'failureRatio')::float8 <= 1
          and (options -> 'stopWhen' ->> 'of')::int > 0) is not true then
    raise exception 'expected stopWhen to be {"failed": n} or {"failureRatio": 0..1, "of": n}' using errcode = 'invalid_parameter_value';
  end if;
  insert into jobqueue.replays (filter, per_minute, max_jobs, stop_when, actor)
  values (filter, (options ->> 'perMinute')::int, (options ->> 'maxJobs')::int, options -> 'stopWhen', options ->> 'actor')
  returning id into v_id;
  perform jobqueue.begin_operation_1('replay', filter, options || jsonb_build_object('replay', v_id::text));
  return v_id;
end $$;

-- Answers if it was running. Jobs that it has brought back stay.
create or replace function jobqueue.stop_replay_1(replay bigint, actor text)
returns boolean
language plpgsql volatile
as $$
#variable_conflict use_variable
begin
  if coalesce(actor, '') = '' then
    raise exception 'expected who stops the replay' using errcode = 'invalid_parameter_value';
  end if;
  update jobqueue.replays r set state = 'stopped', ended_at = now(), end_reason = 'stopped by ' || actor
  where r.id = replay and r.state = 'running';
  if not found then
    return false;
  end if;
  perform jobqueue.replay_ended_1(replay, actor);
  return true;
end $$;

-- The end of a replay, in the audit log; its undecided jobs are of no interest any more.
create or replace function jobqueue.replay_ended_1(replay bigint, actor text)
returns void
language sql volatile
as $$
  delete from jobqueue.replayed_jobs r where r.replay = replay_ended_1.replay;
  insert into jobqueue.audit_log (actor, action, details)
  select replay_ended_1.actor, 'replay.' || state, jsonb_build_object('replay', id::text, 'reason', end_reason, 'replayed', replayed,
           'refused', refused, 'failed', failed, 'completed', completed, 'cancelled', cancelled, 'undecided', undecided)
  from jobqueue.replays where id = replay_ended_1.replay;
$$;

-- The chore's look, part of a step: how many replays want to be moved on, null for none.
create or replace function jobqueue.replays_due_1(request jsonb)
returns jsonb
language sql stable
as $$
  select to_jsonb(nullif(count(*), 0)) from jobqueue.replays where state = 'running' and looked_at < now() - interval '1 second'
$$;

-- Moves one replay on for code that does not say which types it has handlers for.
create or replace function jobqueue.replays_1(out answer jsonb)
language sql volatile
as $$ select jobqueue.replays_2('{}') $$;
