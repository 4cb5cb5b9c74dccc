-- jobs_pending_1: part of jobs_page_1. Jobs that wait, by due time: those of at most 200 lanes, each walked in the claim index.
create or replace function jobqueue.jobs_pending_1(filter jsonb, cursor jsonb, bound int, out ids bigint[], out next jsonb)
language sql stable
as $$
  with meant as (
    select * from jobqueue.lanes_in_use_1(2000) l
    where (not filter ? 'type' or l.type = filter ->> 'type') and (not filter ? 'queue' or l.queue = filter ->> 'queue')
    limit 200
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
         case when count(*) > bound then jsonb_build_array((array_agg(due_at order by n))[bound], (array_agg(id order by n))[bound]::text) end
  from placed
$$;
