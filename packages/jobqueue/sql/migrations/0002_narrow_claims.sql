-- Claims got cheaper: a live row's columns that a claim compares or reads come first, before any that may be null, for
-- Postgres finds a column behind a null only by walking the row (0.7 of 13 us a job), and pages keep enough room that every
-- claimed version fits on its own (at 50 % one in sixteen did not, and cost four index entries).
--
-- Postgres cannot move columns, so both tables are made anew and filled; they are locked meanwhile. Sequence, indexes and
-- ids stay what they were.
lock table jobqueue.jobs, jobqueue.job_history in access exclusive mode;

create table jobqueue.jobs_new (
  id              bigint   not null,
  due_at          timestamptz not null default now(),  -- never changed by a claim, so that claims stay HOT updates
  created_at      timestamptz not null default now(),
  fence           int      not null default 0,         -- +1 at every claim, never lowered, kept through replay
  started_fence   int      not null default 0,         -- = fence once the drain reported that it runs
  settled_fence   int      not null default 0,         -- = fence once an outcome under it was recorded
  payload_bytes   jobqueue.payload_bytes not null,
  state_bytes     int      not null default 0,
  attempt         smallint not null default 0,         -- attempts that ended
  max_attempts    jobqueue.max_attempts not null default 3,
  priority        jobqueue.priority not null default 0,
  rescues         smallint not null default 0,         -- leases that ran out since the last checkpoint
  interruptions   smallint not null default 0,         -- runs that a deadline cut since the last checkpoint
  passes          smallint not null default 0,         -- drains that had no time left for it
  queue           jobqueue.name not null default 'default',
  type            jobqueue.name not null,
  payload         jsonb    not null,
  claim           bigint,                              -- the step that holds it: a repeated step gets the same jobs back
  lease_until     timestamptz,                         -- not null = a drain holds the job; in no index and no predicate
  started_at      timestamptz,                         -- when its latest run began, once a drain reported it
  idempotency_key jobqueue.idempotency_key,
  state           jsonb,
  progress        jsonb,
  errors          jsonb
) with (
  fillfactor = 45,                                     -- room for the claimed version on the same page
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0
);

create table jobqueue.job_history_new (
  id              bigint      not null,
  created_at      timestamptz not null,
  due_at          timestamptz not null,
  finished_at     timestamptz not null default now(),
  fence           int         not null,
  status          jobqueue.terminal_status not null,
  attempt         smallint    not null,
  max_attempts    smallint    not null,
  priority        smallint    not null,
  queue           text collate "C" not null,
  type            text collate "C" not null,
  payload         jsonb       not null,
  started_at      timestamptz,
  idempotency_key text collate "C",
  state           jsonb,
  progress        jsonb,
  result          jsonb,
  errors          jsonb
);

insert into jobqueue.jobs_new (id, due_at, created_at, fence, started_fence, settled_fence, payload_bytes, state_bytes, attempt,
  max_attempts, priority, rescues, interruptions, passes, queue, type, payload, claim, lease_until, started_at, idempotency_key,
  state, progress, errors)
select id, due_at, created_at, fence, started_fence, settled_fence, payload_bytes, state_bytes, attempt, max_attempts, priority,
       rescues, interruptions, passes, queue, type, payload, claim, lease_until, started_at, idempotency_key, state, progress, errors
from jobqueue.jobs
order by id;

insert into jobqueue.job_history_new (id, created_at, due_at, finished_at, fence, status, attempt, max_attempts, priority, queue,
  type, payload, started_at, idempotency_key, state, progress, result, errors)
select id, created_at, due_at, finished_at, fence, status, attempt, max_attempts, priority, queue, type, payload, started_at,
       idempotency_key, state, progress, result, errors
from jobqueue.job_history
order by id;

-- The view of the replaced system's name, if it is ours, stands on both tables: down with the old ones, up on the new.
do $$
declare
  v_next bigint := nextval('jobqueue.jobs_id_seq');
  v_ours boolean := exists (
    select from pg_depend d join pg_rewrite r on r.oid = d.objid
    where d.classid = 'pg_rewrite'::regclass and d.refobjid = 'jobqueue.jobs'::regclass
      and r.ev_class = to_regclass('public."JobQueue"'));
begin
  if v_ours then
    drop view public."JobQueue";
  end if;
  drop table jobqueue.jobs, jobqueue.job_history;
  alter table jobqueue.jobs_new rename to jobs;
  alter table jobqueue.job_history_new rename to job_history;
  alter table jobqueue.jobs alter id add generated by default as identity (sequence name jobqueue.jobs_id_seq);
  perform setval('jobqueue.jobs_id_seq', v_next, false);  -- nobody got it: the next job does
  alter table jobqueue.jobs add primary key (id);
  alter table jobqueue.job_history add primary key (id);
  if v_ours then
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

-- The one claim index. A lane is its (queue, type, priority) prefix.
create index jobs_lane on jobqueue.jobs (queue, type, priority, due_at, id);

-- Two small side doors, each nearly always empty: jobs that outlived a lease, and jobs that drains had no time for.
-- Their predicates name columns that an ordinary claim does not write.
create index jobs_rescued on jobqueue.jobs (due_at) where rescues > 0;
create index jobs_passed_over on jobqueue.jobs (due_at) where passes > 2;

-- Finished rows never change, so this predicate is not volatile; completed jobs, the many, do not enter it.
create index job_history_dead on jobqueue.job_history (type, id) where status = 'DEAD_LETTER';
