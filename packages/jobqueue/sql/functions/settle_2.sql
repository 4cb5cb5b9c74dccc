-- settle_2: records what became of jobs of batches, first of those that completed, then of the others. Part of step_2, which describes its
-- parameters. Answers [[batch, position]] of those that were not this drain's any more.
--
-- Why bits: nearly every job completes, and many at once. A mask takes an eighth of a byte a job, where a list of places takes two, and
-- whether all of them are still open is one operation on it.
create or replace function jobqueue.settle_2(drain jsonb, completed text[], results jsonb, settlements jsonb)
returns jsonb
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_lost    jsonb := '[]';
  v_others  jsonb := '[]';
  v_ended   bigint[] := '{}';
  v_gone    bigint[];
  v         record;
  v_whole   boolean;
  v_open    varbit;
  v_settled int;
  v_mine    varbit;
begin
  for v in
    select completed[g.n][1]::bigint as batch, completed[g.n][2]::varbit as done, completed[g.n][3]::int[] as ran,
           completed[g.n][4]::int[] as ended, nullif(results -> (g.n - 1), 'null') as results
    from generate_series(1, coalesce(array_length(completed, 1), 0)) as g(n)
    order by 1
  loop
    -- Nearly always it is all of the batch at once, and then one statement does it.
    with whole as (
      delete from jobqueue.leases l where l.batch = v.batch and l.open = v.done returning l.settled
    )
    insert into jobqueue.settlements (batch, n, done, ran, ended, results)
    select v.batch, w.settled + 1, v.done, v.ran, v.ended, v.results from whole w;
    v_whole := found;
    v_mine := v.done;
    if not v_whole then
      select l.open, l.settled into v_open, v_settled from jobqueue.leases l where l.batch = v.batch for update;
      v_mine := v.done & coalesce(v_open, v.done # v.done);
      if v_mine <> v.done then
        -- Recorded by a repetition of this step, or not ours any more.
        v_lost := v_lost || coalesce((
          select jsonb_agg(jsonb_build_array(v.batch::text, p))
          from unnest(jobqueue.places_1(v.done & ~v_mine)) as p
          where not exists (select from jobqueue.settlements s where s.batch = v.batch and get_bit(s.done, p - 1) = 1)), '[]');
        select coalesce(array_agg(u.ran order by u.n), '{}'), coalesce(array_agg(u.ended order by u.n), '{}'),
               case when v.results is not null then jsonb_agg(v.results -> (u.n - 1)::int order by u.n) end
        into v.ran, v.ended, v.results
        from unnest(jobqueue.places_1(v.done), v.ran, v.ended) with ordinality as u(p, ran, ended, n)
        where get_bit(v_mine, u.p - 1) = 1;
      end if;
    end if;
    if v_mine <> v_mine # v_mine then
      if not v_whole then
        insert into jobqueue.settlements (batch, n, done, ran, ended, results)
        values (v.batch, v_settled + 1, v_mine, v.ran, v.ended, v.results);
        perform jobqueue.close_places_1(v.batch, v_open & ~v_mine);
      end if;
      -- A completed job's key lives on for its window; the others' are dealt with where they go.
      if (drain ->> 'keyed')::boolean then
        update jobqueue.idempotency_keys k
        set expires_at = now() + ((settle_2.drain ->> 'keyWindowMs')::float8 - u.ended) * interval '1 ms'
        from jobqueue.batches b cross join lateral unnest(jobqueue.places_1(v_mine), v.ended) as u(p, ended)
        where b.id = v.batch and k.type = b.type and k.key = b.keys[u.p] and k.job_id = b.ids[u.p];
      end if;
      if (drain ->> 'followed')::boolean then
        perform jobqueue.follow_completed_1(v.batch, v_mine, v.results);
      end if;
      if (drain ->> 'flowed')::boolean then
        select v_ended || array_agg(b.ids[p]) into v_ended
        from jobqueue.batches b cross join lateral unnest(jobqueue.places_1(v_mine)) as p where b.id = v.batch;
      end if;
    end if;
  end loop;

  if jsonb_array_length(settlements) > 0 then
    select o.lost, o.ended into v_others, v_gone from jobqueue.settle_others_2(settlements) o;
    v_ended := v_ended || v_gone;
    if (drain ->> 'followed')::boolean and v_gone <> '{}' then
      perform jobqueue.follow_dead_1(v_gone, array(select distinct s.batch from jsonb_to_recordset(settlements) as s(batch bigint)), null);
    end if;
  end if;
  -- Parents hear of it last and all at once: their rows are shared by the drains of all their children, and locked in one order.
  if v_ended <> '{}' then
    perform jobqueue.children_ended_1(v_ended);
  end if;
  return v_lost || v_others;
end $$;

-- Notes which jobs of a batch are still open. Its row is locked by the caller; with the last of them it goes.
create or replace function jobqueue.close_places_1(batch bigint, open varbit)
returns void
language plpgsql volatile
as $$
begin
  if open = open # open then
    delete from jobqueue.leases l where l.batch = close_places_1.batch;
  else
    update jobqueue.leases l set open = close_places_1.open, settled = l.settled + 1 where l.batch = close_places_1.batch;
  end if;
end $$;

-- settle_others_2: the outcomes that take a job out of its batch. Part of settle_2. Answers the same, and the ids of those that ended.
create or replace function jobqueue.settle_others_2(settlements jsonb, out lost jsonb, out ended bigint[])
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v         record;
  v_batches bigint[] := '{}';
  v_masks   varbit[] := '{}';
  v_leases  timestamptz[] := '{}';
  v_mask    varbit;
  v_of      int[];
begin
  lost := '[]';
  ended := '{}';
  for v in
    select c.*, l.open, l.settled, l.lease_until
    from (
      select s.batch, array_agg(s.position order by s.position) as places
      from jsonb_to_recordset(settlements) as s(batch bigint, position int)
      group by s.batch order by s.batch
    ) c
    left join jobqueue.leases l on l.batch = c.batch
  loop
    v_of := array(select p from unnest(v.places) as p where v.open is not null and get_bit(v.open, p - 1) = 1);
    lost := lost || coalesce((
      select jsonb_agg(jsonb_build_array(v.batch::text, p))
      from unnest(v.places) as p
      where p <> all(v_of)
        and not exists (select from jobqueue.settlements s where s.batch = v.batch and get_bit(s.gone, p - 1) = 1)), '[]');
    if v_of <> '{}' then
      v_mask := jobqueue.mask_1(v_of, length(v.open));
      insert into jobqueue.settlements (batch, n, gone) values (v.batch, v.settled + 1, v_mask);
      perform jobqueue.close_places_1(v.batch, v.open & ~v_mask);
      v_batches := v_batches || v.batch;
      v_masks := v_masks || v_mask;
      v_leases := v_leases || v.lease_until;
    end if;
  end loop;
  if v_batches = '{}' then
    return;
  end if;

  with over as (
    select j.*, s."to", s.error, s."ranMs", s."endedAgoMs"
    from unnest(v_batches, v_masks) as w(batch, mask)
    join jobqueue.batches b on b.id = w.batch
    cross join lateral jobqueue.jobs_of_batch_1(b, w.mask) j
    join jsonb_to_recordset(settlements) as s(batch bigint, position int, "to" text, error jsonb, "ranMs" int, "endedAgoMs" int)
      on s.batch = w.batch and s.position = j.place and s."to" in ('dead_letter', 'cancelled')
  ), freed as (
    delete from jobqueue.idempotency_keys k using over e
    where k.type = e.type and k.key = e.idempotency_key and k.job_id = e.id
  ), kept as (
    insert into jobqueue.job_history (id, status, created_at, due_at, started_at, finished_at, fence, attempt, max_attempts,
      priority, queue, type, idempotency_key, payload, state, progress, errors, meta)
    select id, (case "to" when 'cancelled' then 'CANCELLED' else 'DEAD_LETTER' end)::jobqueue.terminal_status, created_at, due_at,
           coalesce(now() - (coalesce("endedAgoMs", 0) + "ranMs") * interval '1 ms', started_at),
           now() - coalesce("endedAgoMs", 0) * interval '1 ms', fence, attempt + ("ranMs" is not null)::int, max_attempts,
           priority, queue, type, idempotency_key, payload, state, progress,
           coalesce(errors, '[]') || (error || jsonb_build_object('at', now(), 'fence', fence)), meta
    from over
    returning id
  )
  select coalesce(array_agg(id), '{}') into ended from kept;

  insert into jobqueue.jobs (id, due_at, created_at, fence, started_fence, settled_fence, payload_bytes, state_bytes, attempt, max_attempts, priority,
    rescues, interruptions, passes, queue, type, payload, lease_until, started_at, idempotency_key, state, progress, errors, meta)
  select j.id,
         case when s."delayMs" is null then j.due_at
              else greatest(now() + s."delayMs" * interval '1 ms', case when s.hold then w.lease_until end) end,
         j.created_at, j.fence, case when j.started then j.fence else 0 end, j.fence,
         octet_length(j.payload::text), coalesce(octet_length(n.state::text), 0),
         case s."to" when 'retry' then j.attempt + 1 when 'continue' then 0 else j.attempt end, j.max_attempts, j.priority,
         -- a run that came to an outcome did not kill its function; a checkpoint proves nothing of the kind
         case when s."to" in ('continue', 'retry') or s.interrupted then 0 else j.rescues end,
         case s."to" when 'continue' then 0 else j.interruptions + coalesce(s.interrupted, false)::int end,
         case when s.passed then least(j.passes + 1, 1000) when s."to" = 'give_back' then j.passes else 0 end,
         j.queue, j.type, j.payload,
         case when s.hold and s."delayMs" is null then w.lease_until end,  -- its handler still runs: nobody may start it before
         coalesce(now() - (s."endedAgoMs" + s."ranMs") * interval '1 ms', j.started_at), j.idempotency_key, n.state, j.progress,
         case when s.error is null then j.errors
              else coalesce(case when jsonb_array_length(j.errors) >= 100 then j.errors - 0 else j.errors end, '[]')
                   || (s.error || jsonb_build_object('at', now(), 'fence', j.fence)) end,
         case when s.postponed then coalesce(j.meta, '{}') || '{"postponed": true}' else j.meta end
  from unnest(v_batches, v_masks, v_leases) as w(batch, mask, lease_until)
  join jobqueue.batches b on b.id = w.batch
  cross join lateral jobqueue.jobs_of_batch_1(b, w.mask) j
  join jsonb_to_recordset(settlements) as s(batch bigint, position int, "to" text, "delayMs" float8, error jsonb, state jsonb,
    interrupted boolean, passed boolean, postponed boolean, hold boolean, "ranMs" int, "endedAgoMs" int)
    on s.batch = w.batch and s.position = j.place and s."to" in ('retry', 'give_back', 'continue')
  cross join lateral (select case s."to" when 'continue' then s.state else j.state end as state) n;
end $$;
