-- Claimed jobs leave the live table for a row that holds all of one claim and lane, and that is their history too: what completes stays
-- where it is. These three tables are only inserted into and pruned; what changes while jobs run is in `leases`, a row for each batch that
-- has open jobs. The functions of the release before go on with the live table and with job_history; readers look at both.

create sequence jobqueue.batches_id_seq;

create table jobqueue.batches (
  id           bigint      primary key default nextval('jobqueue.batches_id_seq'),
  claimed_at   timestamptz not null default now(),
  drain        uuid        not null,
  priority     smallint    not null,
  queue        text collate "C" not null,
  type         text collate "C" not null,
  ids          bigint[]    not null,
  due_at       timestamptz[] not null,
  payloads     jsonb[]     not null,
  created_at   timestamptz[],                          -- null: as due_at
  fences       int[],                                  -- null: 1 each
  attempts     smallint[],                             -- null: 0 each
  max_attempts smallint[],                             -- null: 3 each
  keys         text[],                                 -- null: none
  errors       jsonb[],                                -- null: none
  rest         jsonb[]                                 -- null: nothing else; else of each job null or [rescues, interruptions, state, meta, passes, progress, started_at]
);
alter sequence jobqueue.batches_id_seq owned by jobqueue.batches.id;
-- A server that was built without lz4 has pglz alone, which takes some times as long.
do $$ begin
  alter table jobqueue.batches alter ids set compression lz4, alter due_at set compression lz4, alter payloads set compression lz4,
    alter created_at set compression lz4;
exception when feature_not_supported then null;
end $$;

-- Which batches have jobs of a block of 1,024 ids: a look-up by id reads those.
create table jobqueue.blocks (
  block bigint not null,
  batch bigint not null,
  constraint one_row_per_block_and_batch primary key (block, batch)
);

-- A bit for each job of the batch, in its order.
create table jobqueue.settlements (
  batch   bigint      not null,
  n       int         not null,                        -- from 1
  at      timestamptz not null default now(),
  done    varbit,                                      -- completed; the lists below have an entry for each, in this order
  ran     int[],                                       -- ms
  ended   int[],                                       -- ms before `at`
  results jsonb,                                       -- null: none has any
  gone    varbit,                                      -- retried, given back, continued, dead letters, cancelled: by the drain
  taken   varbit,                                      -- by others: leases that ran out, operators
  constraint one_row_per_batch_and_settlement primary key (batch, n)
);

create table jobqueue.leases (
  batch       bigint      primary key,
  claim       bigint      not null,                    -- the step that holds it: a repeated step gets the same jobs back
  lease_until timestamptz not null,
  settled     int         not null default 0,              -- settlements so far
  open        varbit      not null                     -- jobs without an outcome
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
);
create index leases_end on jobqueue.leases (lease_until);

-- What is known of a run beyond its claim: written only for jobs with news.
create table jobqueue.notes (
  batch      bigint      not null,
  position   int         not null,                     -- in the batch, from 1
  started_at timestamptz not null,
  progress   jsonb,
  state      jsonb,                                    -- a checkpoint: attempts and interruptions count anew from it
  constraint one_note_per_job primary key (batch, position)
);

alter table jobqueue.jobs set (fillfactor = 100);
