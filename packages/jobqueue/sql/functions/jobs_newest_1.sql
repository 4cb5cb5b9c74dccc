-- jobs_newest_1: part of jobs_page_1. The newest jobs first, by id: those that drains hold, by their leases; dead and cancelled
-- ones by their indexes; all else among the next 20,000 ids of the live table, of history and of batches. filter.above: ids above this one alone.
create or replace function jobqueue.jobs_newest_1(filter jsonb, cursor jsonb, bound int, out ids bigint[], out next jsonb, out searched_to bigint)
language plpgsql stable
as $$
#variable_conflict use_column
declare
  v_status text := filter ->> 'status';
  v_type   text := filter ->> 'type';
  v_queue  text := filter ->> 'queue';
  v_from   timestamptz := coalesce((filter ->> 'from')::timestamptz, '-infinity');
  v_until  timestamptz := coalesce((filter ->> 'until')::timestamptz, 'infinity');
  v_timed  boolean := filter ?| '{from,until}';
  v_before bigint := coalesce((cursor ->> 0)::bigint, 9223372036854775807);
  v_floor  bigint := 0;
  v_window int := case when v_type is null and v_queue is null and v_status is null and not v_timed then bound + 1 else 20000 end;
  v_live    bigint[] := '{}';
  v_batched bigint[] := '{}';
  v_ended   bigint[] := '{}';
  v_live_to    bigint := 0;  -- every job of the live table from this id on was looked at
  v_batched_to bigint := 0;
  v_ended_to   bigint := 0;
begin
  -- Ids rise with time, but for the length of a transaction: the exact instant is looked at all the same.
  if filter ? 'until' then
    v_before := least(v_before, jobqueue.id_at_1(v_until) + 2100);
  end if;
  if filter ? 'from' then
    v_floor := greatest(jobqueue.id_at_1(v_from) - 2100, 0);
  end if;
  if filter ? 'above' then
    v_floor := greatest(v_floor, least((filter ->> 'above')::bigint, 9223372036854775806) + 1);
  end if;

  if v_status = 'PROCESSING' then
    v_batched := array(
      select u.id
      from (select * from jobqueue.leases order by batch desc limit 2000) l
      cross join lateral (select * from jobqueue.batches x where x.id = l.batch offset 0) b
      cross join lateral unnest(b.ids, b.due_at, b.created_at) with ordinality as u(id, due_at, created_at, p)
      where get_bit(l.open, u.p::int - 1) = 1 and u.id < v_before
        and (v_type is null or b.type = v_type) and (v_queue is null or b.queue = v_queue)
        and coalesce(u.created_at, u.due_at) >= v_from and coalesce(u.created_at, u.due_at) < v_until
      order by u.id desc limit bound + 1);
    -- The release before holds them in the live table, and says in the ledger what it runs.
    v_live := array(
      select j.id from jobqueue.jobs j
      where j.id = any(array(
          select r.id
          from (select d.running from jobqueue.drains d
                where d.started_at > now() - interval '1 day' and d.finished_at is null
                order by d.started_at desc limit 200) w
          cross join lateral unnest(w.running) as r(id)))
        and j.id < v_before and j.lease_until is not null
        and (v_type is null or j.type = v_type) and (v_queue is null or j.queue = v_queue)
        and j.created_at >= v_from and j.created_at < v_until
      order by j.id desc limit bound + 1);
  elsif v_status is null then
    v_live := array(
      select j.id
      from (select * from jobqueue.jobs where id < v_before and id >= v_floor order by id desc limit v_window) j
      where (v_type is null or j.type = v_type) and (v_queue is null or j.queue = v_queue)
        and j.created_at >= v_from and j.created_at < v_until
      order by j.id desc limit bound + 1);
    v_live_to := case when cardinality(v_live) > bound then v_live[bound + 1] else coalesce((
      select min(id) from (select id from jobqueue.jobs where id < v_before and id >= v_floor order by id desc limit v_window) w
      having count(*) = v_window), 0) end;
  end if;

  if v_status in ('DEAD_LETTER', 'CANCELLED') then
    -- The predicates of the indexes name a status, so this statement does.
    v_window := case when v_queue is null and not v_timed then bound + 1 else 2000 end;
    execute format($sql$
      with recursive t as (
        (select h.type from jobqueue.job_history h where h.status = %1$L and ($1 is null or h.type = $1) order by h.type limit 1)
        union all
        select n.type
        from t
        cross join lateral (
          select h.type from jobqueue.job_history h where h.status = %1$L and $1 is null and h.type > t.type order by h.type limit 1) n
      ), seen as materialized (
        select n.*
        from (select * from t limit 100) t
        cross join lateral (
          select h.id, h.queue, h.created_at from jobqueue.job_history h
          where h.status = %1$L and h.type = t.type and h.id < $2 and h.id >= $3
          order by h.id desc limit $4) n
        order by n.id desc limit $4
      )
      select array(select s.id from seen s
                   where ($5 is null or s.queue = $5) and s.created_at >= $6 and s.created_at < $7
                   order by s.id desc limit $8),
             coalesce((select min(id) from seen having count(*) = $4), 0)
      $sql$, v_status)
    into v_ended, v_ended_to
    using v_type, v_before, v_floor, v_window, v_queue, v_from, v_until, bound + 1;
    if cardinality(v_ended) > bound then
      v_ended_to := v_ended[bound + 1];
    end if;
  elsif v_status = 'COMPLETED' or v_status is null then
    v_ended := array(
      select h.id
      from (select * from jobqueue.job_history where id < v_before and id >= v_floor order by id desc limit v_window) h
      where (v_status is null or h.status = 'COMPLETED') and (v_type is null or h.type = v_type) and (v_queue is null or h.queue = v_queue)
        and h.created_at >= v_from and h.created_at < v_until
      order by h.id desc limit bound + 1);
    v_ended_to := case when cardinality(v_ended) > bound then v_ended[bound + 1] else coalesce((
      select min(id) from (select id from jobqueue.job_history where id < v_before and id >= v_floor order by id desc limit v_window) w
      having count(*) = v_window), 0) end;
  end if;

  if v_status = 'COMPLETED' or v_status is null then
    select n.ids, n.searched_to into v_batched, v_batched_to
    from jobqueue.newest_in_batches_1(filter, v_before, v_floor, bound + 1) n;
  end if;

  -- Below the point at which one search stopped, the others alone would show a part of the truth.
  v_live_to := greatest(v_live_to, v_batched_to, v_ended_to);
  ids := array(select m.id from unnest(v_live || v_batched || v_ended) as m(id) where m.id >= v_live_to order by m.id desc limit bound + 1);
  if cardinality(ids) > bound then
    ids := ids[1:bound];
    next := jsonb_build_array(ids[bound]::text);
  elsif v_live_to > 0 then
    searched_to := v_live_to;
    next := jsonb_build_array(searched_to::text);
  end if;
end $$;

-- newest_in_batches_1: part of jobs_newest_1. The newest jobs in batches that drains hold or have completed, completed alone where
-- filter.status says so; at most so many, the highest id first. Blocks are walked downwards, each with its batches: twenty blocks of 1,024 ids, or
-- fewer once 4,000 batches were read. searched_to: every id from there on was looked at; 0: there are no others.
create or replace function jobqueue.newest_in_batches_1(filter jsonb, before bigint, floor bigint, most int, out ids bigint[], out searched_to bigint)
language plpgsql stable
set enable_seqscan = off  -- see step_2
as $$
#variable_conflict use_column
declare
  v_type    text := filter ->> 'type';
  v_queue   text := filter ->> 'queue';
  v_from    timestamptz := coalesce((filter ->> 'from')::timestamptz, '-infinity');
  v_until   timestamptz := coalesce((filter ->> 'until')::timestamptz, 'infinity');
  v_held    boolean := not filter ? 'status';
  v_block   bigint := ((before - 1) >> 10) + 1;
  v_batches bigint[];
  v_read    int := 0;
  v_missing int := most;
begin
  ids := '{}';
  for n in 1..20 loop
    v_block := (select k.block from jobqueue.blocks k where k.block < v_block and k.block >= floor >> 10 order by k.block desc limit 1);
    if v_block is null then
      searched_to := 0;
      return;
    end if;
    v_batches := array(select k.batch from jobqueue.blocks k where k.block = v_block);
    v_read := v_read + cardinality(v_batches);
    ids := ids || array(
      select u.id
      from jobqueue.batches b
      left join jobqueue.leases l on v_held and l.batch = b.id
      left join lateral (select bit_or(s.done) as done from jobqueue.settlements s where s.batch = b.id) s on true
      cross join lateral unnest(b.ids, b.due_at, b.created_at) with ordinality as u(id, due_at, created_at, p)
      where b.id = any(v_batches) and (v_type is null or b.type = v_type) and (v_queue is null or b.queue = v_queue)
        and u.id >> 10 = v_block and u.id < before and u.id >= floor
        and (get_bit(s.done, u.p::int - 1) = 1 or get_bit(l.open, u.p::int - 1) = 1)
        and coalesce(u.created_at, u.due_at) >= v_from and coalesce(u.created_at, u.due_at) < v_until
      order by u.id desc limit v_missing);
    v_missing := most - cardinality(ids);
    if v_missing = 0 then
      searched_to := ids[most];
      return;
    end if;
    exit when v_read >= 4000;
  end loop;
  searched_to := case when v_block << 10 > floor then v_block << 10 else 0 end;
end $$;
