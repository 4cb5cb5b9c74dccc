-- health_lanes_1: part of health_1. The oldest due job of each type, against what its type allows, among the 200 lanes of the type
-- whose first job is due for the longest time. Of more than 100,000 lanes it sees the first, and says so in `data`. Paused lanes do not
-- count, nor what a drain holds before its lease ends. Of a job that has run before, only the time since then: an interrupted one keeps its place,
-- and with it its old due time.
create or replace function jobqueue.health_lanes_1(types jsonb, unhandled_ms float8)
returns table (name text, subject text, value float8, "limit" float8, data jsonb)
language sql stable
as $$
  with seen as materialized (
    select l.*, count(*) over () = 100000 as is_bound from jobqueue.lanes_in_use_2(null, null, 100000) l
  ), due as (
    select s.*, row_number() over (partition by s.type order by s.due_at) as n from seen s
    where s.due_at <= now() and not exists (select from jobqueue.pauses p where p.queue in ('*', s.queue) and p.type in ('*', s.type))
  ), late as (
    select l.type, l.queue, l.priority, l.is_bound, round(extract(epoch from now() - head.since) * 1000)::float8 as late_ms
    from (select * from due where n <= 200) l
    cross join lateral (
      select greatest(c.due_at, c.started_at, c.lease_until) as since
      from (
        select j.due_at, j.started_at, j.lease_until from jobqueue.jobs j
        where j.queue = l.queue and j.type = l.type and j.priority = l.priority and j.due_at <= now()
        order by j.due_at, j.id limit 1000) c
      where c.lease_until is null or c.lease_until < now()
      limit 1) head
    union all
    select b.type, b.queue, b.priority, false, round(extract(epoch from now() - b.lease_until) * 1000)::float8
    from jobqueue.late_batches_1() b
    where not exists (select from jobqueue.pauses p where p.queue in ('*', b.queue) and p.type in ('*', b.type))
  )
  (select distinct on (l.type) case when types ? l.type then 'oldest_due' else 'unhandled' end, l.type::text, l.late_ms,
          coalesce((types ->> l.type)::float8, unhandled_ms),
          jsonb_build_object('queue', l.queue, 'priority', l.priority) || case when l.is_bound then '{"lanes": 100000}'::jsonb else '{}' end
   from late l
   order by l.type, l.late_ms desc)
  union all
  select 'oldest_due', '', 0, unhandled_ms, '{"lanes": 100000}'::jsonb from seen having count(*) = 100000
$$;
