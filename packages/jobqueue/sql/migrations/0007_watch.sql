-- What the queue knows of its own health over time: incidents, when it last looked, and the past to compare the present with.

-- One row from the moment a check turns red until it is green again.
create table jobqueue.incidents (
  id                   bigint generated always as identity primary key,
  check_name           text        not null,
  subject              text        not null default '',    -- such as the type; '' where a check has none
  opened_at            timestamptz not null default now(),
  last_red_at          timestamptz not null default now(),
  green_looks          smallint    not null default 0,     -- looks in a row that found it well again
  closed_at            timestamptz,
  notified_at          timestamptz,
  recovery_notified_at timestamptz,
  notice               uuid,                               -- who sends a notice of it now,
  notice_until         timestamptz,                        -- and until when nobody else may
  notice_tries         smallint    not null default 0,
  detail               jsonb       not null default '{}'
) with (fillfactor = 70);

create unique index one_open_incident_per_subject on jobqueue.incidents (check_name, subject) where closed_at is null;
create index incidents_of_subject on jobqueue.incidents (check_name, subject, id);
create index incidents_to_tell on jobqueue.incidents (id)
  where notified_at is null or closed_at is not null and recovery_notified_at is null;

-- One row: the look at the queue's health that all drains share.
create table jobqueue.watch (
  only_one     boolean     primary key default true,
  since        timestamptz not null default now(),
  looked_at    timestamptz not null default '-infinity',
  reds         jsonb       not null default '{}',          -- {"check subject": looks in a row that found it red}, before it is an incident
  folded_until timestamptz not null default date_trunc('minute', now()),  -- rollups before it stand in trends
  constraint there_is_one_row check (only_one)
);
insert into jobqueue.watch default values;

-- Rollups by the hour, summed once and in passing: a day of minutes of many drains would be too much to sum at every look.
create table jobqueue.trends (
  hour      timestamptz not null,
  type      text collate "C" not null,
  completed int   not null default 0,
  failed    int   not null default 0,
  dead      int   not null default 0,
  runs      int[] not null default '{}',
  constraint one_trend_per_hour_and_type primary key (hour, type)
) with (fillfactor = 70);

-- The last tick among many kicks, and the newest dead letters: both are looked for once a minute, whatever the history.
create index drains_ticks on jobqueue.drains (started_at) where source not in ('kick', 'operator');
create index job_history_died on jobqueue.job_history (finished_at) where status = 'DEAD_LETTER';
