-- replay_1: replays the next slice of the dead letters that a filter means (see dead_2; how slices follow: operation_1).
--   select jobqueue.replay_1('{"type": "crm_sync", "errorCode": "ECONNREFUSED"}', '{"actor": "ann"}');
--
-- filter   with {"due": "now"}, jobs that were cancelled before their time run now instead of then
-- options  {actor, maxJobs?}
-- answer   as operation_1 says; skipped: refused, because another job holds their key; refusals: the first 20 of them, {id, holder}
create or replace function jobqueue.replay_1(filter jsonb, options jsonb, progress jsonb default null)
returns jsonb
language plpgsql volatile
set jit = off
set lock_timeout = '3s'  -- a key that another transaction is taking, as in add_jobs
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_progress jsonb := coalesce(progress, jobqueue.begin_operation_1('replay', filter, options, '{"refusals": []}'));
  v_most     int := (options ->> 'maxJobs')::int - (v_progress ->> 'changed')::int;
  v_cursor   jsonb;
  v_at_end   boolean;
  v_ids      bigint[];
  v_moved    bigint[];
  v_refused  jsonb;
  v_locked   int;
begin
  perform jobqueue.check_session_1();
  select d.ids, d.cursor, d.at_end into v_ids, v_cursor, v_at_end
  from jobqueue.dead_2(filter, v_progress, least(500, v_most), 10000, null) d;
  select r.moved, r.refused, r.locked into v_moved, v_refused, v_locked
  from jobqueue.revive_1(filter, (v_progress ->> 'began')::timestamptz, v_ids) r;
  v_progress := jobqueue.noted_refusals_1(v_progress, v_refused) || jsonb_build_object('cursor', v_cursor,
    'changed', (v_progress ->> 'changed')::int + cardinality(v_moved),
    'locked', (v_progress ->> 'locked')::int + v_locked);
  if cardinality(v_moved) = v_most then
    v_progress := v_progress || '{"locked": 0}';
    v_at_end := true;
  end if;
  return jobqueue.end_slice_1('replay', options, v_progress, v_at_end);
end $$;

-- Counts the refused, and keeps the first 20 as examples; those of the pass before are met again, and not kept.
create or replace function jobqueue.noted_refusals_1(progress jsonb, refused jsonb)
returns jsonb
language sql immutable
as $$
  select progress || jsonb_build_object(
    'skipped', coalesce((progress ->> 'skipped')::int, 0) + jsonb_array_length(refused),
    'refusals', coalesce((
      select jsonb_agg(e order by n)
      from (select e, n
            from jsonb_array_elements(case when coalesce((progress ->> 'skipped')::int, 0) = 0 then '[]' else progress -> 'refusals' end || refused)
                 with ordinality as x(e, n)
            order by n limit 20) first_ones), '[]'))
$$;
