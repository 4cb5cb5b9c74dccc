-- health_snapshot_1: part of health_1. Whose snapshot, or open write, is the oldest that keeps vacuum from removing dead
-- rows: of a session, a replication slot or a prepared transaction. Sees what the role may see, and never reads what they
-- run.
create or replace function jobqueue.health_snapshot_1(limit_ms float8, limit_xids float8)
returns table (name text, subject text, value float8, "limit" float8, data jsonb)
language sql stable
as $$
  select 'snapshot', '', case when h.xids >= limit_xids then greatest(h.age_ms, limit_ms) else coalesce(h.age_ms, 0) end, limit_ms,
         jsonb_build_object('holder', h.holder, 'who', left(h.who, 200), 'xids', h.xids)
  from (
    select 'session' as holder, round(extract(epoch from now() - a.xact_start) * 1000)::float8 as age_ms,
           greatest(age(a.backend_xmin), age(a.backend_xid)) as xids,
           concat_ws(', ', 'pid ' || a.pid, 'user ' || a.usename, nullif(a.application_name, ''), a.state) as who
    from pg_stat_activity a
    where (a.datname = current_database() or a.datid is null) and coalesce(a.backend_xmin, a.backend_xid) is not null
      and a.pid <> pg_backend_pid() and a.backend_type <> 'autovacuum worker'
    union all
    select 'replication slot', null, age(s.xmin), concat_ws(', ', s.slot_name, case when s.active then 'active' else 'inactive' end)
    from pg_replication_slots s
    where s.xmin is not null
    union all
    select 'prepared transaction', round(extract(epoch from now() - p.prepared) * 1000)::float8, age(p.transaction),
           concat_ws(', ', p.gid, 'user ' || p.owner)
    from pg_prepared_xacts p
    where p.database = current_database()
  ) h
  order by h.xids >= limit_xids or h.age_ms >= limit_ms desc, h.age_ms desc nulls last, h.xids desc
  limit 1
$$;
