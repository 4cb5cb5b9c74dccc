-- revive_1: moves finished jobs back to the live table, under their ids and with what they hold. Part of replay_1 and replays_2.
-- Answers those moved, those whose idempotency key another job holds now, with that one's id, and how many are held by someone
-- just then, or whose key was freed and taken at this moment.
--
-- They are due at once, but a job that was cancelled before its time comes back at that time, unless the filter says {"due": "now"}.
-- Attempts count anew, errors stay. The fence is raised, so that an outcome under an old one, be it sent only now, is lost
-- unless it was recorded. Keys are taken in sorted order like those of an enqueue, or the two would deadlock.
create or replace function jobqueue.revive_1(
  filter jsonb, before timestamptz, ids bigint[], out moved bigint[], out fences int[], out refused jsonb, out locked int)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_taken   bigint[];
  v_without bigint[];
begin
  ids := jobqueue.part_ids_1(ids);
  v_taken := array(
    select h.id from jobqueue.job_history h
    where h.id = any(ids) and h.finished_at < before
      and jobqueue.is_meant_dead_2(filter, h.queue, h.type, h.finished_at, h.errors, h.fingerprint)
    for update skip locked);
  select count(*) into locked from jobqueue.job_history h where h.id = any(ids) and h.id <> all(v_taken) and h.finished_at < before;

  delete from jobqueue.idempotency_keys k
  where k.ctid = any(array(
    select e.ctid
    from jobqueue.job_history h
    join jobqueue.idempotency_keys e on e.type = h.type and e.key = h.idempotency_key
    where h.id = any(v_taken) and case when e.type = h.type then jobqueue.is_free_key_1(e.expires_at, e.job_id) end
    order by e.type, e.key
    for update of e));
  insert into jobqueue.idempotency_keys (type, key, job_id)
  select type, idempotency_key, id
  from (select distinct on (h.type, h.idempotency_key) h.type, h.idempotency_key, h.id
        from jobqueue.job_history h
        where h.id = any(v_taken) and h.idempotency_key is not null
        order by h.type, h.idempotency_key, h.id) first_of_each
  order by type, idempotency_key
  on conflict (type, key) do nothing;

  select coalesce(array_agg(h.id), '{}'),
         coalesce(jsonb_agg(jsonb_build_object('id', h.id::text, 'holder', k.job_id::text) order by h.id) filter (where k.job_id is not null), '[]'),
         locked + count(*) filter (where k.job_id is null)
  into v_without, refused, locked
  from jobqueue.job_history h
  left join jobqueue.idempotency_keys k on k.type = h.type and k.key = h.idempotency_key
  where h.id = any(v_taken) and h.idempotency_key is not null and k.job_id is distinct from h.id;

  with gone as (
    delete from jobqueue.job_history h where h.id = any(v_taken) and h.id <> all(v_without) returning h.*
  ), live as (
    insert into jobqueue.jobs (id, due_at, created_at, fence, payload_bytes, state_bytes, max_attempts, priority, queue, type,
      payload, started_at, idempotency_key, state, progress, errors, meta)
    select id,
           -- a parent that was cancelled while it waited has still to wait
           case when exists (select from jobqueue.flows f where f.parent_id = gone.id and not f.done) then jobqueue.waits_for_children()
                when due_at = jobqueue.waits_for_children() then greatest(now(), (meta ->> 'notBefore')::timestamptz)
                when filter ->> 'due' = 'now' then now()
                else greatest(now(), due_at) end,
           created_at, fence + 1, octet_length(payload::text), coalesce(octet_length(state::text), 0), max_attempts,
           priority, queue, type, payload, started_at, idempotency_key, state, progress, errors, meta
    from gone
    returning id, fence
  )
  select coalesce(array_agg(id), '{}'), coalesce(array_agg(fence), '{}') into moved, fences from live;
end $$;
