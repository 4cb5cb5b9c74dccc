-- rescue_2: gives the open jobs of batches whose lease ran out back to the live table, each in its place. Part of step_2. Answers how many,
-- and the ids of those that are convicted. Counts as rescue_1 does. Four batches at most.
create or replace function jobqueue.rescue_2(out rescued int, out crashed bigint[])
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_batches bigint[];
  v_masks   varbit[];
begin
  rescued := 0;
  crashed := '{}';
  select array_agg(l.batch), array_agg(l.open), coalesce(sum(bit_count(l.open)), 0) into v_batches, v_masks, rescued
  from (
    select l.batch, l.open from jobqueue.leases l
    where l.lease_until < now() order by l.lease_until limit 4 for update skip locked) l;
  if v_batches is null then
    return;
  end if;

  with over as (
    delete from jobqueue.leases l where l.batch = any(v_batches) returning l.*
  )
  insert into jobqueue.settlements (batch, n, taken) select batch, settled + 1, open from over;

  with lost as materialized (
    select j.*, j.rescues + (j.rescues < 2 or j.started)::int as now_rescues,
           j.started and (j.rescues > 1 or j.attempt + 1 < j.max_attempts) as counted
    from unnest(v_batches, v_masks) as w(batch, mask)
    join jobqueue.batches b on b.id = w.batch
    cross join lateral jobqueue.jobs_of_batch_1(b, w.mask) j
  ), told as materialized (
    select l.*, l.attempt + l.counted::int as now_attempt,
           coalesce(case when jsonb_array_length(l.errors) >= 100 then l.errors - 0 else l.errors end, '[]')
             || jsonb_build_object('name', 'CrashedError', 'code', 'crashed', 'at', now(), 'fence', l.fence, 'attempt', l.attempt + 1,
                  'counted', l.counted,
                  'message', case when l.started
                    then 'the function that ran this job ended without an outcome'
                    else 'the function that held this job ended before it reported the job running' end) as now_errors
    from lost l
  ), back as (
    insert into jobqueue.jobs (id, due_at, created_at, fence, started_fence, settled_fence, payload_bytes, state_bytes, attempt, max_attempts,
      priority, rescues, interruptions, passes, queue, type, payload, started_at, idempotency_key, state, progress, errors, meta)
    select id, due_at, created_at, fence, case when started then fence else 0 end, 0, octet_length(payload::text),
           coalesce(octet_length(state::text), 0), now_attempt, max_attempts, priority, now_rescues, interruptions, passes, queue, type, payload,
           started_at, idempotency_key, state, progress, now_errors, meta
    from told where now_rescues < 3
  ), counted as (
    insert into jobqueue.rollups (minute, type, drain, dead)
    select date_trunc('minute', now()), type, gen_random_uuid(), count(*) from told where now_rescues >= 3 group by type
  ), freed as (
    delete from jobqueue.idempotency_keys k using told g
    where g.now_rescues >= 3 and k.type = g.type and k.key = g.idempotency_key and k.job_id = g.id
  ), ended as (
    insert into jobqueue.job_history (id, status, created_at, due_at, started_at, fence, attempt, max_attempts, priority,
      queue, type, idempotency_key, payload, state, progress, errors, meta)
    select id, 'DEAD_LETTER', created_at, due_at, started_at, fence, now_attempt, max_attempts, priority, queue, type,
           idempotency_key, payload, state, progress, now_errors, meta
    from told where now_rescues >= 3
    returning id
  )
  select coalesce(array_agg(id), '{}') into crashed from ended;
  if crashed <> '{}' then
    perform jobqueue.follow_dead_1(crashed, v_batches, null);
    perform jobqueue.children_ended_1(crashed);
  end if;
end $$;
