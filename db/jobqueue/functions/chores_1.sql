-- chores_1: what a drain does beside its jobs, as part of its first step and of one every half minute, so that an empty tick
-- stays one statement. Part of step_1.
--
-- chores   {name: what that chore needs to know}
-- answer   {name: what the drain must act on}, null if there is nothing
create or replace function jobqueue.chores_1(chores jsonb)
returns jsonb
language plpgsql volatile
as $$
declare
  v_answer jsonb := '{}';
begin
  if chores ? 'schedules' then
    v_answer := v_answer || jsonb_build_object('schedules', jobqueue.schedules_1(chores -> 'schedules'));
  end if;
  if chores ? 'watch' then
    v_answer := v_answer || jsonb_build_object('watch', jobqueue.watch_1(chores -> 'watch'));
  end if;
  if chores ? 'replays' then
    v_answer := v_answer || jsonb_build_object('replays', jobqueue.replays_due_1(chores -> 'replays'));
  end if;
  if chores ? 'upkeep' then
    v_answer := v_answer || jsonb_build_object('upkeep', jobqueue.upkeep_1(chores -> 'upkeep'));
  end if;
  return nullif(jsonb_strip_nulls(v_answer), '{}');
end $$;
