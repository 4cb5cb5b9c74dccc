-- follow_up_1: enqueues the jobs that follow jobs which have ended (`onCompleted` and `onDeadLetter` of defineJob), in the very statement
-- that ends those: one for each. Its callers name jobs that have ended by this statement alone, so a statement that is sent again finds
-- none of them and adds nothing.
--
-- It must not fail for anything that is in a job, because then the job could not end: what is too large is left out.

-- The entry of add_jobs. `detail`: {result} or {error}.
create or replace function jobqueue.follow_up_1(target jsonb, id bigint, type text, payload jsonb, detail jsonb, meta jsonb)
returns jsonb
language sql immutable
as $$
  select target
    || jsonb_build_object('payload', jsonb_build_object('id', id::text, 'type', type,
         'payload', case when p.fits then payload end, 'omitted', not (p.fits and d.fits))
         || case when d.fits then detail else '{"result": null}' end)
    || case when meta ? 'traceparent' then jsonb_build_object('meta', jsonb_build_object('traceparent', meta -> 'traceparent')) else '{}' end
  from (select octet_length(payload::text) <= 131072 as fits) p,
       (select octet_length(detail::text) <= 131072 as fits) d
$$;

-- Of those of one batch that completed; results: a list in their order, or null.
create or replace function jobqueue.follow_completed_1(batch bigint, done varbit, results jsonb)
returns void
language plpgsql volatile
as $$
declare
  v_jobs jsonb;
begin
  select jsonb_agg(jobqueue.follow_up_1(f.target, f.id, f.type, f.payload, jsonb_build_object('result', results -> (f.n - 1)::int), f.meta) order by f.n)
  into v_jobs
  from (
    select b.follow -> 'completed' as target, j.id, j.type, j.payload, j.meta, row_number() over (order by j.place) as n
    from jobqueue.batches b cross join lateral jobqueue.jobs_of_batch_1(b, follow_completed_1.done) j
    where b.id = follow_completed_1.batch and b.follow ? 'completed'
  ) f;
  if v_jobs is not null then
    perform jobqueue.add_jobs(v_jobs);
  end if;
end $$;

-- Of the dead letters among these jobs, which left these batches. A job that left none was claimed by a drain of the release before: then
-- `follows`, by type, says what the drain that found it knows.
create or replace function jobqueue.follow_dead_1(ended bigint[], batches bigint[], follows jsonb)
returns void
language plpgsql volatile
as $$
declare
  v_jobs jsonb;
begin
  select jsonb_agg(jobqueue.follow_up_1(f.follow -> 'deadLetter', h.id, h.type, h.payload,
           jsonb_build_object('error', jsonb_build_object('name', h.errors -> -1 -> 'name', 'message', h.errors -> -1 -> 'message',
             'code', h.errors -> -1 -> 'code', 'attempt', h.errors -> -1 -> 'attempt')), h.meta) order by h.id)
  into v_jobs
  from jobqueue.job_history h
  cross join lateral (
    select coalesce((select b.follow from jobqueue.batches b where b.id = any(batches) and h.id = any(b.ids) order by b.id desc limit 1),
                    follows -> h.type) as follow) f
  where h.id = any(ended) and h.status = 'DEAD_LETTER' and f.follow ? 'deadLetter';
  if v_jobs is not null then
    perform jobqueue.add_jobs(v_jobs);
  end if;
end $$;
