-- trail_1: what else is known of one job: its meta data, the drains that were under way when its latest run began, the one that holds it
-- now, and what operators did that named it. The audit log has no index on jobs: its newest 5,000 entries are looked at.
create or replace function jobqueue.trail_1(job bigint)
returns jsonb
language sql stable
set jit = off
as $$
  with known as (
    select meta, started_at from jobqueue.jobs where id = job
    union all
    select meta, started_at from jobqueue.job_history where id = job
    limit 1
  )
  select jsonb_build_object(
    'meta', (select meta from known),
    'drains', (
      select coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'source', d.source, 'startedMs', (extract(epoch from d.started_at) * 1000)::float8,
               'holds', d.finished_at is null and job = any(d.running)) order by d.started_at desc), '[]')
      from (
        select d.* from known k
        cross join lateral (
          select * from jobqueue.drains
          where started_at <= k.started_at and started_at > k.started_at - interval '1 hour'
          order by started_at desc limit 200) d
        -- a drain notes its last step before it notes its end
        where coalesce(d.finished_at, d.last_step_at + interval '2 s') >= k.started_at
        order by d.started_at desc limit 5) d),
    'audit', (
      select coalesce(jsonb_agg(jsonb_build_object('id', a.id::text, 'atMs', (extract(epoch from a.at) * 1000)::float8, 'actor', a.actor,
               'action', a.action, 'details', a.details) order by a.id desc), '[]')
      from (
        select * from (select * from jobqueue.audit_log order by id desc limit 5000) newest
        where details #> '{filter,ids}' ? job::text or details ->> 'jobId' = job::text
        order by id desc limit 50) a))
$$;
