-- jobs_of_group_1: part of jobs_page_1. The dead letters of one group of dead_groups_2, the latest deaths first.
create or replace function jobqueue.jobs_of_group_1(filter jsonb, cursor jsonb, bound int, out ids bigint[], out next jsonb)
language sql stable
as $$
  with found as (
    select h.id, h.finished_at, row_number() over (order by h.finished_at desc, h.id desc) as n
    from (
      select h.id, h.finished_at from jobqueue.job_history h
      where h.status = 'DEAD_LETTER' and h.type = filter ->> 'type' and h.fingerprint = filter ->> 'fingerprint'
        and (h.finished_at, h.id) < (coalesce((cursor ->> 0)::timestamptz, 'infinity'), coalesce((cursor ->> 1)::bigint, 9223372036854775807))
      order by h.finished_at desc, h.id desc limit bound + 1) h
  )
  select coalesce(array_agg(id order by n) filter (where n <= bound), '{}'),
         case when count(*) > bound then jsonb_build_array((array_agg(finished_at order by n))[bound], (array_agg(id order by n))[bound]::text) end
  from found
$$;
