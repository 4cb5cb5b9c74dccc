-- matching_1: the next live jobs that a filter means, from where `progress` stands: at most `bound` that wait, and as many that drains
-- hold. Locks nothing. Part of cancel_1, reschedule_1 and reprioritise_1, which lock what it finds and look again.
--
-- filter    {ids?, type?, queue?, priority?, status?, dueBefore?, dueAfter?}, at least one; status: PENDING | PROCESSING;
--           dueAfter is the first instant that counts, dueBefore the first that does not
-- progress  see operation_1; of an operation that sets `to` or `priority`, jobs that have it already are not meant
--
-- Ids are looked up; everything else walks the claim index, lane by lane, in its own order, so the cursor is a place in it. A
-- held job is met at the place from which it was claimed. A job moves forward in its lane, if at all, so none slips behind the
-- cursor. Stable: waiting and held jobs are read at one instant, so one that is claimed or given back just then is met as the one or
-- the other.
create or replace function jobqueue.matching_1(filter jsonb, progress jsonb, bound int, out ids bigint[], out cursor jsonb, out at_end boolean)
language plpgsql stable
as $$
#variable_conflict use_column
declare
  v_from jsonb := nullif(progress -> 'cursor', 'null');
  v_to   timestamptz := progress ->> 'to';
  v_not  smallint := progress ->> 'priority';
  v_ids  bigint[];
  v_held bigint[];
  v_last jsonb;
begin
  perform jobqueue.check_filter_1(filter, '{ids,type,queue,priority,status,dueBefore,dueAfter}');
  if filter ? 'ids' then
    v_ids := array(select v::bigint from jsonb_array_elements_text(filter -> 'ids') as e(v));
    ids := array(
      select j.id from jobqueue.live_places_1(v_ids) j
      where j.id > coalesce((v_from ->> 0)::bigint, 0)
        and jobqueue.is_meant_1(filter, j.queue, j.type, j.priority, j.due_at, j.lease_until)
        and (v_to is null or j.due_at <> v_to) and (v_not is null or j.priority <> v_not)
      order by j.id limit bound);
    cursor := jsonb_build_array(ids[cardinality(ids)]);
    at_end := cardinality(ids) < bound;
    return;
  end if;

  select w.ids, w.cursor, w.at_end into ids, cursor, at_end from jobqueue.walk_1(filter, progress, bound) w;
  with passed as (
    select h.id, jsonb_build_array(h.queue, h.type, h.priority, h.due_at, h.id) as place, row_number() over () as n
    from (select h.* from jobqueue.held_1(null) h
          where jobqueue.is_meant_1(filter, h.queue, h.type, h.priority, h.due_at, h.lease_until)
            and (v_to is null or h.due_at <> v_to) and (v_not is null or h.priority <> v_not) and h.id <= (progress ->> 'upTo')::bigint
            and (v_from is null or jobqueue.is_behind_1(v_from, h.queue, h.type, h.priority, h.due_at, h.id))
            and (at_end or not jobqueue.is_behind_1(cursor, h.queue, h.type, h.priority, h.due_at, h.id))
          order by h.queue collate "C", h.type collate "C", h.priority, h.due_at, h.id limit bound) h
  )
  select coalesce(array_agg(p.id), '{}'), (array_agg(p.place) filter (where p.n = bound))[1] into v_held, v_last from passed p;
  if v_last is not null then  -- there may be more held ones before the place to which the walk came
    ids := array(
      select j.id from jobqueue.jobs j
      where j.id = any(ids) and not jobqueue.is_behind_1(v_last, j.queue, j.type, j.priority, j.due_at, j.id));
    cursor := v_last;
    at_end := false;
  end if;
  ids := ids || v_held;
end $$;

-- held_1: the jobs that drains hold in batches, of these ids, or all of them if `ids` is null: as many as drains have in memory, so
-- some thousands at most. `place` is in the batch, which has `size` of them.
create or replace function jobqueue.held_1(ids bigint[])
returns table (batch bigint, place int, size int, id bigint, queue text, type text, priority smallint, due_at timestamptz, lease_until timestamptz)
language sql stable rows 1000
as $$
  select l.batch, u.p::int, length(l.open), u.id, b.queue, b.type, b.priority, u.due_at, l.lease_until
  from jobqueue.leases l
  join jobqueue.batches b on b.id = l.batch
  cross join lateral unnest(b.ids, b.due_at) with ordinality as u(id, due_at, p)
  where get_bit(l.open, u.p::int - 1) = 1
    -- Two conditions, so that batches without these ids are not read. `ids` alone would be those of the batch.
    and (held_1.ids is null or l.batch = any(array(
          select k.batch from jobqueue.blocks k where k.block = any(array(select distinct i >> 10 from unnest(held_1.ids) as i)))))
    and (held_1.ids is null or u.id = any(held_1.ids))
$$;

-- live_places_1: of these jobs those that have not ended, with their places in the claim index.
create or replace function jobqueue.live_places_1(ids bigint[])
returns table (id bigint, queue text, type text, priority smallint, due_at timestamptz, lease_until timestamptz)
language sql stable rows 500
as $$
  select j.id, j.queue, j.type, j.priority, j.due_at, j.lease_until from jobqueue.jobs j where j.id = any(ids)
  union all
  select h.id, h.queue, h.type, h.priority, h.due_at, h.lease_until from jobqueue.held_1(ids) h
$$;

-- True if a place in the claim index is behind this cursor of a walk along it.
create or replace function jobqueue.is_behind_1(cursor jsonb, queue text, type text, priority smallint, due_at timestamptz, id bigint)
returns boolean
language sql stable
as $$
  select (queue collate "C", type collate "C", priority, due_at, id)
       > (cursor ->> 0, cursor ->> 1, (cursor ->> 2)::smallint, coalesce((cursor ->> 3)::timestamptz, '-infinity'), coalesce((cursor ->> 4)::bigint, 0))
$$;

-- walk_1: the part of matching_1 that walks along the claim index. At most 10,000 rows and 2,000 lanes a call.
create or replace function jobqueue.walk_1(filter jsonb, progress jsonb, bound int, out ids bigint[], out cursor jsonb, out at_end boolean)
language plpgsql stable
as $$
#variable_conflict use_column
declare
  v_queue    text := filter ->> 'queue';
  v_type     text := filter ->> 'type';
  v_priority smallint := filter ->> 'priority';
  v_before   timestamptz := coalesce((filter ->> 'dueBefore')::timestamptz, 'infinity');
  v_after    timestamptz := coalesce((filter ->> 'dueAfter')::timestamptz, '-infinity');
  v_last     bigint := progress ->> 'upTo';
  v_from     jsonb := coalesce(nullif(progress -> 'cursor', 'null'), '[]');
  v_to       timestamptz := progress ->> 'to';
  v_not      smallint := progress ->> 'priority';
  v_scan     int := 10000;
  v_lane_queue    text := coalesce(progress -> 'cursor' ->> 0, filter ->> 'queue', '');
  v_lane_type     text := coalesce(progress -> 'cursor' ->> 1, '');
  v_lane_priority smallint := coalesce((progress -> 'cursor' ->> 2)::smallint, 0::smallint);
  v_at_queue      text;
  v_at_type       text;
  v_at_priority   smallint;
  v_due      timestamptz;
  v_id       bigint;
  v_found    bigint[];
  v_taken    int;
  v_scanned  int;
begin
  ids := '{}';
  at_end := false;

  -- The place within the lane, and then the lane at or behind it.
  v_due := coalesce((v_from ->> 3)::timestamptz, '-infinity');
  v_id := coalesce((v_from ->> 4)::bigint, 0);
  for probe in 1..2000 loop
    select j.queue, j.type, j.priority into v_at_queue, v_at_type, v_at_priority
    from jobqueue.jobs j
    where (j.queue, j.type, j.priority) >= (v_lane_queue, v_lane_type, v_lane_priority)
    order by j.queue, j.type, j.priority limit 1;
    if not found or v_at_queue <> v_queue then
      at_end := true;
      return;
    end if;
    if (v_at_queue, v_at_type, v_at_priority) <> (v_lane_queue, v_lane_type, v_lane_priority) then
      v_due := '-infinity';
      v_id := 0;
    end if;
    if (v_type is null or v_at_type = v_type) and (v_priority is null or v_at_priority = v_priority)
       and (v_not is null or v_at_priority <> v_not) then
      with scanned as materialized (
        select k.id, k.due_at, jobqueue.is_meant_1(filter, k.queue, k.type, k.priority, k.due_at, k.lease_until)
                               and (v_to is null or k.due_at <> v_to) as meant
        from jobqueue.jobs k
        where k.queue = v_at_queue and k.type = v_at_type and k.priority = v_at_priority
          and (k.due_at, k.id) > (v_due, v_id) and k.due_at >= v_after and k.due_at < v_before and k.id <= v_last
        order by k.due_at, k.id limit v_scan
      ), counted as (
        select id, due_at, meant, row_number() over place as n, count(*) filter (where meant) over place as meant_so_far
        from scanned window place as (order by due_at, id)
      )
      select coalesce(array_agg(id) filter (where meant), '{}'), count(*), (select count(*) from scanned),
             (array_agg(due_at order by n desc))[1], (array_agg(id order by n desc))[1]
      into v_found, v_taken, v_scanned, v_due, v_id
      from counted
      where meant_so_far <= bound - cardinality(ids);
      ids := ids || v_found;
      if v_taken < v_scanned or v_scanned = v_scan then
        cursor := jsonb_build_array(v_at_queue, v_at_type, v_at_priority, v_due, v_id);
        return;
      end if;
      v_scan := v_scan - v_scanned;
    end if;
    v_lane_queue := v_at_queue;
    v_lane_type := v_at_type;
    v_lane_priority := v_at_priority + 1;
    v_due := '-infinity';
    v_id := 0;
  end loop;
  cursor := jsonb_build_array(v_lane_queue, v_lane_type, v_lane_priority);
end $$;

-- True if the filter selects a live job, ids aside. Checked again under its lock.
create or replace function jobqueue.is_meant_1(
  filter jsonb, queue text, type text, priority smallint, due_at timestamptz, lease_until timestamptz)
returns boolean
language sql stable
as $$
  select (not filter ? 'queue' or queue = filter ->> 'queue')
     and (not filter ? 'type' or type = filter ->> 'type')
     and (not filter ? 'priority' or priority = (filter ->> 'priority')::smallint)
     and (not filter ? 'status' or (lease_until is not null) = (filter ->> 'status' = 'PROCESSING'))
     and (not filter ? 'dueBefore' or due_at < (filter ->> 'dueBefore')::timestamptz)
     and (not filter ? 'dueAfter' or due_at >= (filter ->> 'dueAfter')::timestamptz)
$$;
