-- dead_groups_1: dead letters by type and fingerprint of the last error, the largest group first. Looks at the newest 5,000 at most, the
-- same number of each type, and says whether there are more.
--
-- filter  {type?}
-- answer  {groups: [{type, fingerprint, errorName, errorCode, shape, total, firstMs, lastMs, sampleId}], looked, atLeast}
create or replace function jobqueue.dead_groups_1(filter jsonb)
returns jsonb
language sql stable
set jit = off
as $$
  with recursive t as (
    (select h.type from jobqueue.job_history h where h.status = 'DEAD_LETTER' and (not filter ? 'type' or h.type = filter ->> 'type')
     order by h.type limit 1)
    union all
    select n.type
    from t
    cross join lateral (
      select h.type from jobqueue.job_history h
      where h.status = 'DEAD_LETTER' and not filter ? 'type' and h.type > t.type
      order by h.type limit 1) n
  ), share as materialized (
    select type, greatest(5000 / count(*) over (), 50)::int as most from (select * from t limit 100) t
  ), seen as materialized (
    select s.type, s.most, n.*
    from share s
    cross join lateral (
      select h.id, h.finished_at, h.errors from jobqueue.job_history h
      where h.status = 'DEAD_LETTER' and h.type = s.type
      order by h.id desc limit s.most) n
  ), grouped as (
    select type, jobqueue.fingerprint_1(errors) as fingerprint, min(errors -> -1 ->> 'name') as name, min(errors -> -1 ->> 'code') as code,
           min(jobqueue.error_shape_1(errors)) as shape, count(*) as total, min(finished_at) as first, max(finished_at) as last, max(id) as sample
    from seen group by 1, 2
  )
  select jsonb_build_object(
    'groups', (
      select coalesce(jsonb_agg(jsonb_build_object('type', type, 'fingerprint', fingerprint, 'errorName', name, 'errorCode', code, 'shape', shape,
               'total', total, 'firstMs', (extract(epoch from first) * 1000)::float8, 'lastMs', (extract(epoch from last) * 1000)::float8,
               'sampleId', sample::text) order by total desc, type, fingerprint), '[]')
      from (select * from grouped order by total desc, type, fingerprint limit 200) g),
    'looked', (select count(*) from seen),
    'atLeast', exists (select from seen group by type, most having count(*) = most))
$$;
