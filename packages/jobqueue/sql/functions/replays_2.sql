-- replays_2: moves one replay on. Judges its jobs, then stops it, or moves the next of the portion that its rate and its stop
-- condition allow by now. Of drains that do it at once one does, the others find the row locked.
--
-- request  {types?}: those with a handler here
-- answer   {replay, moved, more, waitsFor}, null if none is to be moved on. waitsFor: 'outcomes', 'resume', 'handler', or null if only
--          the rate decides when it moves on
--
-- A statement of its own, not part of a step: it waits for enqueues that take the same idempotency keys, and a step would
-- make all jobs of its drain wait with it, holding locks that those enqueues may want.
--
-- The rate: the clock since `budget_from`, up to a minute of it, times the rate, is what may move; what moves spends that time.
-- So after m minutes at most m times `per_minute` have moved, however often this was called, and after a gap one minute's
-- worth is made up for.
--
-- The stop condition must have a say: a job is open from its replay until it ends, and no more are open than the condition needs to
-- judge. {failed: n}: as many as may still fail. {failureRatio, of}: until the first `of` outcomes those of them that are still to
-- come, from then on `of`. Never more than 10,000. What could not start is not moved, because it would come to no outcome while the
-- rate lets more and more of it out: jobs whose type or queue is paused, by an operator or by a guard, or whose type has no handler here.
create or replace function jobqueue.replays_2(request jsonb, out answer jsonb)
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
  v_open     int;
  v_room     int;
  v_held     text;
  v_started  int := 0;
begin
  perform jobqueue.check_session_1();
  select * into v from jobqueue.replays r
  where r.state = 'running' order by r.looked_at limit 1
  for update skip locked;
  if not found then
    return;
  end if;

  -- 1. Judge up to 1,000 jobs, in turn. An error under a later fence than the job was replayed with is a run that failed since. A
  -- job that failed and is tried again has been judged, and stays open.
  with probed as (
    select r.job_id, r.fence, r.failed from jobqueue.replayed_jobs r where r.replay = v.id and r.job_id > v.judged_job order by r.job_id limit 1000
  ), seen as (
    select p.job_id, p.failed as judged, h.status, j.id is null as ended,
           not p.failed and (coalesce(h.status = 'DEAD_LETTER', false) or coalesce(jsonb_path_exists(coalesce(j.errors, h.errors),
             '$[*] ? (@.fence > $fence && !(@.counted == false) && !(@.code == "cancelled"))', jsonb_build_object('fence', p.fence)), false)) as failed
    from probed p
    left join jobqueue.live_1(array(select job_id from probed)) j on j.id = p.job_id
    left join jobqueue.ended_1(array(select job_id from probed)) h on h.id = p.job_id
  ), over as (
    delete from jobqueue.replayed_jobs r using seen s where r.replay = v.id and r.job_id = s.job_id and s.ended
  ), noted as (
    update jobqueue.replayed_jobs r set failed = true from seen s where r.replay = v.id and r.job_id = s.job_id and s.failed and not s.ended
  )
  select max(job_id), count(*), count(*) filter (where failed),
         count(*) filter (where not judged and not failed and status = 'COMPLETED'),
         count(*) filter (where not judged and not failed and status = 'CANCELLED'), count(*) filter (where not judged and (failed or ended))
  into v_judged, v_probed, v_failed, v_completed, v_cancelled, v_gone
  from seen;
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
  select count(*) into v_open from jobqueue.replayed_jobs r where r.replay = v.id;
  v_room := least(10000 - v_open, case
    when v.stop_when ? 'failed' then (v.stop_when ->> 'failed')::int - v.failed - v.undecided
    when v.failed + v.completed < (v.stop_when ->> 'of')::int then (v.stop_when ->> 'of')::int - v.failed - v.completed - v.undecided
    else (v.stop_when ->> 'of')::int - v_open end);
  v_since := greatest(v.budget_from, now() - interval '1 minute');
  v_budget := floor(extract(epoch from now() - v_since) * v.per_minute / 60);
  v_most := least(v_budget, 1000, v_room, v.max_jobs - v.replayed);
  if v_reason is null and not v.all_moved and v_most > 0 then
    v_progress := jsonb_build_object('began', v.started_at) || v.progress;
    select d.ids, d.cursor, d.at_end, d.held into v_ids, v_cursor, v_at_end, v_held
    from jobqueue.dead_2(v.filter, v_progress, v_most, 10000, request) d;
    select r.moved, r.fences, r.refused, r.locked into v_moved, v_fences, v_refused, v_locked
    from jobqueue.revive_1(v.filter, v.started_at, v_ids) r;
    -- The stop condition ignores jobs that are due later or wait for their children.
    insert into jobqueue.replayed_jobs (replay, job_id, fence)
    select v.id, m.id, m.fence from unnest(v_moved, v_fences) as m(id, fence) join jobqueue.jobs j on j.id = m.id where j.due_at <= now();
    get diagnostics v_started = row_count;
    v_locked := v_locked + coalesce((v_progress ->> 'locked')::int, 0);
    v_held := greatest(v_held, v_progress ->> 'held');
    v_progress := jobqueue.noted_refusals_1(v_progress, v_refused);
    v.refused := (v_progress ->> 'skipped')::int;
    v.progress := v_progress || jsonb_build_object('cursor', v_cursor, 'locked', v_locked, 'held', v_held);
    v.replayed := v.replayed + cardinality(v_moved);
    v.undecided := v.undecided + v_started;
    v_room := v_room - v_started;
    v.all_moved := v_at_end and v_locked = 0 and v_held is null or coalesce(v.replayed >= v.max_jobs, false);
    -- a further pass meets what was locked or could not start
    if v_at_end and not v.all_moved then
      v.progress := v.progress || '{"cursor": null, "locked": 0, "held": null, "skipped": 0}';
    end if;
    if v_moved <> '{}' then
      v.budget_from := v_since + cardinality(v_moved) * interval '1 minute' / v.per_minute;
      v.last_moved_at := now();
    end if;
    v.waits_for := case when v_moved = '{}' then v_held end;
  end if;
  if v_room <= 0 and v_budget > cardinality(v_moved) then
    v.waits_for := 'outcomes';
  elsif v.waits_for = 'outcomes' then
    v.waits_for := null;
  end if;

  -- 4. Over? Jobs that come to nothing within an hour are not waited for.
  if v_reason is not null then
    v.state := 'stopped';
  elsif v.all_moved and (v.undecided = 0 or v.last_moved_at < now() - interval '1 hour') then
    v.state := 'finished';
  end if;
  if v.state <> 'running' or v.all_moved then
    v.waits_for := null;
  end if;
  update jobqueue.replays r
  set (waits_for, state, end_reason, ended_at, looked_at, last_moved_at, budget_from, progress, all_moved, replayed, refused, failed, completed, cancelled, undecided, judged_job)
    = (v.waits_for, v.state, v_reason, case when v.state <> 'running' then now() end, now(), v.last_moved_at, v.budget_from, v.progress, v.all_moved,
       v.replayed, v.refused, v.failed, v.completed, v.cancelled, v.undecided, v.judged_job)
  where r.id = v.id;
  if v.state <> 'running' then
    perform jobqueue.replay_ended_1(v.id, 'queue');
  end if;
  answer := jsonb_build_object('replay', v.id::text, 'moved', cardinality(v_moved), 'waitsFor', v.waits_for,
    'more', v.state = 'running' and (v.judged_job > 0 or not v.all_moved and v_room > 0 and cardinality(v_moved) < v_budget
                                     and (v_moved <> '{}' or not v_at_end or v_locked > 0)));
end $$;
