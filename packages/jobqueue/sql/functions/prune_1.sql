-- prune_1: the next bounded slice of what retention has to do: old jobs, keys, ledger rows and rollups go, and rollups are folded.
-- Part of upkeep_1, and a statement of its own while there is more.
--
-- request   {COMPLETED, DEAD_LETTER, CANCELLED: ms, types: {type: {status: ms}}, shortestMs, ledger: ms, rollups: ms,
--            waits?: true: for whoever is at it, so that null means that nothing is due;
--            again?: true: from the start, whether due or not}
-- answer    null if nothing is due, or another is at it; else {more, completed, deadLettered, cancelled, keys, drains, rollups}
--
-- One at a time: a task belongs to whoever holds the lock of its row. Within a step it waits for nobody, whatever that step
-- holds: tasks that others are at are theirs, and rows that others hold are left to the next round.
create or replace function jobqueue.prune_1(request jsonb)
returns jsonb
language plpgsql volatile
set jit = off
set plan_cache_mode = force_generic_plan
set timezone = 'UTC'
set datestyle = 'ISO'  -- a place is text that another session reads
as $$
#variable_conflict use_column
declare
  v_answer  jsonb := '{"completed": 0, "deadLettered": 0, "cancelled": 0, "keys": 0, "drains": 0, "rollups": 0}';
  v_again   boolean := coalesce((request ->> 'again')::boolean, false);
  v_more    boolean := false;
  v_any     boolean := false;
  v_task    record;
  v_sweep   record;
  v_place   text;
  v_claimed timestamptz;
  v_batches jsonb;
  v_until   timestamptz;
  v_pruned  jsonb;
  v_count   int;
begin
  perform jobqueue.check_session_1();
  if (request ->> 'waits')::boolean then
    perform from jobqueue.upkeep u where u.task <> 'run_times' order by u.task for update;
    perform from jobqueue.sweeps s order by s.task for update;
  end if;
  for v_task in
    select u.task, u.place, u.claimed_at from jobqueue.upkeep u
    where u.task <> 'run_times' and (u.due_at <= now() or v_again)
    order by u.task
    for update skip locked
  loop
    v_any := true;
    v_place := null;
    v_claimed := null;
    v_pruned := '{}';
    case v_task.task
      when 'history' then
        -- First what is a row of its own, then batches.
        v_claimed := case when not v_again then v_task.claimed_at end;
        if v_claimed is null then
          select h.reached::text, h.pruned into v_place, v_pruned
          from jobqueue.prune_history_1(request, case when v_again then 0 else v_task.place::bigint end) h;
          v_claimed := case when v_place is null then '-infinity' end;
        end if;
        if v_claimed is not null then
          select b.reached, b.pruned into v_claimed, v_batches from jobqueue.prune_batches_1(request, v_claimed) b;
          v_pruned := v_pruned || jsonb_build_object('completed', coalesce((v_pruned ->> 'completed')::int, 0) + (v_batches ->> 'completed')::int,
                                                     'keys', coalesce((v_pruned ->> 'keys')::int, 0) + (v_batches ->> 'keys')::int);
        end if;
      when 'rollup_minutes', 'rollup_hours' then
        -- A drain lives for a day at most, and writes no row older than that: what is folded stays folded.
        v_until := case v_task.task when 'rollup_minutes' then date_bin('1 minute', now() - interval '25 hours', timestamptz 'epoch')
                                    else date_bin('1 hour', now() - interval '7 days', timestamptz 'epoch') end;
        select f.reached::text, f.folded into v_place, v_count
        from jobqueue.fold_rollups_1(v_task.place::timestamptz, v_until,
                                     case v_task.task when 'rollup_minutes' then interval '1 minute' else interval '1 hour' end) f;
        v_pruned := jsonb_build_object('rollups', v_count);
      when 'rollups' then
        delete from jobqueue.rollups r
        where r.ctid = any(array(
          select o.ctid from jobqueue.rollups o
          where o.minute < now() - (request ->> 'rollups')::float8 * interval '1 ms'
          order by o.minute limit 1000
          for update skip locked));
        get diagnostics v_count = row_count;
        v_pruned := jsonb_build_object('rollups', v_count);
        v_place := case when v_count = 1000 then '' end;
      when 'ledger' then
        delete from jobqueue.drains d
        where d.ctid = any(array(
          select o.ctid from jobqueue.drains o
          where o.started_at < now() - (request ->> 'ledger')::float8 * interval '1 ms' and o.deadline_at < now()
          order by o.started_at limit 1000
          for update skip locked));
        get diagnostics v_count = row_count;
        v_pruned := jsonb_build_object('drains', v_count);
        v_place := case when v_count = 1000 then '' end;
    end case;

    v_answer := v_answer || (select coalesce(jsonb_object_agg(key, (v_answer ->> key)::int + value::int), '{}') from jsonb_each_text(v_pruned));
    v_more := v_more or v_place is not null or v_claimed is not null;
    update jobqueue.upkeep u
    set place = coalesce(v_place, case v_task.task when 'history' then '0' when 'ledger' then '' when 'rollups' then '' else v_until::text end),
        claimed_at = v_claimed,
        due_at = case when v_place is null and v_claimed is null then now() + interval '10 minutes' else '-infinity' end
    where u.task = v_task.task;
  end loop;
  select * into v_sweep from jobqueue.sweep_1(v_again);
  if v_any or v_sweep.swept then
    return v_answer || jsonb_build_object('more', v_more or v_sweep.more, 'keys', (v_answer ->> 'keys')::int + v_sweep.keys);
  end if;
  return null;
end $$;
