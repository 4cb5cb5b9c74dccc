-- start_replay_1, stop_replay_1, replays_due_1, replays_1: replays that are spread over time. A replay is a row; drains move its
-- dead letters, a portion at a time, until they are all moved and have come to an outcome, or its stop condition holds.

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
  perform jobqueue.dead_1(filter, jsonb_build_object('began', now()), 1, 1);
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

-- Whether it was running. What it has moved stays moved.
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

-- Moves one replay on: judges its jobs, then stops it, or moves the next of the portion that its rate allows by now. Of drains
-- that do it at once one does, the others find the row locked. Answers {replay, moved, more}, null if none is to be moved on.
--
-- A statement of its own, not part of a step: it waits for enqueues that take the same idempotency keys, and a step would
-- make all jobs of its drain wait with it, holding locks that those enqueues may want.
--
-- The rate: the clock since `budget_from`, up to a minute of it, times the rate, is what may move; what moves spends that time.
-- So after m minutes at most m times `per_minute` have moved, however often this was called, and after a gap one minute's
-- worth is made up for. With 10,000 jobs undecided it waits for their outcomes: the stop condition must have a say.
create or replace function jobqueue.replays_1(out answer jsonb)
language plpgsql volatile
set jit = off
set lock_timeout = '10s'  -- whoever stops the replay waits for this row
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v          jobqueue.replays;
  v_judged   bigint;
  v_probed   int;
  v_failed   int;
  v_completed int;
  v_cancelled int;
  v_gone     int;
  v_reason   text;
  v_since    timestamptz;
  v_budget   int;
  v_most     int;
  v_progress jsonb;
  v_cursor   jsonb;
  v_at_end   boolean;
  v_ids      bigint[];
  v_moved    bigint[] := '{}';
  v_fences   int[];
  v_refused  jsonb;
  v_locked   int;
begin
  perform jobqueue.check_session_1();
  select * into v from jobqueue.replays r
  where r.state = 'running' order by r.looked_at limit 1
  for update skip locked;
  if not found then
    return;
  end if;

  -- 1. Judge up to 1,000 jobs, in turn. An error under a later fence than the job was replayed with is a run that failed since.
  with probed as (
    select r.job_id, r.fence from jobqueue.replayed_jobs r where r.replay = v.id and r.job_id > v.judged_job order by r.job_id limit 1000
  ), seen as (
    select p.job_id, h.status, j.id is null as left_live,
           h.status = 'DEAD_LETTER' or coalesce(jsonb_path_exists(coalesce(j.errors, h.errors),
             '$[*] ? (@.fence > $fence && !(@.counted == false) && !(@.code == "cancelled"))', jsonb_build_object('fence', p.fence)), false) as failed
    from probed p
    left join jobqueue.jobs j on j.id = p.job_id
    left join jobqueue.job_history h on h.id = p.job_id
  ), decided as (
    delete from jobqueue.replayed_jobs r using seen s
    where r.replay = v.id and r.job_id = s.job_id and (s.failed or s.left_live)
    returning s.failed, s.status
  )
  select (select max(job_id) from probed), (select count(*) from probed), count(*) filter (where failed),
         count(*) filter (where not failed and status = 'COMPLETED'), count(*) filter (where not failed and status = 'CANCELLED'), count(*)
  into v_judged, v_probed, v_failed, v_completed, v_cancelled, v_gone
  from decided;
  v.failed := v.failed + v_failed;
  v.completed := v.completed + v_completed;
  v.cancelled := v.cancelled + v_cancelled;
  v.undecided := v.undecided - v_gone;
  v.judged_job := case when v_probed = 1000 then v_judged else 0 end;

  -- 2. Stop?
  if v.failed >= (v.stop_when ->> 'failed')::int then
    v_reason := format('%s of its jobs failed again', v.failed);
  elsif v.failed + v.completed >= (v.stop_when ->> 'of')::int
        and v.failed >= (v.stop_when ->> 'failureRatio')::float8 * (v.failed + v.completed) then
    v_reason := format('%s of %s of its jobs failed again', v.failed, v.failed + v.completed);
  end if;

  -- 3. Move.
  v_since := greatest(v.budget_from, now() - interval '1 minute');
  v_budget := floor(extract(epoch from now() - v_since) * v.per_minute / 60);
  v_most := least(v_budget, 1000, 10000 - v.undecided, v.max_jobs - v.replayed);
  if v_reason is null and not v.all_moved and v_most > 0 then
    v_progress := jsonb_build_object('began', v.started_at) || v.progress;
    select d.ids, d.cursor, d.at_end into v_ids, v_cursor, v_at_end from jobqueue.dead_1(v.filter, v_progress, v_most, 10000) d;
    select r.moved, r.fences, r.refused, r.locked into v_moved, v_fences, v_refused, v_locked
    from jobqueue.revive_1(v.filter, v.started_at, v_ids) r;
    insert into jobqueue.replayed_jobs (replay, job_id, fence) select v.id, m.id, m.fence from unnest(v_moved, v_fences) as m(id, fence);
    v_locked := v_locked + coalesce((v_progress ->> 'locked')::int, 0);
    v_progress := jobqueue.noted_refusals_1(v_progress, v_refused);
    v.refused := (v_progress ->> 'skipped')::int;
    v.progress := v_progress || jsonb_build_object('cursor', v_cursor, 'locked', v_locked);
    if v_at_end and v_locked > 0 then
      v.progress := v.progress || '{"locked": 0, "skipped": 0}';
    end if;
    v.replayed := v.replayed + cardinality(v_moved);
    v.undecided := v.undecided + cardinality(v_moved);
    v.all_moved := v_at_end and v_locked = 0 or coalesce(v.replayed >= v.max_jobs, false);
    if v_moved <> '{}' then
      v.budget_from := v_since + cardinality(v_moved) * interval '1 minute' / v.per_minute;
      v.last_moved_at := now();
    end if;
  end if;

  -- 4. Over? Jobs that come to nothing within an hour are not waited for.
  if v_reason is not null then
    v.state := 'stopped';
  elsif v.all_moved and (v.undecided = 0 or v.last_moved_at < now() - interval '1 hour') then
    v.state := 'finished';
  end if;
  update jobqueue.replays r
  set (state, end_reason, ended_at, looked_at, last_moved_at, budget_from, progress, all_moved, replayed, refused, failed, completed, cancelled, undecided, judged_job)
    = (v.state, v_reason, case when v.state <> 'running' then now() end, now(), v.last_moved_at, v.budget_from, v.progress, v.all_moved,
       v.replayed, v.refused, v.failed, v.completed, v.cancelled, v.undecided, v.judged_job)
  where r.id = v.id;
  if v.state <> 'running' then
    perform jobqueue.replay_ended_1(v.id, 'queue');
  end if;
  answer := jsonb_build_object('replay', v.id::text, 'moved', cardinality(v_moved),
    'more', v.state = 'running' and (v.judged_job > 0 or not v.all_moved and v_most > 0 and cardinality(v_moved) < v_budget));
end $$;
