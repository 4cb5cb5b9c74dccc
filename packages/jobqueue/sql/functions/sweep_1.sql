-- sweep_1: the next slice of what rows that were deleted by hand have left behind. Part of prune_1, at most once a day, and the whole
-- of each table once around: nothing but deletes by hand needs it.
--
-- * keys: those whose window has passed, or whose job does not exist. In the order of their pages, a hundred a slice, because no index
--   knows when they end: one would cost each keyed job an entry.
-- * flows: those whose parent does not exist go; a child that does not exist counts as failed, so a parent that runs whatever becomes
--   of its children runs. Any other parent waits for an operator who reschedules it.
--
-- Within a step this waits for nobody: what others hold is left to the next time around.
create or replace function jobqueue.sweep_1(again boolean, out swept boolean, out more boolean, out keys int)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  c_pages   constant int := 100;
  c_flows   constant int := 1000;
  v_task    record;
  v_place   bigint;
  v_pages   bigint;
  v_ids     bigint[];
  v_gone    bigint[];
  v_parents bigint[];
begin
  swept := false;
  more := false;
  keys := 0;
  for v_task in
    select s.task, case when again then 0 else s.place end as place from jobqueue.sweeps s
    where s.due_at <= now() or again
    order by s.task
    for update skip locked
  loop
    swept := true;
    case v_task.task
      when 'keys' then
        v_pages := pg_relation_size('jobqueue.idempotency_keys') / current_setting('block_size')::int;
        v_place := v_task.place + c_pages;
        v_ids := array(
          select k.job_id from jobqueue.idempotency_keys k
          where k.ctid >= format('(%s,0)', v_task.place)::tid and k.ctid < format('(%s,0)', v_place)::tid and k.expires_at is null);
        v_gone := array(
          select i from unnest(v_ids) as u(i)
          except (select j.id from jobqueue.jobs j where j.id = any(v_ids) union all select h.id from jobqueue.job_history h where h.id = any(v_ids)
                  union all select p.id from jobqueue.places_of_1(v_ids) p));
        delete from jobqueue.idempotency_keys k
        where k.ctid = any(array(
          select e.ctid from jobqueue.idempotency_keys e
          where e.ctid >= format('(%s,0)', v_task.place)::tid and e.ctid < format('(%s,0)', v_place)::tid
            and (e.expires_at < now() or e.expires_at is null and e.job_id = any(v_gone))
          for update skip locked));
        get diagnostics keys = row_count;
        v_place := case when v_place < v_pages then v_place end;
      when 'flows' then
        select array_agg(f.child_id) || array_agg(f.parent_id), case when count(*) = c_flows then max(f.child_id) end
        into v_ids, v_place
        from (select child_id, parent_id from jobqueue.flows where child_id > v_task.place order by child_id limit c_flows) f;
        v_gone := array(
          select i from unnest(v_ids) as u(i)
          except (select j.id from jobqueue.jobs j where j.id = any(v_ids) union all select h.id from jobqueue.job_history h where h.id = any(v_ids)
                  union all select p.id from jobqueue.places_of_1(v_ids) p));
        if v_gone <> '{}' then
          delete from jobqueue.flows f
          where f.ctid = any(array(select o.ctid from jobqueue.flows o where o.parent_id = any(v_gone) limit c_flows for update skip locked));
          v_parents := array(
            select j.id from jobqueue.jobs j
            where j.id = any(array(select f.parent_id from jobqueue.flows f where f.child_id = any(v_gone) and not f.done))
              and j.meta ->> 'whenChildFails' = 'run'
            order by j.id
            for no key update skip locked);
          update jobqueue.flows f set done = true where f.child_id = any(v_gone) and f.parent_id = any(v_parents) and not f.done;
          perform jobqueue.free_parents_1(v_parents);
        end if;
    end case;
    more := more or v_place is not null;
    update jobqueue.sweeps s
    set place = coalesce(v_place, 0), due_at = case when v_place is null then now() + interval '1 day' else '-infinity' end
    where s.task = v_task.task;
  end loop;
end $$;
