-- prune_batches_1: looks at the next 100 batches that were claimed behind `place` and are older than the retention of their type, and
-- deletes those without an open job whose last outcome is as old too, with the idempotency keys that no longer hold. What has left its batch
-- (retried, cancelled, dead letters) is elsewhere, so batches without a completed job go by the same rule. Part of prune_1, which describes the request.
--
-- Why by type and age: each type's batches are read from its oldest to the first that is too young, so a type that is kept for long
-- makes no round longer. Only what is held back is met again by each round: batches with a key that still holds, or with a child that its parent
-- waits for. Of equal instants all are looked at, because a place could not tell them apart.
create or replace function jobqueue.prune_batches_1(request jsonb, place timestamptz, out reached timestamptz, out pruned jsonb)
language plpgsql volatile
set enable_seqscan = off  -- see step_2
as $$
#variable_conflict use_column
declare
  v_old   bigint[];
  v_seen  int;
  v_keys  int := 0;
begin
  with recursive types as (
    (select b.type from jobqueue.batches b order by b.type limit 1)
    union all
    select n.type from types t cross join lateral (select b.type from jobqueue.batches b where b.type > t.type order by b.type limit 1) n
  ), kept as (
    select t.type, now() - coalesce(request -> 'types' -> t.type ->> 'COMPLETED', request ->> 'COMPLETED')::float8 * interval '1 ms' as until
    from types t
  ), slice as (
    select o.id, o.claimed_at, k.until
    from kept k
    cross join lateral (
      select b.id, b.claimed_at from jobqueue.batches b
      where b.type = k.type and b.claimed_at > place and b.claimed_at < k.until
      order by b.claimed_at fetch first 100 rows with ties) o
    order by o.claimed_at fetch first 100 rows with ties
  )
  select count(*), max(s.claimed_at),
         array_agg(s.id) filter (where not exists (select from jobqueue.leases l where l.batch = s.id)
                                   and (select t.at from jobqueue.settlements t where t.batch = s.id order by t.n desc limit 1) < s.until)
  into v_seen, reached, v_old
  from slice s;
  if v_seen < 100 then
    reached := null;
  end if;

  -- Whoever holds one of these rows, as an enqueue that takes an expired key does, is not waited for.
  delete from jobqueue.idempotency_keys k
  where k.ctid = any(array(
    select e.ctid from jobqueue.batches b
    cross join lateral unnest(b.ids, b.keys) as u(id, key)
    join jobqueue.idempotency_keys e on e.type = b.type and e.key = u.key and e.job_id = u.id
    where b.id = any(v_old) and b.keys is not null and e.expires_at < now()
    for update of e skip locked));
  get diagnostics v_keys = row_count;

  with done as materialized (  -- jobs that completed here, of batches that have keys, or jobs of flows, which say so in `rest`
    select b.id as batch, b.type, u.id, u.key
    from jobqueue.batches b
    cross join lateral (select bit_or(s.done) as mask from jobqueue.settlements s where s.batch = b.id) d
    cross join lateral unnest(b.ids, b.keys) with ordinality as u(id, key, p)
    where b.id = any(v_old) and (b.keys is not null or b.rest is not null) and get_bit(d.mask, u.p::int - 1) = 1
  ), gone as (
    delete from jobqueue.batches b
    where b.ctid = any(array(
      select o.ctid from jobqueue.batches o
      where o.id = any(v_old)
        and not exists (select from done d join jobqueue.flows f on f.child_id = d.id where d.batch = o.id and not f.done)
        and not exists (select from done d join jobqueue.idempotency_keys k on k.type = d.type and k.key = d.key and k.job_id = d.id
                        where d.batch = o.id and (k.expires_at is null or k.expires_at >= now()))
      for update skip locked))
    returning b.id, b.ids
  ), without_place as (
    delete from jobqueue.blocks k using (select distinct g.id, i >> 10 as block from gone g cross join lateral unnest(g.ids) as i) w
    where k.block = w.block and k.batch = w.id
  ), without_batch as (
    delete from jobqueue.settlements s using gone g where s.batch = g.id returning s.done
  ), without_job as (
    delete from jobqueue.notes n using gone g where n.batch = g.id
  ), without_parent as (
    delete from jobqueue.flows f using gone g join done d on d.batch = g.id where f.parent_id = d.id
  )
  select jsonb_build_object('keys', v_keys, 'completed', coalesce(sum(bit_count(w.done)), 0)) into pruned from without_batch w;
end $$;
