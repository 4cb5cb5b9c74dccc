-- measure_1: how long the types' runs take (run_times_1), where that is due. Part of upkeep_1, and of the first step of a drain by
-- itself: admission goes by it before anything is claimed.
create or replace function jobqueue.measure_1()
returns jsonb
language plpgsql volatile
as $$
begin
  if exists (select from jobqueue.upkeep u where u.task = 'run_times' and u.due_at <= now()) then
    perform jobqueue.run_times_1();
  end if;
  return null;
end $$;
