-- children_ended_1: some of these jobs may be children that have ended: notes it, and lets go the parents that wait for nothing
-- else. Part of whatever moves jobs to history. Repeating it changes nothing.
--
-- A parent's row is locked before its children are looked at, in order of id: of two children that end at once the second waits
-- for the first one's commit, and sees it.
create or replace function jobqueue.children_ended_1(children bigint[])
returns void
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_parents bigint[] := array(select distinct f.parent_id from jobqueue.flows f where f.child_id = any(children) and not f.done order by 1);
begin
  if v_parents = '{}' then
    return;
  end if;
  perform from jobqueue.jobs j where j.id = any(v_parents) order by j.id for no key update;
  update jobqueue.flows f
  set done = true
  from jobqueue.ended_1(children) h
  where f.child_id = any(children) and not f.done and h.id = f.child_id
    and (h.status = 'COMPLETED' or exists (
          select from jobqueue.jobs p where p.id = f.parent_id and p.meta ->> 'whenChildFails' = 'run'));
  perform jobqueue.free_parents_1(v_parents);
end $$;

-- Makes those of these parents due that wait for no child any more. Their rows are locked by the caller.
create or replace function jobqueue.free_parents_1(parents bigint[])
returns void
language plpgsql volatile
as $$
begin
  update jobqueue.jobs j
  set due_at = greatest(now(), (j.meta ->> 'notBefore')::timestamptz)
  where j.id = any(parents) and j.due_at = jobqueue.waits_for_children()
    and not exists (select from jobqueue.flows f where f.parent_id = j.id and not f.done);
end $$;
