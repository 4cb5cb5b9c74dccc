-- What rows that were deleted by hand leave behind is looked for now and then: see sweep_1. Beside upkeep, whose tasks are known to
-- the code of the release before.
create table jobqueue.sweeps (
  task   text primary key,
  due_at timestamptz not null default now() + interval '10 minutes',
  place  bigint not null default 0
);
insert into jobqueue.sweeps (task) values ('keys'), ('flows');
