-- overview_1: what the first screen shows beside health and charts, read at one instant, each part bounded.
--
-- answer  {lanes: [{queue, type, ready, scheduled, running, bound, oldestDueMs, paused}], dead: [{queue, type, dead}], deadBound,
--          pauses: [{queue, type, reason, sinceMs}], ticks: [{id, source, startedMs, …}], openDrains}
--
-- * A lane counts up to `bound` jobs of a kind: 1,000, or fewer the more lanes there are, so that a screen never reads more than
--   some 20,000 entries; 200 lanes at most. Lanes of one queue and type, which differ in priority alone, are summed.
-- * ready: due, and held by no drain; scheduled: due later, retries among them. Leases stand in no index: what runs, the ledger
--   knows (see metrics_1).
-- * Dead letters are counted among the newest `deadBound` of each type, for those rows have to be read to know their queue.
create or replace function jobqueue.overview_1()
returns jsonb
language sql stable
set jit = off
as $$
  with recursive lane as (
    (select queue, type, priority from jobqueue.jobs order by queue, type, priority limit 1)
    union all
    select n.queue, n.type, n.priority
    from lane l
    cross join lateral (
      select j.queue, j.type, j.priority from jobqueue.jobs j
      where (j.queue, j.type, j.priority) > (l.queue, l.type, l.priority)
      order by j.queue, j.type, j.priority limit 1) n
  ), bounded as materialized (
    select l.*, greatest(100, least(1000, 20000 / count(*) over ()))::int as bound
    from (select * from lane limit 200) l
  ), probed as (
    select l.queue, l.type, l.priority, l.bound, r.ready, r.head, s.scheduled
    from bounded l
    cross join lateral (
      select count(*) as ready, min(due_at) as head
      from (select j.due_at from jobqueue.jobs j
            where j.queue = l.queue and j.type = l.type and j.priority = l.priority
              and j.due_at <= now() and (j.lease_until is null or j.lease_until < now())
            order by j.due_at, j.id limit l.bound) first_ones) r
    cross join lateral (
      select count(*) as scheduled
      from (select from jobqueue.jobs j
            where j.queue = l.queue and j.type = l.type and j.priority = l.priority and j.due_at > now()
            order by j.due_at, j.id limit l.bound) first_ones) s
  ), working as (
    select d.running from (
      select running, finished_at, last_step_at from jobqueue.drains
      where started_at > now() - interval '1 hour' order by started_at desc limit 2000) d
    where d.finished_at is null and d.last_step_at > now() - interval '30 s'
  ), held as (
    select j.queue, j.type, count(*) as running
    from jobqueue.jobs j
    where j.id = any(array(select id from (select unnest(running) as id from working) r limit 10000)) and j.lease_until is not null
    group by j.queue, j.type
  ), dead_type as (
    (select type from jobqueue.job_history where status = 'DEAD_LETTER' order by type limit 1)
    union all
    select n.type
    from dead_type d
    cross join lateral (
      select h.type from jobqueue.job_history h
      where h.status = 'DEAD_LETTER' and h.type > d.type
      order by h.type limit 1) n
  ), dead as (
    select n.queue, d.type, count(*) as dead
    from (select * from dead_type limit 100) d
    cross join lateral (
      select h.queue from jobqueue.job_history h
      where h.status = 'DEAD_LETTER' and h.type = d.type
      order by h.type, h.id desc limit 500) n
    group by n.queue, d.type
  ), ticks as (
    select d.*, row_number() over (order by d.started_at desc) as n
    from (select * from jobqueue.drains where source not in ('kick', 'operator') order by started_at desc limit 12) d
  )
  select jsonb_build_object(
    'lanes', (
      select coalesce(jsonb_agg(jsonb_build_object('queue', p.queue, 'type', p.type, 'ready', p.ready, 'scheduled', p.scheduled,
               'running', coalesce(h.running, 0), 'bound', p.bound, 'readyIsBound', p.ready_is_bound, 'scheduledIsBound', p.scheduled_is_bound,
               'oldestDueMs', (extract(epoch from p.head) * 1000)::float8,
               'paused', exists (select from jobqueue.pauses x where x.queue in ('*', p.queue) and x.type in ('*', p.type)))
               order by p.queue, p.type), '[]')
      from (select queue, type, sum(ready)::int as ready, sum(scheduled)::int as scheduled, max(bound) as bound, min(head) as head,
                   bool_or(ready = bound) as ready_is_bound, bool_or(scheduled = bound) as scheduled_is_bound
            from probed group by queue, type) p
      left join held h on h.queue = p.queue and h.type = p.type),
    'dead', (select coalesce(jsonb_agg(jsonb_build_object('queue', queue, 'type', type, 'dead', dead) order by queue, type), '[]') from dead),
    'deadBound', 500,
    'pauses', (select coalesce(jsonb_agg(jsonb_build_object('queue', queue, 'type', type, 'reason', reason,
                 'sinceMs', (extract(epoch from paused_at) * 1000)::float8) order by paused_at desc), '[]')
               from (select * from jobqueue.pauses order by paused_at desc limit 200) p),
    'openDrains', (select count(*) from working),
    'ticks', (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'source', source, 'stopReason', stop_reason, 'report', report,
                'startedMs', (extract(epoch from started_at) * 1000)::float8,
                'endedMs', (extract(epoch from coalesce(finished_at, last_step_at)) * 1000)::float8,
                'state', case when finished_at is not null then 'finished' when deadline_at < now() then 'died' else 'running' end)
                order by n), '[]') from ticks))
$$;
