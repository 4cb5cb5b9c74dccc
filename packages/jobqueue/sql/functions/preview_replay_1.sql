-- preview_replay_1: what replay_1 with this filter would find: by type and name of the last error, and the latest five to die of
-- those counted. Counts to dead_bound_1 and looks at 100,000 dead letters at most, and says whether that was all of them, and
-- how many would come back for a later time: later {total, firstMs, lastMs}, or null.
create or replace function jobqueue.preview_replay_1(filter jsonb)
returns jsonb
language plpgsql volatile
set jit = off
set timezone = 'UTC'
as $$
declare
  v_ids    bigint[];
  v_at_end boolean;
begin
  select d.ids, d.at_end into v_ids, v_at_end
  from jobqueue.dead_2(filter, jsonb_build_object('began', now() + interval '1 day'), jobqueue.dead_bound_1(1), 100000, null) d;
  return jsonb_build_object(
    'total', cardinality(v_ids),
    'atLeast', not v_at_end,
    'later', (
      select jsonb_build_object('total', count(*), 'firstMs', (extract(epoch from min(h.due_at)) * 1000)::float8,
               'lastMs', (extract(epoch from max(h.due_at)) * 1000)::float8)
      from jobqueue.job_history h
      where h.id = any(v_ids) and h.due_at > now() and h.due_at < jobqueue.waits_for_children() and filter ->> 'due' is distinct from 'now'
      having count(*) > 0),
    'groups', coalesce((
      select jsonb_agg(jsonb_build_object('type', g.type, 'errorName', g.name, 'total', g.total) order by g.total desc, g.type, g.name)
      from (select h.type, h.errors -> -1 ->> 'name' as name, count(*) as total
            from jobqueue.job_history h where h.id = any(v_ids)
            group by 1, 2 order by total desc, 1, 2 limit 100) g), '[]'),
    'samples', coalesce((
      select jsonb_agg(s.sample order by s.finished_at desc, s.id desc)
      from (select h.id, h.finished_at, jsonb_build_object('id', h.id::text, 'type', h.type, 'queue', h.queue, 'attempts', h.attempt,
                     'finishedMs', (extract(epoch from h.finished_at) * 1000)::float8, 'errorName', h.errors -> -1 ->> 'name',
                     'errorCode', h.errors -> -1 ->> 'code', 'message', left(h.errors -> -1 ->> 'message', 200)) as sample
            from jobqueue.job_history h where h.id = any(v_ids) order by h.finished_at desc, h.id desc limit 5) s), '[]'));
end $$;
