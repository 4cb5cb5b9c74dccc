-- rescue_1: takes jobs back whose lease ran out. Part of step_1. Answers the rows that may run again, and the ids of those
-- that may not.
--
-- The attempt counts if the job was reported running, but the last one only if it ran alone, because beside others it may be
-- innocent. At three rescues the function dies of this job: it is not tried again. A suspect is always reported before it
-- runs, so one that was not is innocent of this death.
create or replace function jobqueue.rescue_1(expired tid[], out spared tid[], out crashed bigint[])
language plpgsql volatile
as $$
#variable_conflict use_column
begin
  with rescued as (
    update jobqueue.jobs j
    set rescues = j.rescues + (j.rescues < 2 or j.started_fence = j.fence)::int,
        attempt = j.attempt + (j.started_fence = j.fence and (j.rescues > 1 or j.attempt + 1 < j.max_attempts))::int,
        lease_until = null,
        claim = null,
        errors = coalesce(case when jsonb_array_length(j.errors) >= 100 then j.errors - 0 else j.errors end, '[]')
                 || jsonb_build_object('name', 'CrashedError', 'code', 'crashed', 'at', now(), 'fence', j.fence,
                      'attempt', j.attempt + 1,
                      'counted', j.started_fence = j.fence and (j.rescues > 1 or j.attempt + 1 < j.max_attempts),
                      'message', case when j.started_fence = j.fence
                        then 'the function that ran this job ended without an outcome'
                        else 'the function that held this job ended before it reported the job running' end)
    where j.ctid = any(expired)
    returning j.ctid, j.id, j.rescues >= 3 as convicted
  )
  select coalesce(array_agg(ctid) filter (where not convicted), '{}'), coalesce(array_agg(id) filter (where convicted), '{}')
  into spared, crashed
  from rescued;

  if crashed <> '{}' then
    perform jobqueue.part_ids_1(crashed);
    -- Counted here, because a step that is sent again does not hear of them. A row of its own each time: no drain is known to write it.
    with gone as (
      delete from jobqueue.jobs j where j.id = any(crashed) returning j.*
    ), counted as (
      insert into jobqueue.rollups (minute, type, drain, dead)
      select date_trunc('minute', now()), type, gen_random_uuid(), count(*) from gone group by type
    ), freed as (
      delete from jobqueue.idempotency_keys k using gone g
      where k.type = g.type and k.key = g.idempotency_key and k.job_id = g.id
    )
    insert into jobqueue.job_history (id, status, created_at, due_at, started_at, fence, attempt, max_attempts, priority,
      queue, type, idempotency_key, payload, state, progress, errors, meta)
    select id, 'DEAD_LETTER', created_at, due_at, started_at, fence, attempt, max_attempts, priority, queue, type,
           idempotency_key, payload, state, progress, errors, meta
    from gone;
    perform jobqueue.children_ended_1(crashed);
  end if;
end $$;
