-- overview_1: what the first screen shows beside health and charts, read at one instant, each part bounded.
--
-- answer  {owner, leftOut: {lanes, dead, pauses}, lanes: [{queue, type, ready, readyIsBound, scheduled, scheduledIsBound, nextDueMs, running, oldestDueMs, paused}], deadBound,
--          dead: [{queue, type, dead}], pauses: [{queue, type, reason, sinceMs}], openDrains, ticks: [{id, source, startedMs, …}]}
--
-- * A lane counts up to 1,000 jobs of a kind, or fewer the more lanes there are: a screen seldom reads more than some 20,000 entries
--   of each. Dead letters are counted as everywhere: see dead_bound_1. Lanes of one queue and type, which differ in priority alone, are summed. Shown are the 200 queues and types whose first job
--   is due for the longest time, and those with dead letters. leftOut: how many more there are, 100,000 if not all lanes were seen;
--   whether there are more with dead letters, or more pauses, than the 200 shown.
-- * Counts touch no job, only the index: with five million jobs their rows lie in as many pages, and reading them cost 350 ms.
-- * A job that a drain has claimed ahead is ready until its drain notes that it runs. Looked at are the 2,000 newest leases. Jobs that the
--   release before holds are ready.
create or replace function jobqueue.overview_1()
returns jsonb
language sql stable
set jit = off
set enable_seqscan = off  -- see step_2: a plan that was made when the table was empty
set enable_bitmapscan = off
as $$
  with recursive seen as materialized (
    select * from jobqueue.lanes_in_use_2(null, null, 100000)
  ), dead_lane as (
    (select queue, type from jobqueue.job_history where status = 'DEAD_LETTER' order by queue, type limit 1)
    union all
    select n.queue, n.type
    from dead_lane d
    cross join lateral (
      select h.queue, h.type from jobqueue.job_history h
      where h.status = 'DEAD_LETTER' and (h.queue, h.type) > (d.queue, d.type)
      order by h.queue, h.type limit 1) n
  ), dead_shown as materialized (
    select *, row_number() over () as n from dead_lane limit 201
  ), held as materialized (
    select b.queue, b.type, min(b.due_at[1]) as due_at, sum(bit_count(l.open) - r.running)::int as ahead, sum(r.running)::int as running
    from (select batch, open from jobqueue.leases order by batch desc limit 2000) l
    join jobqueue.batches b on b.id = l.batch
    cross join lateral (
      select count(*) as running from jobqueue.notes n where n.batch = l.batch and get_bit(l.open, n.position - 1) = 1) r
    group by b.queue, b.type
  ), live as materialized (
    select queue, type, min(due_at) as due_at
    from (select queue::text, type::text, due_at from seen union all select queue, type, due_at from held) l
    group by queue, type
  ), live_shown as materialized (
    (select queue, type from live order by due_at limit 200)
    union
    select l.queue, l.type from dead_shown d join live l on l.queue = d.queue and l.type = d.type
  ), bounded as materialized (
    select s.queue, s.type, s.priority, greatest(50, least(1000, 20000 / count(*) over ()))::int as bound
    from live_shown join seen s using (queue, type)
  ), probed as (
    select l.queue, l.type, l.bound, d.due, s.scheduled, s.next_due, h.head
    from bounded l
    cross join lateral (
      select count(*)::int as due
      from (select from jobqueue.jobs j
            where j.queue = l.queue and j.type = l.type and j.priority = l.priority and j.due_at <= now()
            order by j.due_at, j.id limit l.bound) first_ones) d
    cross join lateral (
      select count(*)::int as scheduled, min(first_ones.due_at) as next_due
      from (select j.due_at from jobqueue.jobs j
            where j.queue = l.queue and j.type = l.type and j.priority = l.priority and j.due_at > now()
            order by j.due_at, j.id limit l.bound) first_ones) s
    left join lateral (
      select c.due_at as head
      from (select j.due_at, j.lease_until from jobqueue.jobs j
            where j.queue = l.queue and j.type = l.type and j.priority = l.priority and j.due_at <= now()
            order by j.due_at, j.id limit 1000) c
      where c.lease_until is null or c.lease_until < now()
      limit 1) h on true
  ), working as (
    select from (
      select finished_at, last_step_at from jobqueue.drains
      where started_at > now() - interval '1 hour' order by started_at desc limit 2000) d
    where d.finished_at is null and d.last_step_at > now() - interval '30 s'
  ), dead as (
    select d.queue, d.type, n.dead
    from (select *, jobqueue.dead_bound_1(count(*) over ()) as bound from dead_shown) d
    cross join lateral (
      select count(*)::int as dead
      from (select from jobqueue.job_history h
            where h.status = 'DEAD_LETTER' and h.queue = d.queue and h.type = d.type
            order by h.id limit d.bound) first_ones) n
    where d.n <= 200
  ), ticks as (
    select d.*, row_number() over (order by d.started_at desc) as n
    from (select * from jobqueue.drains where source not in ('kick', 'operator') order by started_at desc limit 12) d
  )
  select jsonb_build_object(
    'owner', (select name from jobqueue.environment),
    'leftOut', jsonb_build_object(
      'lanes', case when (select count(*) from seen) = 100000 then 100000 else (select count(*) from live) - (select count(*) from live_shown) end,
      'dead', (select count(*) > 200 from dead_shown),
      'pauses', (select count(*) > 200 from (select from jobqueue.pauses limit 201) p)),
    'lanes', (
      select coalesce(jsonb_agg(jsonb_build_object('queue', l.queue, 'type', l.type, 'ready', coalesce(p.due, 0) + coalesce(h.ahead, 0),
               'scheduled', coalesce(p.scheduled, 0), 'running', coalesce(h.running, 0), 'readyIsBound', coalesce(p.due_is_bound, false),
               'scheduledIsBound', coalesce(p.scheduled_is_bound, false),
               'oldestDueMs', (extract(epoch from p.head) * 1000)::float8, 'nextDueMs', (extract(epoch from p.next_due) * 1000)::float8,
               'paused', exists (select from jobqueue.pauses x where x.queue in ('*', l.queue) and x.type in ('*', l.type)))
               order by l.queue, l.type), '[]')
      from live_shown l
      left join (select queue, type, sum(due)::int as due, sum(scheduled)::int as scheduled, min(head) as head, min(next_due) as next_due,
                        bool_or(due = bound) as due_is_bound, bool_or(scheduled = bound) as scheduled_is_bound
                 from probed group by queue, type) p on p.queue = l.queue and p.type = l.type
      left join held h on h.queue = l.queue and h.type = l.type),
    'dead', (select coalesce(jsonb_agg(jsonb_build_object('queue', queue, 'type', type, 'dead', dead) order by queue, type), '[]') from dead),
    'deadBound', jobqueue.dead_bound_1((select count(*) from dead_shown)),
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
