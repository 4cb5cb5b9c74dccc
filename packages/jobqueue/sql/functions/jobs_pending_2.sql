-- jobs_pending_2: part of jobs_page_1. Jobs that wait, by due time: no lane can have a job on the page but those with the earliest
-- first jobs behind the cursor, as many as the page is long; each of them is walked in the claim index. Of more than 100,000 lanes the
-- first are seen, and `is_part` says so.
create or replace function jobqueue.jobs_pending_2(filter jsonb, cursor jsonb, bound int, out ids bigint[], out next jsonb, out is_part boolean)
language sql stable
as $$
  with seen as materialized (
    select * from jobqueue.lanes_in_use_2(filter ->> 'queue', null, 100000)
  ), meant as (
    select l.queue, l.type, l.priority
    from seen l
    cross join lateral (
      select j.id, j.due_at from jobqueue.jobs j
      where j.queue = l.queue and j.type = l.type and j.priority = l.priority and j.lease_until is null
        and j.due_at >= coalesce((filter ->> 'from')::timestamptz, '-infinity')
        and j.due_at < coalesce((filter ->> 'until')::timestamptz, 'infinity')
        and (j.due_at, j.id) > (coalesce((cursor ->> 0)::timestamptz, '-infinity'), coalesce((cursor ->> 1)::bigint, 0))
      order by j.due_at, j.id limit 1) first_one
    where not filter ? 'type' or l.type = filter ->> 'type'
    order by first_one.due_at, first_one.id
    limit bound + 1
  ), found as (
    select j.id, j.due_at
    from meant l
    cross join lateral (
      select j.id, j.due_at from jobqueue.jobs j
      where j.queue = l.queue and j.type = l.type and j.priority = l.priority and j.lease_until is null
        and j.due_at >= coalesce((filter ->> 'from')::timestamptz, '-infinity')
        and j.due_at < coalesce((filter ->> 'until')::timestamptz, 'infinity')
        and (j.due_at, j.id) > (coalesce((cursor ->> 0)::timestamptz, '-infinity'), coalesce((cursor ->> 1)::bigint, 0))
      order by j.due_at, j.id limit bound + 1) j
    order by j.due_at, j.id limit bound + 1
  ), placed as (
    select *, row_number() over (order by due_at, id) as n from found
  )
  select coalesce(array_agg(id order by n) filter (where n <= bound), '{}'),
         case when count(*) > bound then jsonb_build_array((array_agg(due_at order by n))[bound], (array_agg(id order by n))[bound]::text) end,
         (select count(*) from seen) = 100000
  from placed
$$;
