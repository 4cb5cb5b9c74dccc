-- jobs_by_key_1: part of jobs_page_1. Those that hold an idempotency key which begins with filter.key, by type and key; before them
-- the job filter.id, if given. Dead letters and cancelled jobs hold none: they gave it back.
create or replace function jobqueue.jobs_by_key_1(filter jsonb, cursor jsonb, bound int, out ids bigint[], out next jsonb)
language sql stable
as $$
  with recursive t as (
    (select k.type from jobqueue.idempotency_keys k where not filter ? 'type' or k.type = filter ->> 'type' order by k.type limit 1)
    union all
    select n.type
    from t
    cross join lateral (
      select k.type from jobqueue.idempotency_keys k
      where not filter ? 'type' and k.type > t.type
      order by k.type limit 1) n
  ), found as (
    select t.type, k.key, k.job_id
    from (select * from t limit 200) t
    cross join lateral (
      select k.key, k.job_id from jobqueue.idempotency_keys k
      where k.type = t.type and k.key >= filter ->> 'key' and k.key < (filter ->> 'key') || chr(1114111)
        and (cursor is null or (k.type, k.key) > (cursor ->> 0, cursor ->> 1))
        and (k.expires_at is null or k.expires_at >= now())
      order by k.key limit bound + 1) k
    order by t.type, k.key limit bound + 1
  ), placed as (
    select *, row_number() over (order by type, key) as n from found
  )
  select case when filter ? 'id' and cursor is null then array[(filter ->> 'id')::bigint] else '{}' end
           || coalesce(array_agg(job_id order by n) filter (where n <= bound and job_id::text is distinct from filter ->> 'id'), '{}'),
         case when count(*) > bound then to_jsonb(array[(array_agg(type order by n))[bound], (array_agg(key order by n))[bound]]) end
  from placed
$$;
