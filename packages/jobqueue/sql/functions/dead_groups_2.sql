-- dead_groups_2: dead letters by type and fingerprint of the last error, the largest group first. Every group is found, because an index
-- holds them (job_history_dead_groups): one probe a group, and of each its count, its first and its latest death.
--
-- filter  {type?}
-- answer  {groups: [{type, fingerprint, errorName, errorCode, shape, total, atLeast, firstMs, lastMs, sampleId}], total, atLeast, more}
--         groups: the 150 largest and the 50 with the latest deaths; atLeast: the count stopped at its bound (dead_bound_1); more: there are other groups;
--         total, atLeast: over all groups that were found; sampleId: the latest to die
--
-- If there are more than 1,000 groups, it finds those of the 1,000 latest deaths, then the first by type and fingerprint.
create or replace function jobqueue.dead_groups_2(filter jsonb)
returns jsonb
language sql stable
set jit = off
as $$
  with recursive g as (
    (select h.type, h.fingerprint from jobqueue.job_history h
     where h.status = 'DEAD_LETTER' and h.type >= coalesce(filter ->> 'type', '')
     order by h.type, h.fingerprint limit 1)
    union all
    select n.type, n.fingerprint
    from g
    cross join lateral (
      select h.type, h.fingerprint from jobqueue.job_history h
      where h.status = 'DEAD_LETTER' and (h.type, h.fingerprint) > (g.type, g.fingerprint)
      order by h.type, h.fingerprint limit 1) n
    where not filter ? 'type' or g.type = filter ->> 'type'
  ), walked as materialized (
    select * from g where not filter ? 'type' or g.type = filter ->> 'type' limit 1001
  ), latest as (
    select type, fingerprint
    from (select h.type, h.fingerprint from jobqueue.job_history h
          where h.status = 'DEAD_LETTER' and (select count(*) from walked) > 1000
          order by h.finished_at desc limit 1000) l
    where not filter ? 'type' or l.type = filter ->> 'type'
  ), found as materialized (
    select f.*, jobqueue.dead_bound_1(count(*) over ()) as bound
    from (select * from walked union select * from latest) f
  ), counted as materialized (
    select f.*, c.total, o.first, n.id, n.last
    from found f
    cross join lateral (
      select count(*)::int as total
      from (select from jobqueue.job_history h
            where h.status = 'DEAD_LETTER' and h.type = f.type and h.fingerprint = f.fingerprint
            limit f.bound) counted) c
    cross join lateral (
      select h.finished_at as first from jobqueue.job_history h
      where h.status = 'DEAD_LETTER' and h.type = f.type and h.fingerprint = f.fingerprint
      order by h.finished_at, h.id limit 1) o
    cross join lateral (
      select h.id, h.finished_at as last from jobqueue.job_history h
      where h.status = 'DEAD_LETTER' and h.type = f.type and h.fingerprint = f.fingerprint
      order by h.finished_at desc, h.id desc limit 1) n
  ), ranked as (
    select *, row_number() over (order by total desc, last desc, type, fingerprint) as by_total, row_number() over (order by last desc, type, fingerprint) as by_death
    from counted
  )
  select jsonb_build_object(
    'groups', (
      select coalesce(jsonb_agg(jsonb_build_object('type', r.type, 'fingerprint', r.fingerprint, 'errorName', h.errors -> -1 ->> 'name',
               'errorCode', h.errors -> -1 ->> 'code', 'shape', jobqueue.error_shape_1(h.errors), 'total', r.total, 'atLeast', r.total = r.bound,
               'firstMs', (extract(epoch from r.first) * 1000)::float8, 'lastMs', (extract(epoch from r.last) * 1000)::float8,
               'sampleId', r.id::text) order by r.by_total), '[]')
      from ranked r cross join lateral (select x.errors from jobqueue.job_history x where x.id = r.id limit 1) h  -- one probe each, whatever is guessed of their number
      where r.by_total <= 150 or r.by_death <= 50),
    'total', (select coalesce(sum(total), 0) from counted),
    'atLeast', (select coalesce(bool_or(total = bound), false) or count(*) > 1000 from counted),
    'more', (select count(*) > 1000 or bool_or(by_total > 150 and by_death > 50) is true from ranked))
$$;
