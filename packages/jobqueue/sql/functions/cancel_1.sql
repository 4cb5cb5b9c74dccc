-- cancel_1: cancels the next slice of the live jobs that a filter means (see matching_1; how slices follow: operation_1):
--   select jobqueue.cancel_1('{"type": "campaign_send"}', '{"actor": "ann", "reason": "wrong template"}');
--
-- A job that waits leaves the live table as CANCELLED and frees its key. So does one that a drain holds, at once, with its
-- fence raised: whatever its holder still says is lost, and the answer to the holder's next step revokes the job.
--
-- Why this shape: rows are locked with SKIP LOCKED and never waited for, so this deadlocks with no step; what a step had in
-- its hands just then is met by a further pass.
create or replace function jobqueue.cancel_1(filter jsonb, options jsonb, progress jsonb default null)
returns jsonb
language plpgsql volatile
set jit = off
set enable_seqscan = off  -- see step_1: a plan that was made when the table was empty
set enable_bitmapscan = off
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_progress jsonb;
  v_cursor   jsonb;
  v_at_end   boolean;
  v_ids      bigint[];
  v_taken    bigint[];
  v_locked   int := 0;
begin
  perform jobqueue.check_session_1();
  if coalesce(options ->> 'reason', '') = '' then
    raise exception 'expected why as {"reason": …} in the options' using errcode = 'invalid_parameter_value';
  end if;
  v_progress := coalesce(progress, jobqueue.begin_operation_1('cancel', filter, options));
  select m.ids, m.cursor, m.at_end into v_ids, v_cursor, v_at_end from jobqueue.matching_1(filter, v_progress, 500) m;

  v_taken := array(
    select j.id from jobqueue.jobs j
    where j.id = any(v_ids) and jobqueue.is_meant_1(filter, j.queue, j.type, j.priority, j.due_at, j.lease_until)
    for update skip locked);
  perform jobqueue.part_ids_1(v_taken);
  with gone as (
    delete from jobqueue.jobs j where j.id = any(v_taken)
    returning j.*, j.lease_until is not null as held, j.lease_until is not null and j.settled_fence <> j.fence as revoked
  ), counted as (
    insert into jobqueue.rollups (minute, type, drain, cancelled)  -- a row of this slice alone: nobody waits for it
    select date_trunc('minute', now()), type, gen_random_uuid(), count(*) from gone group by type
  ), freed as (
    delete from jobqueue.idempotency_keys k using gone g
    where k.type = g.type and k.key = g.idempotency_key and k.job_id = g.id
  )
  insert into jobqueue.job_history (id, status, created_at, due_at, started_at, fence, attempt, max_attempts, priority,
    queue, type, idempotency_key, payload, state, progress, errors, meta)
  select id, 'CANCELLED', created_at, due_at, started_at, fence + held::int, attempt + (revoked and started_fence = fence)::int,
         max_attempts, priority, queue, type, idempotency_key, payload, state, progress,
         coalesce(case when jsonb_array_length(errors) >= 100 then errors - 0 else errors end, '[]')
           || jsonb_strip_nulls(jsonb_build_object('name', 'Cancelled', 'code', 'cancelled', 'at', now(), 'attempt', attempt + 1,
                'message', options ->> 'reason', 'by', options ->> 'actor',
                'fence', case when revoked then fence end)),  -- settle_1 knows by this that what comes under it is lost
         meta
  from gone;
  perform jobqueue.children_ended_1(v_taken);

  if cardinality(v_taken) < cardinality(v_ids) then
    select count(*) into v_locked from jobqueue.jobs j
    where j.id = any(v_ids) and jobqueue.is_meant_1(filter, j.queue, j.type, j.priority, j.due_at, j.lease_until);
  end if;
  return jobqueue.end_slice_1('cancel', options, v_progress || jsonb_build_object('cursor', v_cursor,
    'changed', (v_progress ->> 'changed')::int + cardinality(v_taken),
    'locked', (v_progress ->> 'locked')::int + v_locked), v_at_end);
end $$;
