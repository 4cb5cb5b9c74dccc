-- Who takes care of an incident, and which checks alert nobody for a while.
alter table jobqueue.incidents
  add column acknowledged_at timestamptz,
  add column acknowledged_by text,
  add column closed_muted    boolean not null default false;  -- it ended while its check was muted: nobody is told

create table jobqueue.mutes (
  check_name text        not null,
  subject    text        not null,                            -- '*' stands for all
  until      timestamptz not null,
  actor      text        not null,
  reason     text        not null,
  muted_at   timestamptz not null default now(),
  constraint one_mute_per_check_and_subject primary key (check_name, subject)
);

drop index jobqueue.incidents_to_tell;
create index incidents_to_tell on jobqueue.incidents (id)
  where (notified_at is null or closed_at is not null and recovery_notified_at is null) and not closed_muted;
