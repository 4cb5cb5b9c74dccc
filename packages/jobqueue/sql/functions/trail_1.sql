-- trail_1: what else is known of one job: its meta data, its parent and children in a flow (200 at most, those first that are waited
-- for), the drains that were under way when its latest run began, the one that holds it
-- now, and what operators did that named it. The audit log has no index on jobs: its newest 5,000 entries are looked at.
create or replace function jobqueue.trail_1(job bigint)
returns jsonb
language sql stable
set jit = off
as $$
  with known as (
    select meta, started_at from jobqueue.live_1(array[job])
    union all
    select meta, started_at from jobqueue.ended_1(array[job])
    limit 1
  )
  select jsonb_build_object(
    'meta', (select meta from known),
    'parent', (
      select jsonb_build_object('id', f.parent_id::text, 'type', p.type, 'status', p.status, 'waits', not f.done)
      from jobqueue.flows f
      left join lateral jobqueue.known_1(f.parent_id) p on true
      where f.child_id = job),
    'children', (
      select coalesce(jsonb_agg(jsonb_build_object('id', c.child_id::text, 'type', k.type, 'status', k.status, 'waits', not c.done)
                                order by c.done, c.child_id), '[]')
      from (select * from jobqueue.flows where parent_id = job order by done, child_id limit 200) c
      left join lateral jobqueue.known_1(c.child_id) k on true),
    'childrenTotal', (select count(*) from jobqueue.flows where parent_id = job),
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

-- Type and status of a job, live or finished; no row for one that was pruned.
create or replace function jobqueue.known_1(job bigint)
returns table (type text, status text)
language sql stable
as $$
  select type::text, case when lease_until is null then 'PENDING' else 'PROCESSING' end from jobqueue.live_1(array[job])
  union all
  select type, status::text from jobqueue.ended_1(array[job])
$$;
