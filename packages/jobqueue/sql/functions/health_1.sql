-- health_1: whether the queue is well, check by check. Reads only, and little: each lane's first entry, at most 200 due lanes of a type,
-- 1,000 rows of a kind, one day
-- of hourly sums.
--
-- thresholds  {functions: [signature], tickMs, types: {type: startWithinMs}, startWithinMs, deadLetters, times, retryRatio, attempts,
--             runTimes, deadlineTicks, slices, snapshotMs, snapshotXids}; types: all with a handler here
-- answer      {checks: [{name, ok, value, limit, subject, data, red: [{subject, value, limit, data}]}]}
--             A check is red while its value is at its limit or above. Where it has subjects (types), the worst one speaks
--             for it, and `red` has at most 20 of those that are. Durations in ms.
create or replace function jobqueue.health_1(thresholds jsonb)
returns jsonb
language plpgsql stable
set jit = off
as $$
#variable_conflict use_column
declare
  v_checks jsonb;
begin
  with found(name, subject, value, "limit", data) as (
    select 'protocol', '', count(*) filter (where to_regprocedure(f) is null)::float8, 1::float8,
           jsonb_build_object('missing', jsonb_agg(f) filter (where to_regprocedure(f) is null))
    from jsonb_array_elements_text(thresholds -> 'functions') as x(f)
    union all
    select 'ticks', '', round(extract(epoch from now() - jobqueue.last_tick_1()) * 1000)::float8, (thresholds ->> 'tickMs')::float8, '{}'
    union all
    -- The number of newest ticks in a row that ended for lack of time.
    select 'deadlines', '', coalesce(min(n) filter (where stop_reason is distinct from 'deadline') - 1, count(*))::float8,
           (thresholds ->> 'deadlineTicks')::float8, '{}'
    from (
      select d.stop_reason, row_number() over (order by d.started_at desc) as n
      from (select * from jobqueue.drains where source not in ('kick', 'operator') order by started_at desc limit 100) d
      where d.finished_at is not null
    ) ended
    union all
    select * from jobqueue.health_lanes_1(thresholds -> 'types', (thresholds ->> 'startWithinMs')::float8)
    union all
    select * from jobqueue.health_dead_letters_1((thresholds ->> 'deadLetters')::float8, (thresholds ->> 'times')::float8)
    union all
    select * from jobqueue.health_attempts_1(thresholds)
    union all
    select * from jobqueue.health_slices_1((thresholds ->> 'slices')::float8)
    union all
    select * from jobqueue.health_snapshot_1((thresholds ->> 'snapshotMs')::float8, (thresholds ->> 'snapshotXids')::float8)
    union all
    select 'sequences', '', count(*)::float8, 1::float8, jsonb_build_object('behind', coalesce(jsonb_agg(b.sequence), '[]'))
    from jobqueue.sequences_behind_1() b
  ), judged as (
    select f.*, f.value is null or f.value >= f."limit" as red,
           row_number() over (partition by f.name order by f.value is null desc, f.value / nullif(f."limit", 0) desc nulls last, f.subject) as place
    from found f
  )
  select jsonb_agg(jsonb_build_object('name', c.name, 'ok', not coalesce(w.red, false), 'value', case when w.name is null then 0 else w.value end,
           'limit', coalesce(w."limit", (thresholds ->> c.fallback)::float8), 'subject', coalesce(w.subject, ''), 'data', coalesce(w.data, '{}'),
           'red', coalesce((select jsonb_agg(jsonb_build_object('subject', r.subject, 'value', r.value, 'limit', r."limit", 'data', r.data)
                                             order by r.place)
                            from judged r where r.name = c.name and r.red and r.place <= 20), '[]')) order by c.n)
  into v_checks
  from (values (1, 'protocol', null), (2, 'ticks', null), (3, 'oldest_due', 'startWithinMs'), (4, 'dead_letters', 'deadLetters'),
               (5, 'retries', 'retryRatio'), (6, 'run_time', null), (7, 'deadlines', null), (8, 'unhandled', 'startWithinMs'),
               (9, 'slices', 'slices'), (10, 'snapshot', 'snapshotMs'), (11, 'sequences', null)) as c(n, name, fallback)
  left join judged w on w.name = c.name and w.place = 1;
  return jsonb_build_object('checks', v_checks);
end $$;
