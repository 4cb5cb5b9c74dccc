-- What operators need in an incident: ramps of replayed dead letters, and an audit log that nobody can rewrite.

-- A replay that is spread over time. One drain at a time moves its next portion, under the lock of its row.
create table jobqueue.replays (
  id             bigint generated always as identity primary key,
  filter         jsonb       not null,                 -- as jobqueue.dead_1 reads it
  per_minute     int         not null,
  max_jobs       int,
  stop_when      jsonb,                                -- {failed: n} or {failureRatio: 0..1, of: n}
  state          text        not null default 'running',
  actor          text        not null,
  started_at     timestamptz not null default now(),
  looked_at      timestamptz not null default '-infinity',
  last_moved_at  timestamptz not null default now(),
  ended_at       timestamptz,
  end_reason     text,
  budget_from    timestamptz not null default now(),   -- the time up to here is spent
  progress       jsonb       not null default '{}',    -- how far into the dead letters it is, and those that it refused
  all_moved      boolean     not null default false,
  replayed       int         not null default 0,
  refused        int         not null default 0,
  failed         int         not null default 0,
  completed      int         not null default 0,
  cancelled      int         not null default 0,
  undecided      int         not null default 0,
  judged_job     bigint      not null default 0,       -- its undecided jobs are looked at in turn
  constraint per_minute_is_1_to_10000 check (per_minute between 1 and 10000),
  constraint state_of_a_replay check (state in ('running', 'stopped', 'finished'))
);

create index replays_running on jobqueue.replays (looked_at) where state = 'running';

-- The jobs of a ramp that have not come to an outcome yet; at most 10,000 a ramp. `fence`: any later one is a run since.
create table jobqueue.replayed_jobs (
  replay bigint not null,
  job_id bigint not null,
  fence  int    not null,
  constraint one_row_per_replay_and_job primary key (replay, job_id)
);

-- As job_history_dead: cancelled jobs can be replayed too, and completed ones, the many, do not enter it.
create index job_history_cancelled on jobqueue.job_history (type, id) where status = 'CANCELLED';

-- Append-only: what was done stays on record. Nothing prunes it; a line per operation is little.
create function jobqueue.refuse_to_rewrite() returns trigger
language plpgsql
as $$
begin
  raise exception 'the audit log is append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end $$;

create trigger audit_log_is_append_only
before update or delete or truncate on jobqueue.audit_log
for each statement execute function jobqueue.refuse_to_rewrite();
