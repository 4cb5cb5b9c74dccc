-- upkeep_1: what is due now and then, done by whichever drain finds it due. Part of step_1 and step_2, as a chore. Answers what prune_1
-- answers while there is more to prune, else null: so the first step of an empty tick stays its only one. Nearly always this is
-- a look at eight rows: 0.05 ms.
create or replace function jobqueue.upkeep_1(request jsonb)
returns jsonb
language plpgsql volatile
as $$
declare
  v_measure boolean;
  v_prune   boolean;
  v_answer  jsonb;
begin
  select bool_or(u.task = 'run_times'), bool_or(u.task <> 'run_times') or exists (select from jobqueue.sweeps s where s.due_at <= now())
  into v_measure, v_prune
  from jobqueue.upkeep u where u.due_at <= now();
  if v_measure then
    perform jobqueue.run_times_1();
  end if;
  if v_prune then
    v_answer := jobqueue.prune_1(request);
  end if;
  return case when (v_answer ->> 'more')::boolean then v_answer end;
end $$;
