-- Schedules that are made at run time live in one table with those of the code, so that a name belongs to one of them.

alter table jobqueue.schedules
  add column kind text collate "C" not null default 'code' constraint kind_is_code_or_runtime check (kind in ('code', 'runtime')),
  add column problem text;                             -- why it cannot fire: what is due is looked at again after a while

-- Lists go by these, page by page: 10,000 schedules of run time are usual.
create index schedules_by_kind on jobqueue.schedules (kind, name);
create index schedules_by_type on jobqueue.schedules ((definition #>> '{job,type}'), kind, name);

-- Names of this set that were not stored, because schedules of run time have them.
alter table jobqueue.schedule_sets add column refused text[];
