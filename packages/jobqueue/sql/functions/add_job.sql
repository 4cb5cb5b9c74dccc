-- add_job: enqueues one job from any SQL client, a trigger included:
--   select jobqueue.add_job('lead_import', '{"companyId": "c1", "importId": "i1"}', priority => 5, idempotency_key => 'k');
-- Answers its id and whether an idempotency key already held (then the id is the holder's). Payloads are not checked
-- against the job's schema here: one that does not fit is dead-lettered as payload_invalid when it is claimed.
create or replace function jobqueue.add_job(
  type text,
  payload jsonb default '{}',
  queue text default 'default',
  priority int default 0,
  max_attempts int default 3,
  scheduled_for timestamptz default null,
  delay_ms float8 default null,
  idempotency_key text default null,
  out id bigint,
  out duplicate boolean
)
language sql volatile
as $$
  select a.id, a.duplicate
  from jobqueue.add_jobs(jsonb_build_array(jsonb_build_object(
    'type', type, 'payload', payload, 'queue', queue, 'priority', priority, 'max_attempts', max_attempts,
    'scheduled_for', scheduled_for, 'delay_ms', delay_ms, 'idempotency_key', idempotency_key))) a
$$;
