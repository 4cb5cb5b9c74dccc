-- jobs_page_1: one page of jobs for a screen, by keyset, whatever the filter and however many jobs there are. Reads only.
--
-- filter  {status?, type?, queue?, key?, id?, from?, until?}, or {status: DEAD_LETTER, type, fingerprint}: a group of dead_groups_2; status: one of those that users see; key: a prefix of the idempotency
--         key that a job holds now, with the job `id` before them, if given; from (the first instant that counts), until (the
--         first that does not): of the due time where status is PENDING, else of the creation
-- cursor  null, or `next` of the page before; who changes the filter begins anew
-- answer  {jobs: […], next: a cursor or null, searchedTo: an id or null, isPart: pending jobs lie in more than 100,000 lanes, of which the
--         page has seen the first}
--
-- Each way to look has the order of the index that answers it: by key, then PENDING by due time, as they will run, a group by
-- time of death, the latest first, all else the newest id first. Where no index knows the filter, at most 20,000 ids are looked at: the page may then be short, or empty,
-- while `next` goes on behind `searchedTo`. So a page costs some 50 ms at the worst.
create or replace function jobqueue.jobs_page_1(filter jsonb, cursor jsonb, bound int)
returns jsonb
language plpgsql stable
set jit = off
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_ids   bigint[];
  v_next  jsonb;
  v_to    bigint;
  v_part  boolean := false;
begin
  if filter ? 'key' then
    select p.ids, p.next into v_ids, v_next from jobqueue.jobs_by_key_1(filter, cursor, bound) p;
  elsif filter ? 'fingerprint' then
    select p.ids, p.next into v_ids, v_next from jobqueue.jobs_of_group_1(filter, cursor, bound) p;
  elsif filter ->> 'status' = 'PENDING' then
    select p.ids, p.next, p.is_part into v_ids, v_next, v_part from jobqueue.jobs_pending_2(filter, cursor, bound) p;
  else
    select p.ids, p.next, p.searched_to into v_ids, v_next, v_to from jobqueue.jobs_newest_1(filter, cursor, bound) p;
  end if;
  return jsonb_build_object('next', v_next, 'searchedTo', v_to::text, 'isPart', v_part, 'jobs', (
    select coalesce(jsonb_agg(to_jsonb(f) - 'place' order by f.place), '[]')
    from (
      select array_position(v_ids, id) as place, id::text as id, type, case when lease_until is null then 'PENDING' else 'PROCESSING' end as status,
             queue, priority, attempt + started::int as attempts, max_attempts,
             idempotency_key, (extract(epoch from due_at) * 1000)::float8 as due_ms,
             (extract(epoch from created_at) * 1000)::float8 as created_ms, (extract(epoch from started_at) * 1000)::float8 as started_ms,
             null::float8 as finished_ms, errors -> -1 ->> 'name' as error_name, left(errors -> -1 ->> 'message', 200) as error_message
      from jobqueue.live_1(v_ids)
      union all
      select array_position(v_ids, id), id::text, type, status::text, queue, priority, attempt, max_attempts, idempotency_key,
             (extract(epoch from due_at) * 1000)::float8, (extract(epoch from created_at) * 1000)::float8,
             (extract(epoch from started_at) * 1000)::float8, (extract(epoch from finished_at) * 1000)::float8,
             errors -> -1 ->> 'name', left(errors -> -1 ->> 'message', 200)
      from jobqueue.ended_1(v_ids)
    ) f
    where (not filter ? 'status' or f.status = filter ->> 'status')
      and (not filter ? 'type' or f.type = filter ->> 'type') and (not filter ? 'queue' or f.queue = filter ->> 'queue')));
end $$;
