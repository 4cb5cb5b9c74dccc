-- schedules_1: whether a drain has something to do for schedules. Part of chores_1; a few index probes when there is nothing.
--
-- request  {hash}: of the definitions in the drain's code; without one the code says nothing about schedules, and fires what is due
-- answer   null, or {sync, due: see due_schedules_1, refused}; sync: these definitions are to be written by sync_schedules_2; refused:
--          names of them that schedules of run time have
create or replace function jobqueue.schedules_1(request jsonb)
returns jsonb
language plpgsql volatile
as $$
declare
  v_sync    boolean := request ? 'hash' and jobqueue.schedules_differ_1(request ->> 'hash');
  v_due     jsonb := jobqueue.due_schedules_1();
  v_refused jsonb := (select to_jsonb(s.refused) from jobqueue.schedule_sets s where s.hash = request ->> 'hash');
begin
  -- Once a minute the set in force is noted as seen; who finds the row locked leaves it to the other.
  update jobqueue.schedule_sets s
  set seen_at = now()
  where s.ctid = (select c.ctid from jobqueue.schedule_sets c
                  where c.hash = request ->> 'hash' and c.seen_at < now() - interval '1 minute'
                  for no key update skip locked);
  if not v_sync and v_due is null and v_refused is null then
    return null;
  end if;
  return jsonb_build_object('sync', v_sync, 'due', coalesce(v_due, '[]'), 'refused', v_refused);
end $$;
