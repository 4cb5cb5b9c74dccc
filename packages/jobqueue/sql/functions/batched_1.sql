-- Jobs in batches, as rows. A job that a drain holds is an open place of a batch, or a row of `jobs` that the release before claimed. A
-- completed one is a place of a batch that a settlement names, or a row of `job_history`, which has the dead letters and the cancelled too.
--
-- * live_jobs, finished_jobs: views of all of them: read many through these.
-- * live_1, ended_1: the same by id, as the tables jobs and job_history had them when every job was a row of its own.

-- The places, from 1, of the bits that are set, in order.
create or replace function jobqueue.places_1(mask varbit)
returns int[]
language sql immutable strict parallel safe
as $$
  select array(select p from generate_series(1, length(mask)) as p where get_bit(mask, p - 1) = 1)
$$;

-- A row for each place of each batch, as rows of the live table, with what its notes say; whatever became of it there. The views below
-- stand on this one, not on a function: whoever may read them needs no right in this schema.
create or replace view jobqueue.batched_jobs as
select b.id as batch, u.p::int as place, u.id, u.due_at, coalesce(u.created_at, u.due_at) as created_at, coalesce(u.fence, 1) as fence,
       -- a checkpoint that the run made: attempts and interruptions count anew from it
       case when n.state is null then coalesce(u.attempt, 0::smallint) else 0::smallint end as attempt,
       coalesce(u.max_attempts, 3::smallint) as max_attempts, b.priority, coalesce((u.rest ->> 0)::smallint, 0::smallint) as rescues,
       case when n.state is null then coalesce((u.rest ->> 1)::smallint, 0::smallint) else 0::smallint end as interruptions,
       coalesce((u.rest ->> 4)::smallint, 0::smallint) as passes, b.queue, b.type, u.payload, n.batch is not null as started,
       coalesce(n.started_at, (u.rest ->> 6)::timestamptz) as started_at, u.key as idempotency_key,
       coalesce(n.state, nullif(u.rest -> 2, 'null')) as state, coalesce(n.progress, nullif(u.rest -> 5, 'null')) as progress, u.errors,
       nullif(u.rest -> 3, 'null') as meta
from jobqueue.batches b
cross join lateral unnest(b.ids, b.due_at, b.payloads, b.created_at, b.fences, b.attempts, b.max_attempts, b.keys, b.errors, b.rest) with ordinality
  as u(id, due_at, payload, created_at, fence, attempt, max_attempts, key, errors, rest, p)
left join jobqueue.notes n on n.batch = b.id and n.position = u.p;

-- jobs_of_batch_1: the jobs of a batch that a mask names.
create or replace function jobqueue.jobs_of_batch_1(b jobqueue.batches, mask varbit)
returns table (place int, id bigint, due_at timestamptz, created_at timestamptz, fence int, attempt smallint, max_attempts smallint,
  priority smallint, rescues smallint, interruptions smallint, passes smallint, queue text, type text, payload jsonb, started boolean,
  started_at timestamptz, idempotency_key text, state jsonb, progress jsonb, errors jsonb, meta jsonb)
language sql stable rows 100
as $$
  select j.place, j.id, j.due_at, j.created_at, j.fence, j.attempt, j.max_attempts, j.priority, j.rescues, j.interruptions, j.passes, j.queue, j.type,
         j.payload, j.started, j.started_at, j.idempotency_key, j.state, j.progress, j.errors, j.meta
  from jobqueue.batched_jobs j
  where j.batch = b.id and get_bit(mask, j.place - 1) = 1
$$;

-- A mask of this length with these places set.
create or replace function jobqueue.mask_1(places int[], length int)
returns varbit
language plpgsql immutable strict parallel safe
as $$
declare
  v_mask varbit := repeat('0', length)::varbit;
  v_p    int;
begin
  foreach v_p in array places loop
    v_mask := set_bit(v_mask, v_p - 1, 1);
  end loop;
  return v_mask;
end $$;

-- Jobs that have not ended. lease_until is null for one that waits; `started` that a drain reported its run.
create or replace view jobqueue.live_jobs as
select j.id, j.due_at, j.created_at, j.fence, j.attempt, j.max_attempts, j.priority, j.rescues, j.interruptions, j.passes,
       j.queue::text as queue, j.type::text as type, j.payload, j.lease_until, j.lease_until is not null and j.started_fence = j.fence as started,
       j.started_at, j.idempotency_key::text as idempotency_key, j.state, j.progress, j.errors, j.meta
from jobqueue.jobs j
union all
select j.id, j.due_at, j.created_at, j.fence, j.attempt, j.max_attempts, j.priority, j.rescues, j.interruptions, j.passes,
       j.queue, j.type, j.payload, l.lease_until, j.started,
       j.started_at, j.idempotency_key, j.state, j.progress, j.errors, j.meta
from jobqueue.leases l
join jobqueue.batched_jobs j on j.batch = l.batch and get_bit(l.open, j.place - 1) = 1;

-- Jobs that have ended and are kept.
create or replace view jobqueue.finished_jobs as
select h.id, h.created_at, h.due_at, h.started_at, h.finished_at, h.fence, h.status, h.attempt, h.max_attempts, h.priority,
       h.queue::text as queue, h.type::text as type, h.payload, h.idempotency_key::text as idempotency_key, h.state, h.progress, h.result, h.errors,
       h.meta, h.fingerprint
from jobqueue.job_history h
union all
select j.id, j.created_at, j.due_at, s.at - (s.ended + s.ran) * interval '1 ms', s.at - s.ended * interval '1 ms', j.fence,
       'COMPLETED'::jobqueue.terminal_status, (j.attempt + 1)::smallint, j.max_attempts, j.priority,
       j.queue, j.type, j.payload, j.idempotency_key, j.state, j.progress, nullif(s.result, 'null'), j.errors,
       j.meta, null
from (
  select s.batch, s.at, o.place, o.ran, o.ended, o.result
  from jobqueue.settlements s
  cross join lateral rows from (unnest(jobqueue.places_1(s.done)), unnest(s.ran), unnest(s.ended), jsonb_array_elements(s.results))
    as o(place, ran, ended, result)) s
join jobqueue.batched_jobs j on j.batch = s.batch and j.place = s.place;

-- places_of_1: where these jobs are held or have completed. A job that was retried has been in several batches, and is in one at most.
create or replace function jobqueue.places_of_1(ids bigint[])
returns table (id bigint, batch bigint, place int, mask varbit, lease_until timestamptz, settlement int)
language sql stable rows 10
set jit = off
set enable_seqscan = off  -- by its key each, also by a plan that was made when the tables were empty
as $$
  select u.id, b.id, u.p::int, set_bit(repeat('0', cardinality(b.ids))::varbit, u.p::int - 1, 1), case when l.batch is not null then l.lease_until end, s.n
  from (select distinct k.batch
        from (select distinct i >> 10 as block from unnest(places_of_1.ids) as i) w
        cross join lateral (select x.batch from jobqueue.blocks x where x.block = w.block offset 0) k) t
  cross join lateral (select x.id, x.ids from jobqueue.batches x where x.id = t.batch offset 0) b
  cross join lateral unnest(b.ids) with ordinality as u(id, p)
  left join jobqueue.leases l on l.batch = b.id and get_bit(l.open, u.p::int - 1) = 1
  left join lateral (select s.n from jobqueue.settlements s where s.batch = b.id and get_bit(s.done, u.p::int - 1) = 1 limit 1) s on l.batch is null
  -- `ids` alone would be those of the batch
  where u.id in (select unnest(places_of_1.ids)) and (l.batch is not null or s.n is not null)
$$;

-- place_of_1: places_of_1 of one job, to be asked of thousands one by one. Nulls if it has none.
create or replace function jobqueue.place_of_1(job bigint, out batch bigint, out place int)
language plpgsql stable
as $$
begin
  select b.id, a.place into batch, place
  from jobqueue.blocks k
  join jobqueue.batches b on b.id = k.batch
  cross join lateral (select array_position(b.ids, job) as place) a
  where k.block = job >> 10 and k.last >= job & 1023 and a.place is not null
    and (exists (select from jobqueue.leases l where l.batch = b.id and get_bit(l.open, a.place - 1) = 1)
         or exists (select from jobqueue.settlements s where s.batch = b.id and get_bit(s.done, a.place - 1) = 1))
  limit 1;
end $$;

-- late_batches_1: batches whose lease ran out, those of the longest time ago first, at most 1,000: what dead drains left until a claim gives it back.
create or replace function jobqueue.late_batches_1()
returns table (queue text, type text, priority smallint, due_at timestamptz, lease_until timestamptz, open int)
language sql stable rows 10
set enable_seqscan = off  -- see places_of_1
as $$
  select b.queue, b.type, b.priority, b.due_at, l.lease_until, l.open
  from (select batch, lease_until, bit_count(open)::int as open from jobqueue.leases where lease_until < now() order by lease_until limit 1000) l
  cross join lateral (select x.queue, x.type, x.priority, x.due_at[1] as due_at from jobqueue.batches x where x.id = l.batch offset 0) b
$$;

-- live_1: of these jobs those that have not ended. lease_until is null for one that waits; `started` that a drain reported its run.
create or replace function jobqueue.live_1(ids bigint[])
returns table (id bigint, due_at timestamptz, created_at timestamptz, fence int, attempt smallint, max_attempts smallint, priority smallint,
  rescues smallint, interruptions smallint, queue text, type text, payload jsonb, lease_until timestamptz, started boolean, started_at timestamptz,
  idempotency_key text, state jsonb, progress jsonb, errors jsonb, meta jsonb)
language sql stable rows 10
as $$
  select j.id, j.due_at, j.created_at, j.fence, j.attempt, j.max_attempts, j.priority, j.rescues, j.interruptions, j.queue, j.type, j.payload,
         j.lease_until, j.lease_until is not null and j.started_fence = j.fence, j.started_at, j.idempotency_key, j.state, j.progress, j.errors, j.meta
  from jobqueue.jobs j where j.id = any(ids)
  union all
  select j.id, j.due_at, j.created_at, j.fence, j.attempt, j.max_attempts, j.priority, j.rescues, j.interruptions, j.queue, j.type, j.payload,
         p.lease_until, j.started, j.started_at, j.idempotency_key, j.state, j.progress, j.errors, j.meta
  from (select batch, lease_until, bit_or(mask) as mask from jobqueue.places_of_1(ids) where settlement is null group by 1, 2) p
  cross join lateral (select * from jobqueue.batched_jobs x where x.batch = p.batch and get_bit(p.mask, x.place - 1) = 1 offset 0) j
$$;

-- ended_1: of these jobs those that have ended and are kept.
create or replace function jobqueue.ended_1(ids bigint[])
returns table (id bigint, created_at timestamptz, due_at timestamptz, finished_at timestamptz, fence int, status jobqueue.terminal_status,
  attempt smallint, max_attempts smallint, priority smallint, queue text, type text, payload jsonb, started_at timestamptz, idempotency_key text,
  state jsonb, progress jsonb, result jsonb, errors jsonb, meta jsonb, fingerprint text)
language sql stable rows 10
as $$
  select h.id, h.created_at, h.due_at, h.finished_at, h.fence, h.status, h.attempt, h.max_attempts, h.priority, h.queue, h.type, h.payload,
         h.started_at, h.idempotency_key, h.state, h.progress, h.result, h.errors, h.meta, h.fingerprint
  from jobqueue.job_history h where h.id = any(ids)
  union all
  select j.id, j.created_at, j.due_at, s.at - s.ended[r.n] * interval '1 ms', j.fence, 'COMPLETED', (j.attempt + 1)::smallint, j.max_attempts, j.priority,
         j.queue, j.type, j.payload, s.at - (s.ended[r.n] + s.ran[r.n]) * interval '1 ms', j.idempotency_key, j.state, j.progress, nullif(s.results -> (r.n - 1), 'null'),
         j.errors, j.meta, null
  from (select batch, settlement, bit_or(mask) as mask from jobqueue.places_of_1(ids) where settlement is not null group by 1, 2) p
  cross join lateral (select * from jobqueue.settlements x where x.batch = p.batch and x.n = p.settlement offset 0) s
  cross join lateral (select * from jobqueue.batched_jobs x where x.batch = p.batch and get_bit(p.mask, x.place - 1) = 1 offset 0) j
  cross join lateral (select bit_count(substring(s.done from 1 for j.place))::int as n) r
$$;
