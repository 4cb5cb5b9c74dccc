-- free_key_1: an operator frees an idempotency key, whichever job holds it. That job goes on without it.
--
-- options  {actor, reason?}
-- answer   {freed, holder}: the id of the job that held it, null if nobody did
create or replace function jobqueue.free_key_1(type text, key text, options jsonb)
returns jsonb
language plpgsql volatile
as $$
#variable_conflict use_variable
declare
  v_holder bigint;
begin
  if coalesce(options ->> 'actor', '') = '' then
    raise exception 'expected who does this as {"actor": …} in the options' using errcode = 'invalid_parameter_value';
  end if;
  delete from jobqueue.idempotency_keys k where k.type = free_key_1.type and k.key = free_key_1.key returning k.job_id into v_holder;
  if v_holder is not null then
    insert into jobqueue.audit_log (actor, action, details)
    values (options ->> 'actor', 'key.freed', (options - 'actor') || jsonb_build_object('type', type, 'key', key, 'jobId', v_holder::text));
  end if;
  return jsonb_build_object('freed', v_holder is not null, 'holder', v_holder::text);
end $$;

-- True if a key may be taken although it has a row: its window has passed or, while it has none, the job that holds it is neither live
-- nor in history because somebody deleted it by hand. A key with a window holds until its end, whatever became of its job's history.
-- Asked only of keys that exist: an enqueue that is no duplicate pays nothing.
create or replace function jobqueue.is_free_key_1(expires_at timestamptz, holder bigint)
returns boolean
language plpgsql stable
as $$
begin
  return coalesce(expires_at < now(), not exists (select from jobqueue.jobs j where j.id = holder)
                                      and not exists (select from jobqueue.job_history h where h.id = holder)
                                      and (jobqueue.place_of_1(holder)).batch is null);
end $$;
