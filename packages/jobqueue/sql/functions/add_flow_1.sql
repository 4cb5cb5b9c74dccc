-- add_flow_1: enqueues a tree of jobs in which each parent waits for its children, all or none, and answers one row each, in the
-- order of the input. If the first one's idempotency key already holds, nothing is inserted, and each row names the holder.
--
-- jobs: as add_jobs takes them, the parent before its children: the first has no parent, each other one names its own as
-- {"parent": n}, counted from 0, and has no idempotency key: the key of the first one is the whole flow's.
-- meta.whenChildFails of a parent: 'run', or null: it waits until the child was replayed and has completed.
create or replace function jobqueue.add_flow_1(jobs jsonb)
returns table (ordinal int, id bigint, duplicate boolean)
language plpgsql volatile
set jit = off
as $$
#variable_conflict use_column
declare
  v_root      bigint;
  v_duplicate boolean;
  v_ids       bigint[];
begin
  if jsonb_typeof(jobs) is distinct from 'array' or jsonb_array_length(jobs) not between 2 and 1000 then
    raise exception 'add_flow_1 expects a JSON array of 2 to 1000 jobs' using errcode = 'invalid_parameter_value';
  end if;
  if exists (select from jsonb_array_elements(jobs) with ordinality as e(job, n)
             where n > 1 and (coalesce((job ->> 'parent')::int not between 0 and n - 2, true) or job ->> 'idempotency_key' is not null)) then
    raise exception 'expected of each job but the first a parent before it, and no idempotency key' using errcode = 'invalid_parameter_value';
  end if;

  select a.id, a.duplicate into v_root, v_duplicate from jobqueue.add_jobs(jsonb_build_array(jobs -> 0)) a;
  if v_duplicate then
    return query select n, v_root, true from generate_series(1, jsonb_array_length(jobs)) n;
    return;
  end if;
  v_ids := v_root || array(select a.id from jobqueue.add_jobs(jobs - 0) a order by a.ordinal);

  -- Left by children that were pruned before their parent, should a sequence give their ids again.
  delete from jobqueue.flows f where f.child_id = any(v_ids);
  insert into jobqueue.flows (child_id, parent_id)
  select v_ids[n], v_ids[(job ->> 'parent')::int + 1]
  from jsonb_array_elements(jobs) with ordinality as e(job, n)
  where n > 1;
  -- Nobody sees these rows before the commit, so nobody can have claimed them.
  update jobqueue.jobs j
  set meta = nullif(coalesce(j.meta, '{}')
                    || case when f.parent_id is null then '{}' else jsonb_build_object('parent', f.parent_id::text) end
                    || case when j.due_at > now() and w.waits then jsonb_build_object('notBefore', j.due_at) else '{}' end, '{}'),
      due_at = case when w.waits then jobqueue.waits_for_children() else j.due_at end
  from unnest(v_ids) as k(job_id)
  left join jobqueue.flows f on f.child_id = k.job_id
  cross join lateral (select exists (select from jobqueue.flows c where c.parent_id = k.job_id) as waits) w
  where j.id = k.job_id;

  return query select n::int, own, false from unnest(v_ids) with ordinality as e(own, n);
end $$;
