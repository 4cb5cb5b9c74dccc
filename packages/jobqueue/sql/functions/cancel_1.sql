-- cancel_1: cancels the next slice of the live jobs that a filter means (see matching_1; how slices follow: operation_1):
--   select jobqueue.cancel_1('{"type": "campaign_send"}', '{"actor": "ann", "reason": "wrong template"}');
--
-- A job that waits leaves the live table as CANCELLED and frees its key. One that a drain holds leaves its batch so, at once, with
-- its fence raised: whatever its holder still says is lost, and the answer to the holder's next step revokes the job.
--
-- Why this shape: rows of jobs and of leases are locked with SKIP LOCKED and never waited for, so this deadlocks with no step; what a
-- step had in its hands just then is met by a further pass.
create or replace function jobqueue.cancel_1(filter jsonb, options jsonb, progress jsonb default null)
returns jsonb
language plpgsql volatile
set jit = off
set enable_seqscan = off  -- see step_2: a plan that was made when the table was empty
set enable_bitmapscan = off
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_progress  jsonb;
  v_cursor    jsonb;
  v_at_end    boolean;
  v_ids       bigint[];
  v_waiting   bigint[];
  v_batches   bigint[];
  v_masks     varbit[];
  v_cancelled bigint[];
  v_locked    int := 0;
begin
  perform jobqueue.check_session_1();
  if coalesce(options ->> 'reason', '') = '' then
    raise exception 'expected why as {"reason": …} in the options' using errcode = 'invalid_parameter_value';
  end if;
  v_progress := coalesce(progress, jobqueue.begin_operation_1('cancel', filter, options));
  select m.ids, m.cursor, m.at_end into v_ids, v_cursor, v_at_end from jobqueue.matching_1(filter, v_progress, 500) m;

  v_waiting := array(
    select j.id from jobqueue.jobs j
    where j.id = any(v_ids) and jobqueue.is_meant_1(filter, j.queue, j.type, j.priority, j.due_at, j.lease_until)
    for update skip locked);
  select t.batches, t.masks into v_batches, v_masks from jobqueue.take_held_1(filter, v_ids) t;
  v_cancelled := v_waiting || array(
    select b.ids[p] from unnest(v_batches, v_masks) as w(batch, mask) join jobqueue.batches b on b.id = w.batch
    cross join lateral unnest(jobqueue.places_1(w.mask)) as p);
  perform jobqueue.part_ids_1(v_cancelled);
  with waited as (
    delete from jobqueue.jobs j where j.id = any(v_waiting)
    returning j.*, j.lease_until is not null and j.settled_fence <> j.fence as revoked
  ), gone as (
    select id, created_at, due_at, started_at, fence, lease_until is not null as held, revoked, revoked and started_fence = fence as started,
           attempt, max_attempts, priority, queue::text, type::text, idempotency_key::text, payload, state, progress, errors, meta
    from waited
    union all
    select j.id, j.created_at, j.due_at, j.started_at, j.fence, true, true, j.started,
           j.attempt, j.max_attempts, j.priority, j.queue, j.type, j.idempotency_key, j.payload, j.state, j.progress, j.errors, j.meta
    from unnest(v_batches, v_masks) as w(batch, mask)
    join jobqueue.batches b on b.id = w.batch
    cross join lateral jobqueue.jobs_of_batch_1(b, w.mask) j
  ), counted as (
    insert into jobqueue.rollups (minute, type, drain, cancelled)  -- a row of this slice alone: nobody waits for it
    select date_trunc('minute', now()), type, gen_random_uuid(), count(*) from gone group by type
  ), freed as (
    delete from jobqueue.idempotency_keys k using gone g
    where k.type = g.type and k.key = g.idempotency_key and k.job_id = g.id
  )
  insert into jobqueue.job_history (id, status, created_at, due_at, started_at, fence, attempt, max_attempts, priority,
    queue, type, idempotency_key, payload, state, progress, errors, meta)
  select id, 'CANCELLED', created_at, due_at, started_at, fence + held::int, attempt + started::int,
         max_attempts, priority, queue, type, idempotency_key, payload, state, progress,
         coalesce(case when jsonb_array_length(errors) >= 100 then errors - 0 else errors end, '[]')
           || jsonb_strip_nulls(jsonb_build_object('name', 'Cancelled', 'code', 'cancelled', 'at', now(), 'attempt', attempt + 1,
                'message', options ->> 'reason', 'by', options ->> 'actor',
                'fence', case when revoked then fence end)),  -- settle_1 knows by this that what comes under it is lost
         meta
  from gone;
  perform jobqueue.children_ended_1(v_cancelled);

  if cardinality(v_cancelled) < cardinality(v_ids) then
    select count(*) into v_locked from jobqueue.live_places_1(v_ids) j
    where jobqueue.is_meant_1(filter, j.queue, j.type, j.priority, j.due_at, j.lease_until);
  end if;
  return jobqueue.end_slice_1('cancel', options, v_progress || jsonb_build_object('cursor', v_cursor,
    'changed', (v_progress ->> 'changed')::int + cardinality(v_cancelled),
    'locked', (v_progress ->> 'locked')::int + v_locked), v_at_end);
end $$;

-- take_held_1: takes those of these jobs that drains hold and the filter means out of their batches; answers where they were. Batches that a
-- step has locked just then are passed over.
create or replace function jobqueue.take_held_1(filter jsonb, ids bigint[], out batches bigint[], out masks varbit[])
language sql volatile
as $$
  with meant as materialized (
    select h.batch, jobqueue.mask_1(array_agg(h.place), h.size) as mask
    from jobqueue.held_1(ids) h
    where jobqueue.is_meant_1(filter, h.queue, h.type, h.priority, h.due_at, h.lease_until)
    group by h.batch, h.size
  ), locked as materialized (
    select l.batch, l.settled, l.open & m.mask as taken, l.open & ~m.mask as open
    from meant m join jobqueue.leases l on l.batch = m.batch
    for update of l skip locked
  ), noted as (
    insert into jobqueue.settlements (batch, n, taken) select batch, settled + 1, taken from locked where bit_count(taken) > 0
  ), less as (
    update jobqueue.leases l set open = k.open, settled = k.settled + 1 from locked k
    where l.batch = k.batch and bit_count(k.taken) > 0 and bit_count(k.open) > 0
  ), over as (
    delete from jobqueue.leases l using locked k where l.batch = k.batch and bit_count(k.open) = 0
  )
  select array_agg(batch), array_agg(taken) from locked where bit_count(taken) > 0
$$;
