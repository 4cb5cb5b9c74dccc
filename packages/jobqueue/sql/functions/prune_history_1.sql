-- prune_history_1: looks at the next 1,000 rows of finished jobs behind `place`, in order of id, and deletes those past their retention,
-- with the idempotency keys that no longer hold. Part of prune_1, which describes the request.
--
-- Why by id: ids rise with the time of the enqueue, and nothing ended before it was enqueued, so behind the first job that is
-- younger than the shortest retention there is nothing to delete, and the primary key is the only index this needs. One on
-- finished_at would cost every job an entry for what is done a thousand at a time. A job that ended long after it was
-- enqueued is met again by the next round. A job whose key still holds is kept, whatever its retention,
-- and so is one that its parent waits for.
create or replace function jobqueue.prune_history_1(request jsonb, place bigint, out reached bigint, out pruned jsonb)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_old       bigint[];
  v_keyed     bigint[];
  v_seen      int;
  v_youngest  timestamptz;
  v_keys      int := 0;
begin
  select array_agg(id) filter (where finished_at < now() - kept_ms * interval '1 ms'),
         array_agg(id) filter (where keyed), count(*), max(id), max(created_at)
  into v_old, v_keyed, v_seen, reached, v_youngest
  from (
    select h.id, h.finished_at, h.created_at, h.idempotency_key is not null as keyed,
           coalesce(request -> 'types' -> h.type ->> h.status::text, request ->> h.status::text)::float8 as kept_ms
    from jobqueue.job_history h
    where h.id > place
    order by h.id limit 1000
  ) slice;

  -- Whoever holds one of these rows, an enqueue that takes an expired key or a replay, is not waited for.
  if v_keyed <> '{}' then
    delete from jobqueue.idempotency_keys k
    where k.ctid = any(array(
      select e.ctid from jobqueue.job_history h
      join jobqueue.idempotency_keys e on e.type = h.type and e.key = h.idempotency_key and e.job_id = h.id
      where h.id = any(v_keyed) and e.expires_at < now()
      for update of e skip locked));
    get diagnostics v_keys = row_count;
  end if;

  with gone as (
    delete from jobqueue.job_history h
    where h.ctid = any(array(
      select o.ctid from jobqueue.job_history o
      where o.id = any(v_old)
        and not exists (select from jobqueue.flows f where f.child_id = o.id and not f.done)
        and not exists (select from jobqueue.idempotency_keys k
                        where k.type = o.type and k.key = o.idempotency_key and k.job_id = o.id
                          and (k.expires_at is null or k.expires_at >= now()))
      for update skip locked))
    returning h.id, h.status
  ), without_parent as (
    delete from jobqueue.flows f using gone g where f.parent_id = g.id
  )
  select jsonb_build_object('keys', v_keys, 'completed', count(*) filter (where status = 'COMPLETED'),
                            'deadLettered', count(*) filter (where status = 'DEAD_LETTER'),
                            'cancelled', count(*) filter (where status = 'CANCELLED'))
  into pruned
  from gone;

  if v_seen < 1000 or v_youngest > now() - (request ->> 'shortestMs')::float8 * interval '1 ms' then
    reached := null;
  end if;
end $$;
