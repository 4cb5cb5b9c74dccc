-- Dashboards of the system that the queue replaced read this view. The queue's own migrations made it in public until 0.8.0 and make
-- nothing there any more, so it is the app's: a database that has it keeps it, a new one gets it here.
do $$
begin
  if to_regclass('public."JobQueue"') is null then
    create view public."JobQueue" as
    select id::text as id, type, case when lease_until is null then 'PENDING' else 'PROCESSING' end as status,
           priority::int as priority,
           (attempt + (lease_until is not null and started_fence = fence)::int)::int as attempts,
           max_attempts::int as maxattempts, errors -> -1 ->> 'message' as lasterror,
           idempotency_key as idempotencykey, due_at as scheduledfor, started_at as startedat,
           null::timestamptz as completedat, created_at as createdat
    from jobqueue.jobs
    union all
    select id::text, type, status::text, priority::int, attempt::int, max_attempts::int, errors -> -1 ->> 'message',
           idempotency_key, due_at, started_at, finished_at, created_at
    from jobqueue.job_history;
  end if;
end $$;
