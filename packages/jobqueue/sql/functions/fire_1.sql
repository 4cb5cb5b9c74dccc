-- fire_1: fires slots, each once, whoever else does the same: one job for each, and the schedule moved past them.
--
-- fires    [{name, revision, until, next, slots: [instant], problem?}]: `slots` are those to fire of all up to `until`, `next` the first
--          after it, null if there is none; told from the schedule as it was at `revision`. One that cannot fire has a `problem`, no
--          `until`, and as `next` when to look at it again: what is due stays so, and holds up nothing behind it
-- answer   {fired, skipped, due: see due_schedules_1}
--
-- Promises:
-- * A schedule is only touched as it was read: a fire that comes twice, late or beside another finds its revision raised and
--   changes nothing. One that another holds is left to that one.
-- * Slots, jobs and the schedule's place are written by one statement: who dies has fired a slot or has not. A slot that
--   has its row is passed over, and the key of that table stands behind it: two jobs for a slot can never be committed.
create or replace function jobqueue.fire_1(fires jsonb)
returns jsonb
language plpgsql volatile
set jit = off
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_names     text[];
  v_schedules text[];
  v_slots     timestamptz[];
  v_jobs      jsonb;
  v_ids       bigint[];
  v_skipped   int := 0;
  v_held      bigint[];  -- jobs of schedules in the hands of drains, and their slots
  v_held_of   timestamptz[];
begin
  perform jobqueue.check_session_1();
  v_names := array(
    select s.name::text
    from jobqueue.schedules s
    join jsonb_to_recordset(fires) as f(name text, revision int) on f.name = s.name and f.revision = s.revision
    where s.paused_at is null and s.removed_at is null
    order by s.name
    for no key update of s skip locked);

  select coalesce(array_agg(u.id), '{}'), coalesce(array_agg((u.rest -> 3 ->> 'slot')::timestamptz), '{}') into v_held, v_held_of
  from jobqueue.leases l
  join jobqueue.batches b on b.id = l.batch and b.rest is not null
  cross join lateral unnest(b.ids, b.rest) with ordinality as u(id, rest, p)
  where get_bit(l.open, u.p::int - 1) = 1 and u.rest -> 3 ? 'slot';

  with slots as (
    select s.name::text as name, t.slot, s.definition,
           to_char(t.slot, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as slot_text,
           s.definition ->> 'overlap' = 'skip' and (
             row_number() over (partition by s.name order by t.slot) > 1
             -- with a limit it is asked of each schedule; without, Postgres would gather the unfinished slots of all of them
             or coalesce((select true from jobqueue.schedule_slots o join jobqueue.jobs j on j.id = o.job_id
                          where o.schedule = s.name limit 1), false)
             or exists (select from unnest(v_held, v_held_of) as h(id, slot)
                        join jobqueue.schedule_slots o on o.schedule = s.name and o.slot = h.slot and o.job_id = h.id)
           ) as skipped
    from jsonb_to_recordset(fires) as f(name text, slots jsonb)
    join jobqueue.schedules s on s.name = f.name
    cross join lateral (select e::timestamptz as slot from jsonb_array_elements_text(f.slots) as x(e)) t
    where s.name = any(v_names) and t.slot > s.fired_until
      and not exists (select from jobqueue.schedule_slots k where k.schedule = s.name and k.slot = t.slot)
  ), noted as (
    insert into jobqueue.schedule_slots (schedule, slot) select name, slot from slots where skipped
    returning 1
  )
  select array_agg(name order by slot, name), array_agg(slot order by slot, name),
         jsonb_agg(definition -> 'job' || jsonb_build_object(
           'scheduled_for', slot + mod(hashtextextended(name || slot_text, 0) & 9223372036854775807,
                                       (definition ->> 'jitterMs')::bigint + 1) * interval '1 ms',
           'meta', jsonb_build_object('schedule', name, 'slot', slot_text)) order by slot, name),
         (select count(*) from noted)
  into v_schedules, v_slots, v_jobs, v_skipped
  from slots
  where not skipped;

  if v_jobs is not null then
    v_ids := array(select a.id from jobqueue.add_jobs(v_jobs) a order by a.ordinal);
    insert into jobqueue.schedule_slots (schedule, slot, job_id)
    select schedule, slot, job_id from unnest(v_schedules, v_slots, v_ids) as n(schedule, slot, job_id);
  end if;

  update jobqueue.schedules s
  set fired_until = greatest(s.fired_until, f.until), next_slot_at = coalesce(f.next, 'infinity'),
      former = case when f.until is null then s.former end, problem = left(f.problem, 500), revision = s.revision + 1
  from jsonb_to_recordset(fires) as f(name text, until timestamptz, next timestamptz, problem text)
  where f.name = s.name and s.name = any(v_names);

  -- The 1,000 newest slots of each schedule are kept: 16 hours of a line of every minute, years of a daily one. What has been
  -- fired is told by fired_until, not by these rows. Those of unfinished jobs stay: they hold back the next, if overlap says so.
  delete from jobqueue.schedule_slots d
  using unnest(v_names) as n(name)
  cross join lateral (
    select o.slot, o.job_id from jobqueue.schedule_slots o
    where o.schedule = n.name
    order by o.slot desc offset 1000 limit 2000) o
  where d.schedule = n.name and d.slot = o.slot and not exists (select from jobqueue.jobs j where j.id = o.job_id)
    and coalesce(o.job_id <> all(v_held), true);

  return jsonb_build_object('fired', coalesce(cardinality(v_ids), 0), 'skipped', v_skipped,
                            'due', coalesce(jobqueue.due_schedules_1(), '[]'));
end $$;
