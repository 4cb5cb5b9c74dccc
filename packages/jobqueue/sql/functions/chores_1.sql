-- chores_1: what a drain does beside its jobs, as part of its first step and of one every half minute, so that an empty tick
-- stays one statement. Part of step_1 and step_2.
--
-- chores   {name: what that chore needs to know}
-- answer   {name: what the drain must act on, failed: {name: why}}, null if there is nothing
--
-- A chore that fails is told of and undone, and fails nothing else: jobs must not wait for somebody to mend the pruning.
create or replace function jobqueue.chores_1(chores jsonb)
returns jsonb
language plpgsql volatile
as $$
declare
  v_name   text;
  v_failed jsonb := '{}';
  v_answer jsonb := '{}';
begin
  for v_name in select jsonb_object_keys(chores) loop
    begin
      v_answer := v_answer || jsonb_build_object(v_name, case v_name
        when 'schedules' then jobqueue.schedules_1(chores -> 'schedules')
        when 'watch' then jobqueue.watch_1(chores -> 'watch')
        when 'replays' then jobqueue.replays_due_1(chores -> 'replays')
        when 'upkeep' then jobqueue.upkeep_1(chores -> 'upkeep')
      end);
    exception when others then
      v_failed := v_failed || jsonb_build_object(v_name, sqlstate || ': ' || sqlerrm);
    end;
  end loop;
  return nullif(jsonb_strip_nulls(v_answer || jsonb_build_object('failed', nullif(v_failed, '{}'))), '{}');
end $$;
