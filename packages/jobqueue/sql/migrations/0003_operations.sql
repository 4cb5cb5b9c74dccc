-- What the functions for operators stand on: a job's meta data, and counts per minute.

-- What goes with a job and is not its payload: {schedule, slot} of a scheduled job, {traceparent} of the one who enqueued it.
alter table jobqueue.jobs add column meta jsonb;
alter table jobqueue.job_history add column meta jsonb;

-- Counts per minute and type. A drain writes only its own rows, for a row that all of them share would make them wait for each
-- other (212 against 1,626 transactions/s); who reads sums over drains, and pruning folds old rows into one.
create table jobqueue.rollups (
  minute    timestamptz not null,
  type      text collate "C" not null,
  drain     uuid not null,
  completed int not null default 0,
  failed    int not null default 0,                    -- attempts that failed and are tried again
  dead      int not null default 0,
  cancelled int not null default 0,
  wait_ms   bigint not null default 0,                 -- sums over what the histograms count
  run_ms    bigint not null default 0,
  waits     int[] not null default '{}',               -- from due to started; two bins for each doubling: see lib/jobqueue/histogram.ts
  runs      int[] not null default '{}',               -- from started to ended
  constraint one_rollup_per_minute_type_and_drain primary key (minute, type, drain)
) with (fillfactor = 50);
