-- dead_2: the next dead letters that a filter means, at most `bound`, from where `progress` stands. Locks nothing. Part of
-- replay_1, replays_2 and preview_replay_1.
--
-- filter    {ids?, type?, queue?, errorName?, errorCode?, messageContains?, fingerprint?, finishedAfter?, finishedBefore?,
--           statuses?, due?}, at least one beside statuses, of DEAD_LETTER and CANCELLED, by default the first, and due: see revive_1;
--           the error is the job's last one
-- progress  {cursor?, began}: what ended since is not meant, or a job that dies again at once would be replayed for ever
-- runnable  null, or {types?}: only what could start now, because neither its type nor its queue is paused, and its type is one of
--           `types`. `held` tells why some were left out: 'resume' or 'handler' is what they wait for
--
-- Ids are looked up; else this walks job_history_dead (or job_history_cancelled) type by type, each by id, so the cursor is a
-- place in it. At most `scan` rows and 2,000 types a call; a type that cannot start is one probe, however many died of it.
create or replace function jobqueue.dead_2(filter jsonb, progress jsonb, bound int, scan int, runnable jsonb,
  out ids bigint[], out cursor jsonb, out at_end boolean, out held text)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_statuses text[] := coalesce((select array_agg(v order by v) from jsonb_array_elements_text(filter -> 'statuses') as e(v)), '{DEAD_LETTER}');
  v_began    timestamptz := progress ->> 'began';
  v_from     jsonb := coalesce(nullif(progress -> 'cursor', 'null'), '[]');
  v_paused   boolean := runnable is not null and exists (select from jobqueue.pauses p where p.queue <> '*');
  v_probes   int := 0;
  v_status   text;
  v_lane     text;
  v_from_type text;
  v_id       bigint;
  v_found    bigint[];
  v_taken    int;
  v_scanned  int;
  v_held     text;
begin
  perform jobqueue.check_filter_1(filter, '{ids,type,queue,errorName,errorCode,messageContains,fingerprint,finishedAfter,finishedBefore}', '{statuses,due}');
  if filter ->> 'due' <> 'now' then
    raise exception 'expected due to be "now"' using errcode = 'invalid_parameter_value';
  end if;
  if v_statuses <@ '{DEAD_LETTER,CANCELLED}' is not true then
    raise exception 'expected statuses to be of DEAD_LETTER and CANCELLED' using errcode = 'invalid_parameter_value';
  end if;
  ids := '{}';
  at_end := false;

  if filter ? 'ids' then
    with meant as materialized (
      select h.id, jobqueue.waits_for_1(runnable, h.queue, h.type) as waits_for from jobqueue.job_history h
      where h.id = any(array(select v::bigint from jsonb_array_elements_text(filter -> 'ids') as e(v)))
        and h.id > coalesce((v_from ->> 0)::bigint, 0) and h.status::text = any(v_statuses) and h.finished_at < v_began
        and jobqueue.is_meant_dead_2(filter, h.queue, h.type, h.finished_at, h.errors, h.fingerprint)
    )
    select array(select m.id from meant m where m.waits_for is null order by m.id limit bound), max(m.waits_for) into ids, held
    from meant m;
    cursor := jsonb_build_array(ids[cardinality(ids)]);
    at_end := cardinality(ids) < bound;
    return;
  end if;

  foreach v_status in array v_statuses loop
    continue when v_from ->> 0 > v_status;
    v_lane := coalesce(case when v_from ->> 0 = v_status then v_from ->> 1 end, filter ->> 'type', '');
    v_id := coalesce(case when v_from ->> 0 = v_status then (v_from ->> 2)::bigint end, 0);
    loop
      v_from_type := v_lane;
      -- The predicates of the indexes name a status, so these statements do.
      execute format('select h.type from jobqueue.job_history h where h.status = %L and h.type >= $1 order by h.type limit 1', v_status)
      into v_lane using v_lane || case when v_id is null then ' ' else '' end;  -- no type has a space: the next one behind this
      exit when v_lane is null or v_lane <> filter ->> 'type';
      v_id := case when v_lane = v_from_type then v_id else 0 end;
      v_probes := v_probes + 1;
      v_held := jobqueue.waits_for_1(runnable, coalesce(filter ->> 'queue', '*'), v_lane);
      if v_held is not null then
        held := greatest(held, v_held);
        v_id := null;
        continue when v_probes < 2000;
        cursor := jsonb_build_array(v_status, v_lane, 9223372036854775807);
        return;
      end if;
      execute format($sql$
        with scanned as materialized (
          select h.id, jobqueue.is_meant_dead_2($4, h.queue, h.type, h.finished_at, h.errors, h.fingerprint) and h.finished_at < $5 as meant,
                 $7 and exists (select from jobqueue.pauses p where p.queue = h.queue and p.type in ('*', $1)) as held
          from jobqueue.job_history h
          where h.status = %L and h.type = $1 and h.id > $2
          order by h.id limit $3
        ), counted as (
          select id, meant and not held as taken, meant and held as held, count(*) filter (where meant and not held) over (order by id) as so_far
          from scanned
        )
        select coalesce(array_agg(id order by id) filter (where taken), '{}'), count(*), (select count(*) from scanned), max(id),
               case when bool_or(held) then 'resume' end
        from counted
        where so_far <= $6$sql$, v_status)
      into v_found, v_taken, v_scanned, v_id, v_held
      using v_lane, v_id, scan, filter, v_began, bound - cardinality(ids), v_paused;
      ids := ids || v_found;
      held := greatest(held, v_held);
      if v_taken < v_scanned or v_scanned = scan or v_probes = 2000 then
        cursor := jsonb_build_array(v_status, v_lane, v_id);
        return;
      end if;
      scan := scan - v_scanned;
      v_id := null;
    end loop;
  end loop;
  at_end := true;
end $$;

-- The event that a job of this queue and type waits for before it can start; null if there is none, or if nobody asks.
create or replace function jobqueue.waits_for_1(runnable jsonb, queue text, type text)
returns text
language sql stable
as $$
  select case
    when runnable is null then null
    when exists (select from jobqueue.pauses p where p.queue in ('*', waits_for_1.queue) and p.type in ('*', waits_for_1.type)) then 'resume'
    when runnable ? 'types' and not runnable -> 'types' ? type then 'handler' end
$$;

-- True if the filter selects a finished job, ids and status aside. A cancelled job stores no fingerprint, so it is computed.
create or replace function jobqueue.is_meant_dead_2(filter jsonb, queue text, type text, finished_at timestamptz, errors jsonb, fingerprint text)
returns boolean
language sql stable
as $$
  select (not filter ? 'queue' or queue = filter ->> 'queue')
     and (not filter ? 'type' or type = filter ->> 'type')
     and (not filter ? 'finishedAfter' or finished_at >= (filter ->> 'finishedAfter')::timestamptz)
     and (not filter ? 'finishedBefore' or finished_at < (filter ->> 'finishedBefore')::timestamptz)
     and (not filter ? 'errorName' or coalesce(errors -> -1 ->> 'name' = filter ->> 'errorName', false))
     and (not filter ? 'errorCode' or coalesce(errors -> -1 ->> 'code' = filter ->> 'errorCode', false))
     and (not filter ? 'messageContains' or coalesce(strpos(errors -> -1 ->> 'message', filter ->> 'messageContains') > 0, false))
     and (not filter ? 'fingerprint' or coalesce(fingerprint, jobqueue.fingerprint_1(errors)) = filter ->> 'fingerprint')
$$;
