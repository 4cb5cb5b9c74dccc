-- Schedules: what code declares, what operators made of it, and which slots have been fired.

create table jobqueue.schedules (
  name               jobqueue.name primary key,
  definition         jsonb       not null,             -- as lib/jobqueue/schedules.ts writes it; replaced when code changes
  revision           int         not null default 0,   -- raised by every change: who fires sets only what it has read
  -- Slots up to here have been dealt with: fired, skipped, or missed. It only moves forward, under the revision that its slots
  -- were told from, which is what makes each fire once.
  fired_until        timestamptz not null default now(),
  next_slot_at       timestamptz not null default '-infinity',  -- when to look again; -infinity: cron or zone is new, look at once
  former             jsonb,                            -- {cron, timeZone, until}: the line that counts for slots up to `until`
  override_cron      text,                             -- an operator's; they outlive every deploy
  override_time_zone text,
  paused_at          timestamptz,
  pause_reason       text,
  resumed_at         timestamptz,                      -- slots up to here fell into a pause
  removed_at         timestamptz                       -- code does not declare it any more
);

-- What a drain looks at; what is paused or gone is no part of it.
create index schedules_due on jobqueue.schedules (next_slot_at) where paused_at is null and removed_at is null;

create table jobqueue.schedule_slots (
  schedule text collate "C" not null,
  slot     timestamptz not null,
  job_id   bigint,                                     -- null: skipped, for the job of an earlier slot was not finished
  fired_at timestamptz not null default now(),
  constraint one_job_per_slot primary key (schedule, slot)
);

-- The sets of definitions that deployments have come with. The one that took over last is in force.
create table jobqueue.schedule_sets (
  hash         text collate "C" primary key,
  took_over_at timestamptz not null default now(),
  seen_at      timestamptz not null default now()
);
create index schedule_sets_in_force on jobqueue.schedule_sets (took_over_at);
