-- metrics_1: everything that a scrape of /api/metrics tells, read at one instant, each part bounded: 48 ms over 42 lanes of a
-- million due jobs and a million finished ones. Each rollup row of the running hour adds 20 us, of the day 0.3 us.
--
-- answer  {protocol, lanes, lanesLeftOut, oldestDueSeconds, running, openDrains, deadLetters, paused, drains, lastTickSeconds,
--          lastDrainSeconds, runs, histograms}
--
-- * Runs are counted from midnight UTC on, histograms from the full hour on: such a sum only grows while its window lasts,
--   whatever pruning and compaction do to older minutes, and starts anew at a known time. That is what a scraper takes for the
--   restart of a process. A running total would be a row that all drains write.
-- * Dead letters are counted as everywhere: see dead_bound_1.
-- * A lane counts up to 1,000 jobs, the 200 lanes whose heads are most urgent: 200,000 index entries at the worst. How many more have
--   due jobs is told, and their ages count. Beyond 100,000 lanes nothing is seen, and lanesLeftOut says 100,000.
-- * Leases stand in no index; the ledger knows what runs. A drain that has said nothing for half a minute is dead: it
--   speaks every two seconds while anything runs.
create or replace function jobqueue.metrics_1()
returns jsonb
language sql stable
set jit = off
as $$
  with recursive seen as materialized (
    select * from jobqueue.lanes_in_use_2(null, null, 100000)
  ), probed as materialized (
    select l.queue, l.type, l.priority, head.due_at as head,
           exists (select from jobqueue.pauses p where p.queue in ('*', l.queue) and p.type in ('*', l.type)) as paused,
           row_number() over (order by head.due_at is null, l.priority desc, head.due_at, l.queue, l.type) as n
    from seen l
    left join lateral (
      select j.due_at from jobqueue.jobs j
      where l.due_at <= now() and j.queue = l.queue and j.type = l.type and j.priority = l.priority
        and j.due_at <= now() and (j.lease_until is null or j.lease_until < now())
      order by j.due_at, j.id limit 1) head on true
  ), counted as (
    select p.*, extract(epoch from now() - p.head)::float8 as age,
           (select count(*)
            from (select from jobqueue.jobs j
                  where j.queue = p.queue and j.type = p.type and j.priority = p.priority
                    and j.due_at <= now() and (j.lease_until is null or j.lease_until < now())
                  order by j.due_at, j.id limit 1000) first_ones) as due
    from probed p
    where p.n <= 200
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
    select d.type,
           (select count(*)
            from (select from jobqueue.job_history h where h.status = 'DEAD_LETTER' and h.type = d.type limit d.bound) first_ones) as dead
    from (select type, jobqueue.dead_bound_1(count(*) over ()) as bound from (select * from dead_type limit 200) t) d
  ), recent as (
    select source, stop_reason, started_at, last_step_at, finished_at, running
    from jobqueue.drains
    where started_at > now() - interval '1 hour'
    order by started_at desc
    limit 10000
  ), working as (
    select cardinality(running) as running from recent
    where finished_at is null and last_step_at > now() - interval '30 s'
  ), runs as (
    select type, sum(completed) as completed, sum(failed) as failed, sum(dead) as dead, sum(cancelled) as cancelled
    from jobqueue.rollups
    where minute >= date_trunc('day', now(), 'UTC')
    group by type order by type limit 200
  ), hour as (
    select type, wait_ms, run_ms, waits, runs from jobqueue.rollups where minute >= date_trunc('hour', now(), 'UTC')
  ), bins as (
    select type, 'waits' as what, bin, sum(n) as n from hour, unnest(waits) with ordinality as u(n, bin) group by type, bin
    union all
    select type, 'runs', bin, sum(n) from hour, unnest(runs) with ordinality as u(n, bin) group by type, bin
  ), histograms as (
    select h.type, sum(h.wait_ms) as wait_ms, sum(h.run_ms) as run_ms,
           (select jsonb_agg(b.n order by b.bin) from bins b where b.type = h.type and b.what = 'waits') as waits,
           (select jsonb_agg(b.n order by b.bin) from bins b where b.type = h.type and b.what = 'runs') as runs
    from hour h
    group by h.type order by h.type limit 200
  )
  select jsonb_build_object(
    'protocol', 1,
    'lanes', (select coalesce(jsonb_agg(jsonb_build_object('queue', queue, 'type', type, 'priority', priority, 'due', due,
                                                           'ageSeconds', coalesce(age, 0))), '[]') from counted),
    'lanesLeftOut', case when (select count(*) from seen) = 100000 then 100000
                      else (select count(*) from probed where n > 200 and head is not null) end,
    'oldestDueSeconds', (select coalesce(extract(epoch from now() - min(head)), 0)::float8 from probed where not paused),
    'running', (select coalesce(sum(running), 0) from working),
    'openDrains', (select count(*) from working),
    'deadLetters', (select coalesce(jsonb_agg(jsonb_build_object('type', type, 'dead', dead)), '[]') from dead),
    'paused', (select coalesce(jsonb_agg(jsonb_build_object('queue', queue, 'type', type)), '[]')
               from (select queue, type from jobqueue.pauses order by queue, type limit 200) p),
    'drains', (select coalesce(jsonb_agg(jsonb_build_object('stopReason', reason, 'drains', drains)), '[]')
               from (select coalesce(stop_reason, 'none') as reason, count(*) as drains
                     from recent group by 1 order by 1 limit 50) d),
    'lastTickSeconds', (select extract(epoch from now() - max(started_at))::float8 from recent where source = 'cron'),
    'lastDrainSeconds', (select extract(epoch from now() - max(started_at))::float8 from jobqueue.drains),
    'runs', (select coalesce(jsonb_agg(to_jsonb(r)), '[]') from runs r),
    'histograms', (select coalesce(jsonb_agg(to_jsonb(h)), '[]') from histograms h))
$$;
