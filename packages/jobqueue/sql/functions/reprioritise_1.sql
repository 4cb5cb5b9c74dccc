-- reprioritise_1: gives the next slice of the waiting jobs that a filter means another priority (see matching_1; how slices follow:
-- operation_1). What a drain holds is left alone, and counted as skipped.
--   select jobqueue.reprioritise_1('{"type": "ai_generation"}', '{"actor": "ann", "priority": 9}');
create or replace function jobqueue.reprioritise_1(filter jsonb, options jsonb, progress jsonb default null)
returns jsonb
language plpgsql volatile
set jit = off
set enable_seqscan = off  -- see step_2: a plan that was made when the table was empty
set enable_bitmapscan = off
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_priority smallint := options ->> 'priority';
  v_progress jsonb;
  v_cursor   jsonb;
  v_at_end   boolean;
  v_ids      bigint[];
  v_changed  int;
  v_locked   int := 0;
  v_held     int := 0;
begin
  perform jobqueue.check_session_1();
  if v_priority is null or v_priority not between 0 and 10 then
    raise exception 'expected {"priority": 0 to 10} in the options' using errcode = 'invalid_parameter_value';
  end if;
  v_progress := coalesce(progress, jobqueue.begin_operation_1('reprioritise', filter, options,
    jsonb_build_object('priority', v_priority)));
  select m.ids, m.cursor, m.at_end into v_ids, v_cursor, v_at_end from jobqueue.matching_1(filter, v_progress, 500) m;

  update jobqueue.jobs j
  set priority = v_priority
  where j.ctid = any(array(
    select k.ctid from jobqueue.jobs k
    where k.id = any(v_ids) and k.lease_until is null
      and jobqueue.is_meant_1(filter, k.queue, k.type, k.priority, k.due_at, k.lease_until)
    for update skip locked));
  get diagnostics v_changed = row_count;

  if v_changed < cardinality(v_ids) then
    select count(*) filter (where j.lease_until is null), count(*) filter (where j.lease_until is not null) into v_locked, v_held
    from jobqueue.live_places_1(v_ids) j
    where j.priority <> v_priority and jobqueue.is_meant_1(filter, j.queue, j.type, j.priority, j.due_at, j.lease_until);
  end if;
  return jobqueue.end_slice_1('reprioritise', options, v_progress || jsonb_build_object('cursor', v_cursor,
    'changed', (v_progress ->> 'changed')::int + v_changed,
    'skipped', (v_progress ->> 'skipped')::int + v_held,
    'locked', (v_progress ->> 'locked')::int + v_locked), v_at_end);
end $$;
