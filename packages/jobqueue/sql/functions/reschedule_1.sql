-- reschedule_1: gives the next slice of the waiting jobs that a filter means another due time (see matching_1; how slices follow:
-- operation_1). What a drain holds is left alone, and counted as skipped. So is what waits for its children, unless the
-- filter names ids: then it runs at that time, whatever became of them.
--   select jobqueue.reschedule_1('{"type": "crm_sync"}', '{"actor": "ann", "delayMs": 3600000}');
--
-- options  {actor, to | delayMs}; the instant is fixed when the operation begins, by this clock: all its slices set the same. The
--          past means now.
create or replace function jobqueue.reschedule_1(filter jsonb, options jsonb, progress jsonb default null)
returns jsonb
language plpgsql volatile
set jit = off
set enable_seqscan = off  -- see step_2: a plan that was made when the table was empty
set enable_bitmapscan = off
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_progress jsonb;
  v_cursor   jsonb;
  v_at_end   boolean;
  v_ids      bigint[];
  v_to       timestamptz;
  v_changed  int;
  v_locked   int := 0;
  v_held     int := 0;
begin
  perform jobqueue.check_session_1();
  v_to := coalesce((options ->> 'to')::timestamptz, now() + (options ->> 'delayMs')::float8 * interval '1 ms');
  if v_to is null or v_to > now() + interval '10 years 3 days' then
    raise exception 'expected {"to": an instant} or {"delayMs": ms}, at most 10 years ahead, in the options'
      using errcode = 'invalid_parameter_value';
  end if;
  v_progress := coalesce(progress, jobqueue.begin_operation_1('reschedule', filter, options,
    jsonb_build_object('to', greatest(v_to, now()))));
  v_to := v_progress ->> 'to';
  select m.ids, m.cursor, m.at_end into v_ids, v_cursor, v_at_end from jobqueue.matching_1(filter, v_progress, 500) m;

  update jobqueue.jobs j
  set due_at = v_to
  where j.ctid = any(array(
    select k.ctid from jobqueue.jobs k
    where k.id = any(v_ids) and k.lease_until is null and (filter ? 'ids' or k.due_at < jobqueue.waits_for_children())
      and jobqueue.is_meant_1(filter, k.queue, k.type, k.priority, k.due_at, k.lease_until)
    for update skip locked));
  get diagnostics v_changed = row_count;

  if v_changed < cardinality(v_ids) then
    select count(*) filter (where free), count(*) filter (where not free) into v_locked, v_held
    from jobqueue.live_places_1(v_ids) j
    cross join lateral (select j.lease_until is null and (filter ? 'ids' or j.due_at < jobqueue.waits_for_children()) as free) f
    where j.due_at <> v_to and jobqueue.is_meant_1(filter, j.queue, j.type, j.priority, j.due_at, j.lease_until);
  end if;
  return jobqueue.end_slice_1('reschedule', options, v_progress || jsonb_build_object('cursor', v_cursor,
    'changed', (v_progress ->> 'changed')::int + v_changed,
    'skipped', (v_progress ->> 'skipped')::int + v_held,
    'locked', (v_progress ->> 'locked')::int + v_locked), v_at_end);
end $$;
