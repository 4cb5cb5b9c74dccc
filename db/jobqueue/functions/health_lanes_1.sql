-- health_lanes_1: part of health_1. The oldest due job of each type, against what its type allows. Paused lanes do not
-- count, nor what a drain holds. Of a job that has run before, only the time since then: an interrupted one keeps its place,
-- and with it its old due time.
create or replace function jobqueue.health_lanes_1(types jsonb, unhandled_ms float8)
returns table (name text, subject text, value float8, "limit" float8, data jsonb)
language sql stable
as $$
  with running as (
    select l.*, count(*) over () as total from jobqueue.lanes_in_use_1(2000) l
    where not exists (select from jobqueue.pauses p where p.queue in ('*', l.queue) and p.type in ('*', l.type))
  ), late as (
    select l.type, l.queue, l.priority, round(extract(epoch from now() - head.since) * 1000)::float8 as late_ms
    from (
      -- Of more than 200 each hour sees another part, and the looks within it the same: a part for each look would flicker.
      select * from running r
      order by case when r.total > 200
        then hashtextextended(concat_ws('/', r.queue, r.type, r.priority), extract(epoch from date_trunc('hour', now()))::bigint) end
      limit 200) l
    cross join lateral (
      select greatest(c.due_at, c.started_at, c.lease_until) as since
      from (
        select j.due_at, j.started_at, j.lease_until from jobqueue.jobs j
        where j.queue = l.queue and j.type = l.type and j.priority = l.priority and j.due_at <= now()
        order by j.due_at, j.id limit 1000) c
      where c.lease_until is null or c.lease_until < now()
      limit 1) head
  )
  select distinct on (l.type) case when types ? l.type then 'oldest_due' else 'unhandled' end, l.type, l.late_ms,
         coalesce((types ->> l.type)::float8, unhandled_ms),
         jsonb_build_object('queue', l.queue, 'priority', l.priority)
  from late l
  order by l.type, l.late_ms desc
$$;
