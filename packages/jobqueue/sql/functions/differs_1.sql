-- differs_1: whether the job that holds an idempotency key has another payload than a duplicate of it: then one key was used for two
-- things. To be asked of what add_job and add_jobs answer:
--   select a.*, a.duplicate and jobqueue.differs_1(a.id, '{"n": 1}') as differs
--   from jobqueue.add_job('work', '{"n": 1}', idempotency_key => 'k') a;
-- Compared as jsonb: neither the order of keys nor 1.0 for 1 makes a difference. A holder that is neither live nor in the history
-- differs from nothing.
--
-- Why this shape: a second look at duplicates alone costs an enqueue without them nothing. As a column of add_jobs it made a single
-- addJob half as dear again. volatile, so that it sees a holder that was committed while add_jobs waited for its key.
create or replace function jobqueue.differs_1(holder bigint, payload jsonb)
returns boolean
language plpgsql volatile
set jit = off
as $$
begin
  return exists (
    select from (select j.payload from jobqueue.jobs j where j.id = holder
                 union all
                 select h.payload from jobqueue.job_history h where h.id = holder
                 union all
                 select b.payloads[p.place] from jobqueue.place_of_1(holder) p join jobqueue.batches b on b.id = p.batch) held
    where held.payload <> coalesce(differs_1.payload, 'null'));
end $$;
