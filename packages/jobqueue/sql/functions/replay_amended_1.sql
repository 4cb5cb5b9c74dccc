-- replay_amended_1: replays one dead letter with another payload, both or neither. The audit log says that it was amended and by whom,
-- not with what: payloads are customers' data, and that log is for ever.
--
-- options  {actor}
-- answer   as replay_1 says: changed is 1, or 0 with the holder of its key in refusals
create or replace function jobqueue.replay_amended_1(job bigint, payload jsonb, options jsonb)
returns jsonb
language plpgsql volatile
set jit = off
set timezone = 'UTC'
as $$
#variable_conflict use_variable
declare
  v_answer jsonb;
begin
  job := (jobqueue.part_ids_1(array[job]))[1];  -- a live job may have its id, and must keep its own payload
  v_answer := jobqueue.replay_1(jsonb_build_object('ids', jsonb_build_array(job::text), 'statuses', '["DEAD_LETTER", "CANCELLED"]'::jsonb), options);
  if v_answer ->> 'changed' = '1' then
    -- Nobody can have claimed it: its row came to be in this statement.
    update jobqueue.jobs j
    set payload = replay_amended_1.payload, payload_bytes = octet_length(replay_amended_1.payload::text)
    where j.id = job;
    insert into jobqueue.audit_log (actor, action, details)
    values (options ->> 'actor', 'replay.amended', jsonb_build_object('jobId', job::text, 'operation', v_answer ->> 'operation'));
  end if;
  return v_answer;
end $$;
