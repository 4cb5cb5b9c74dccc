-- settle_1: records what became of jobs, first of those that leave the live table, then of those that stay. Part of step_1,
-- which describes its parameters. Answers the ids of jobs that were not this drain's any more.
--
-- Why two forms: nearly every job completes, and a row of an array costs a fifth of an object in JSON (0.5 against 2.6 us).
create or replace function jobqueue.settle_1(drain jsonb, completed bigint[], results jsonb, settlements jsonb)
returns bigint[]
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_completed int := coalesce(array_length(completed, 2), 0);
  v_others    int := jsonb_array_length(settlements);
  v_rows      int;
  v_now       float8 := extract(epoch from now());  -- in seconds: intervals cost each job 0.3 us
  v_settled   int := 0;
  v_ids       bigint[];
  v_lost      bigint[] := '{}';
begin
  if v_completed > 0 then
    with gone as (
      delete from jobqueue.jobs j
      using rows from (unnest(completed[1:1][:]), unnest(completed[2:2][:]), unnest(completed[3:3][:]),
                       unnest(completed[4:4][:]), jsonb_array_elements(results)) as s(id, fence, ran_ms, ended_ago_ms, result)
      where j.id = s.id and j.fence = s.fence and isfinite(j.lease_until)
      returning j.id, j.created_at, j.due_at, j.fence, j.attempt, j.max_attempts, j.priority, j.queue, j.type,
                j.idempotency_key, j.payload, j.state, j.progress, j.errors, j.meta, s.ran_ms, s.ended_ago_ms, s.result
    )
    insert into jobqueue.job_history (id, status, created_at, due_at, started_at, finished_at, fence, attempt, max_attempts,
      priority, queue, type, idempotency_key, payload, state, progress, result, errors, meta)
    select id, 'COMPLETED', created_at, due_at, to_timestamp(v_now - (ended_ago_ms + ran_ms) / 1000::float8),
           to_timestamp(v_now - ended_ago_ms / 1000::float8), fence, attempt + 1, max_attempts, priority, queue, type, idempotency_key,
           payload, state, progress, nullif(result, 'null'), errors, meta
    from gone;
    get diagnostics v_settled = row_count;
  end if;

  if v_others > 0 then
    with gone as (
      delete from jobqueue.jobs j
      using jsonb_to_recordset(settlements) as s(id bigint, fence int, "to" text, error jsonb, "ranMs" int, "endedAgoMs" int)
      where s."to" in ('dead_letter', 'cancelled')
        and j.id = s.id and j.fence = s.fence and isfinite(j.lease_until)
      returning j.*, s."to", s.error, s."ranMs", s."endedAgoMs"
    )
    insert into jobqueue.job_history (id, status, created_at, due_at, started_at, finished_at, fence, attempt, max_attempts,
      priority, queue, type, idempotency_key, payload, state, progress, errors, meta)
    select id, (case "to" when 'cancelled' then 'CANCELLED' else 'DEAD_LETTER' end)::jobqueue.terminal_status, created_at, due_at,
           coalesce(now() - (coalesce("endedAgoMs", 0) + "ranMs") * interval '1 ms', started_at),
           now() - coalesce("endedAgoMs", 0) * interval '1 ms', fence, attempt + ("ranMs" is not null)::int, max_attempts,
           priority, queue, type, idempotency_key, payload, state, progress,
           coalesce(errors, '[]') || (error || jsonb_build_object('at', now(), 'fence', fence)), meta
    from gone;
    get diagnostics v_rows = row_count;
    v_settled := v_settled + v_rows;

    if v_rows < v_others then
      update jobqueue.jobs j
      set settled_fence = j.fence,
          claim = null,
          -- its handler still runs: nobody else may start it before the lease ends, as this clock knows it
          lease_until = case when s.hold and s."delayMs" is null then j.lease_until end,
          due_at = case when s."delayMs" is null then j.due_at
                        else greatest(now() + s."delayMs" * interval '1 ms', case when s.hold then j.lease_until end) end,
          attempt = case s."to" when 'retry' then j.attempt + 1 when 'continue' then 0 else j.attempt end,
          -- a run that came to an outcome did not kill its function; a checkpoint proves nothing of the kind
          rescues = case when s."to" in ('continue', 'retry') or s.interrupted then 0 else j.rescues end,
          interruptions = case s."to" when 'continue' then 0 else j.interruptions + coalesce(s.interrupted, false)::int end,
          passes = case when s.passed then least(j.passes + 1, 1000) when s."to" = 'give_back' then j.passes else 0 end,
          state = case s."to" when 'continue' then s.state else j.state end,
          meta = case when s.postponed then coalesce(j.meta, '{}') || '{"postponed": true}' else j.meta end,
          state_bytes = case s."to" when 'continue' then coalesce(octet_length(s.state::text), 0) else j.state_bytes end,
          errors = case when s.error is null then j.errors
                        else coalesce(case when jsonb_array_length(j.errors) >= 100 then j.errors - 0 else j.errors end, '[]')
                             || (s.error || jsonb_build_object('at', now(), 'fence', j.fence)) end
      from jsonb_to_recordset(settlements) as s(id bigint, fence int, "to" text, "delayMs" float8, error jsonb, state jsonb,
        interrupted boolean, passed boolean, postponed boolean, hold boolean)
      where s."to" in ('retry', 'give_back', 'continue')
        and j.id = s.id and j.fence = s.fence and isfinite(j.lease_until) and j.settled_fence <> j.fence;
      get diagnostics v_rows = row_count;
      v_settled := v_settled + v_rows;
    end if;
  end if;

  -- A completed job's key lives on for its window; a dead letter or a cancel frees it. Only the job's own holder touches
  -- its key, so these rows are never contended by another settle.
  if (drain ->> 'keyed')::boolean then
    v_ids := array(select unnest(completed[1:1][:]) union all
                   select s.id from jsonb_to_recordset(settlements) as s(id bigint, "to" text) where "to" in ('dead_letter', 'cancelled'));
    update jobqueue.idempotency_keys k
    set expires_at = h.finished_at + (drain ->> 'keyWindowMs')::float8 * interval '1 ms'
    from jobqueue.job_history h
    where h.id = any(v_ids) and h.status = 'COMPLETED' and k.type = h.type and k.key = h.idempotency_key and k.job_id = h.id;
    delete from jobqueue.idempotency_keys k
    using jobqueue.job_history h
    where h.id = any(v_ids) and h.status <> 'COMPLETED' and k.type = h.type and k.key = h.idempotency_key and k.job_id = h.id;
  end if;

  -- Parents hear of it last: their rows are shared by the drains of all their children. A client of before flows does not say.
  if (drain ->> 'flowed')::boolean or not drain ? 'flowed' and exists (select from jobqueue.flows f where not f.done) then
    perform jobqueue.children_ended_1(array(
      select unnest(completed[1:1][:]) union all
      select s.id from jsonb_to_recordset(settlements) as s(id bigint, "to" text) where "to" in ('dead_letter', 'cancelled')));
  end if;

  -- An outcome that did not match was recorded by a repetition of this step, or its fence is no longer ours.
  if v_settled < v_completed + v_others then
    select coalesce(array_agg(s.id), '{}') into v_lost
    from (
      select id, fence from unnest(completed[1:1][:], completed[2:2][:]) as c(id, fence)
      union all
      select id, fence from jsonb_to_recordset(settlements) as o(id bigint, fence int)
    ) s
    where not exists (select from jobqueue.jobs j where j.id = s.id and j.settled_fence = s.fence)
      and not exists (
        select from (select fence, errors, false as over from jobqueue.live_1(array[s.id])
                     union all select fence, errors, true from jobqueue.ended_1(array[s.id])) now_held
        -- Sent again so late that the job was claimed or replayed since: only an outcome releases a job, or what leaves a trace.
        where (over and fence = s.fence or (drain ->> 'again')::boolean and fence > s.fence)
          and coalesce(errors @> jsonb_build_array(jsonb_build_object('code', 'crashed', 'fence', s.fence))
                    or errors @> jsonb_build_array(jsonb_build_object('code', 'cancelled', 'fence', s.fence)), false) is false);
  end if;
  return v_lost;
end $$;
