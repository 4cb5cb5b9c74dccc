-- health_slices_1: part of health_1. The live job of each type that was claimed most often, as the drains of the last hour reported it, the
-- newest 100 of them. Every slice is a claim, so a handler that returns continueWith without end stands out, and what it costs to know is
-- one comparison for each claimed job, in the drain. A job that has ended since is no trouble any more.
create or replace function jobqueue.health_slices_1(limit_slices float8)
returns table (name text, subject text, value float8, "limit" float8, data jsonb)
language sql stable
as $$
  select distinct on (j.type) 'slices', j.type::text, j.fence::float8, limit_slices, jsonb_build_object('job', j.id::text)
  from (select distinct (d.report -> 'mostSlices' ->> 'job')::bigint as id
        from (select report from jobqueue.drains where started_at > now() - interval '1 hour' order by started_at desc limit 100) d) seen
  cross join lateral (select k.id, k.type, k.fence from jobqueue.live_1(array[seen.id]) k limit 1) j  -- by its key, however many there are
  order by j.type, j.fence desc
$$;
