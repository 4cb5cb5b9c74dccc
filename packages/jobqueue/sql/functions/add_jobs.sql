-- add_jobs: inserts n jobs, all or none, and answers one row each, in the order of the input: the job's id, and whether
-- an idempotency key already held (then the id is the holder's and nothing was inserted for that entry).
--
-- jobs: [{type, payload, queue?, priority?, max_attempts?, delay_ms?, scheduled_for?, idempotency_key?, meta?}], at most 10,000.
--
-- A key that another transaction is taking is waited for, because only its end tells whether it holds: 3 s, or what the first entry
-- says as wait_ms. Then the call ends with lock_not_available (55P03). Without a bound one transaction that stays open would keep
-- every caller of its key waiting, each with its connection.
--
-- Why this shape: one jsonb parameter beats arrays and multi-row VALUES; a plpgsql function gives every inner statement
-- its own snapshot, so the holder of a key that was committed a moment ago is seen. Keys are taken in sorted order,
-- because two batches with the same keys in opposite orders would deadlock.
create or replace function jobqueue.add_jobs(jobs jsonb)
returns table (ordinal int, id bigint, duplicate boolean)
language plpgsql volatile
set jit = off
set lock_timeout = '3s'
set enable_seqscan = off  -- a plan that was made while a table was small is kept when it has grown
as $$
#variable_conflict use_column
declare
  total   int;
  ids     bigint[];  -- the id of each entry, should it be inserted
  holders bigint[];  -- the job that holds each entry's key; null for an entry without key
  complete boolean;
  crowded  boolean;  -- there are jobs between the first and the last of `ids`, or behind the first in batches
begin
  if jsonb_typeof(jobs) is distinct from 'array' then
    raise exception 'add_jobs expects a JSON array of jobs, got %', coalesce(jsonb_typeof(jobs), 'null')
      using errcode = 'invalid_parameter_value';
  end if;
  total := jsonb_array_length(jobs);
  if total > 10000 then
    raise exception 'add_jobs takes at most 10000 jobs a call, got %', total using errcode = 'invalid_parameter_value';
  end if;
  if jobs @? '$[*] ? (exists (@.scheduled_for) || exists (@.delay_ms))'
     and exists (select from jsonb_to_recordset(jobs) as j(scheduled_for timestamptz, delay_ms float8)
                 where greatest(j.scheduled_for, now() + j.delay_ms * interval '1 ms') > now() + interval '10 years 3 days') then
    raise exception 'a job may be scheduled at most 10 years ahead' using errcode = 'invalid_parameter_value';
  end if;
  -- Ids fresh from the sequence are free, unless it is behind its rows: 3.5 us a call for each of three looks into an index.
  with fresh as materialized (
    select array(select nextval('jobqueue.jobs_id_seq') from generate_series(1, total)) as ids
  )
  select f.ids, exists (select from jobqueue.job_history h where h.id between f.ids[1] and f.ids[total])
                or exists (select from jobqueue.jobs j where j.id between f.ids[1] and f.ids[total])
                or exists (select from jobqueue.blocks k where (k.block, k.last) >= (f.ids[1] >> 10, (f.ids[1] & 1023)::smallint))
  into ids, crowded from fresh f;
  if crowded then
    ids := jobqueue.free_job_ids_1(ids);
  end if;

  if jobs @? '$[*].idempotency_key ? (@ != null)' then
    if jobs -> 0 ? 'wait_ms' then
      perform set_config('lock_timeout', jobs -> 0 ->> 'wait_ms', true);  -- to the end of this function
    end if;
    -- Every pass takes the keys that are free and reads who holds the rest. A key that its holder gave up in between is
    -- tried again: three passes, each of which would need another dead letter to slip between two statements.
    for pass in 1..3 loop
      delete from jobqueue.idempotency_keys k
      where k.ctid = any(array(
        select e.ctid
        from jsonb_to_recordset(jobs) as j(type text, idempotency_key text)
        join jobqueue.idempotency_keys e on e.type = j.type and e.key = j.idempotency_key
        where case when e.type = j.type then jobqueue.is_free_key_1(e.expires_at, e.job_id) end  -- never of keys that nobody asked for
        order by e.type, e.key
        for update of e));

      insert into jobqueue.idempotency_keys (type, key, job_id)
      select type, key, job_id
      from (
        select distinct on (type, key) type, key, ids[n] as job_id
        from (
          select j.type collate "C" as type, j.idempotency_key collate "C" as key, j.n
          from rows from (jsonb_to_recordset(jobs) as (type text, idempotency_key text)) with ordinality as j(type, idempotency_key, n)
          where j.idempotency_key is not null
        ) keyed
        order by type, key, n
      ) first_of_each
      on conflict (type, key) do nothing;

      select array_agg(k.job_id order by j.n),
             -- more rows than entries: in a caller's stricter transaction a key that was freed since its snapshot, and is ours by now.
             -- Behind `offset 0`, because a join on a unique key ends at the first of the two rows.
             count(*) filter (where j.idempotency_key is not null and k.job_id is null) = 0 and count(*) = total
      into holders, complete
      from rows from (jsonb_to_recordset(jobs) as (type text, idempotency_key text)) with ordinality as j(type, idempotency_key, n)
      left join lateral (select e.job_id from jobqueue.idempotency_keys e
                         where e.type = j.type and e.key = j.idempotency_key offset 0) k on true;
      exit when complete;
    end loop;
    if not complete then
      raise exception 'an idempotency key was freed and taken again while this call was taking it: call again'
        using errcode = 'serialization_failure';
    end if;
    if jobs -> 0 ? 'wait_ms' then
      perform set_config('lock_timeout', '3s', true);  -- only a migration can still hold a lock: on the tables
    end if;
  end if;

  insert into jobqueue.jobs (id, type, queue, priority, max_attempts, idempotency_key, payload, payload_bytes, due_at, meta)
  select ids[n], j.type, coalesce(j.queue, 'default'), coalesce(j.priority, 0), coalesce(j.max_attempts, 3),
         j.idempotency_key, coalesce(j.payload, 'null'), octet_length(coalesce(j.payload, 'null')::text),
         greatest(now(), j.scheduled_for, now() + j.delay_ms * interval '1 ms'), j.meta
  from rows from (jsonb_to_recordset(jobs) as (
         type text, queue text, priority smallint, max_attempts smallint, delay_ms float8, scheduled_for timestamptz,
         idempotency_key text, payload jsonb, meta jsonb)) with ordinality
       as j(type, queue, priority, max_attempts, delay_ms, scheduled_for, idempotency_key, payload, meta, n)
  where holders is null or j.idempotency_key is null or holders[n] = ids[n];

  return query
  select n::int, coalesce(holders[n], own), coalesce(holders[n] <> own, false)
  from unnest(ids) with ordinality as entry(own, n);
end $$;
