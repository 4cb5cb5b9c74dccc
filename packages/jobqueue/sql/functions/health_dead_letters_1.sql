-- health_dead_letters_1: part of health_1. The dead letters of the last hour, by type, against those of the day before: that
-- there are some is for people to look at, that they come faster than usual is an incident. Of more than 1,000 a day only
-- the newest are looked at. `data` of what is red names its largest group: {before, isBound, fingerprint, errorName, errorCode, group}.
create or replace function jobqueue.health_dead_letters_1(at_least float8, times float8)
returns table (name text, subject text, value float8, "limit" float8, data jsonb)
language sql stable
as $$
  with newest as (
    select h.id, h.type, h.finished_at from jobqueue.job_history h
    where h.status = 'DEAD_LETTER' and h.finished_at > now() - interval '25 hours'
    order by h.finished_at desc limit 1000
  ), covered as (
    select case when count(*) < 1000 then 24
                else greatest(extract(epoch from now() - interval '1 hour' - min(finished_at)) / 3600, 0) end::float8 as hours
    from newest
  ), counted as (
    select n.type, count(*) filter (where n.finished_at > now() - interval '1 hour')::float8 as fresh,
           count(*) filter (where n.finished_at <= now() - interval '1 hour') / greatest(max(c.hours), 1) as an_hour
    from newest n cross join covered c group by n.type
  )
  select 'dead_letters', c.type, c.fresh, too_many.n,
         jsonb_build_object('before', round(c.an_hour::numeric, 2), 'isBound', b.is_bound) || coalesce(largest.said, '{}')
  from counted c
  cross join (select count(*) = 1000 and min(finished_at) > now() - interval '1 hour' as is_bound from newest) b
  cross join lateral (select greatest(at_least, ceil(times * c.an_hour)) as n) too_many
  left join lateral (
    select jsonb_build_object('fingerprint', jobqueue.fingerprint_1(h.errors), 'errorName', min(h.errors -> -1 ->> 'name'),
                              'errorCode', min(h.errors -> -1 ->> 'code'), 'group', count(*)) as said
    from newest n
    join jobqueue.job_history h on h.id = n.id
    where c.fresh >= too_many.n and n.type = c.type and n.finished_at > now() - interval '1 hour'
    group by jobqueue.fingerprint_1(h.errors)
    order by count(*) desc, max(h.id) desc limit 1) largest on true
  where c.fresh > 0
$$;
