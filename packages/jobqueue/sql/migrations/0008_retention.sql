-- What rollups, the ledger and retention need.

-- The step that wrote a row: of two steps of one drain that overtake each other, or of one sent twice, the later one's counts stand.
alter table jobqueue.rollups add column version int not null default 0;

alter table jobqueue.drains
  add column scheduled_at  timestamptz,                -- when the platform says that this tick was due, if it says so
  add column execution_id  text,                       -- the platform's own id of the invocation, to find its logs
  add column cold_start    boolean not null default false,
  add column round_trips   int     not null default 0,
  add column database_ms   float8  not null default 0, -- in step_1
  add column round_trip_ms float8  not null default 0; -- database_ms, and the way there and back; without the last step's

-- For the gap to the previous tick of the same source. An entry per drain, not per job; its columns never change.
create index drains_source on jobqueue.drains (source, started_at);

-- What runs of a type took of late, the lower limit of the bin of the 95th percentile. Made from rollups once a minute.
create table jobqueue.run_times (
  type        text collate "C" primary key,
  p95_ms      int         not null,
  measured_at timestamptz not null default now()
);

-- What is done now and then by whichever drain finds it due, and how far it has come. The row's lock keeps the others off.
create table jobqueue.upkeep (
  task   text primary key,
  due_at timestamptz not null default now() + interval '10 minutes',  -- a new queue has nothing to prune
  place  text        not null
);
insert into jobqueue.upkeep (task, place)
values ('history', '0'), ('ledger', ''), ('rollup_hours', '-infinity'), ('rollup_minutes', '-infinity'), ('rollups', ''), ('run_times', '');

-- Pruning takes from one end of the key's index, where dead entries must not pile up.
alter table jobqueue.job_history set (autovacuum_vacuum_scale_factor = 0.05);
