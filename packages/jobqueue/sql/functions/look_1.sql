-- look_1: one look at the queue's health, and what it changes: incidents open at the second look in a row that is red, and
-- close at the second that is green; guards pause their types. Part of watch_1, which describes `request` and lets only one
-- look at a time.
create or replace function jobqueue.look_1(request jsonb)
returns void
language plpgsql volatile
set jit = off
as $$
#variable_conflict use_column
declare
  v_types jsonb := request -> 'thresholds' -> 'types';
  v_seen  jsonb;  -- {"check subject": detail} of what is red
  v_reds  jsonb;  -- {"check subject": looks in a row}
begin
  -- In the order in which confirmations lock them too.
  perform from jobqueue.incidents i where i.closed_at is null order by i.id for no key update;
  perform jobqueue.fold_trends_1();

  select coalesce(jsonb_object_agg(concat(c ->> 'name', ' ', r ->> 'subject'), r - 'subject'), '{}')
  into v_seen
  from jsonb_array_elements(jobqueue.health_1(request -> 'thresholds') -> 'checks') as x(c)
  cross join jsonb_array_elements(c -> 'red') as y(r);

  select coalesce(jsonb_object_agg(s.key, coalesce((w.reds ->> s.key)::int, 0) + 1), '{}')
  into v_reds
  from jobqueue.watch w cross join jsonb_object_keys(v_seen) as s(key);
  update jobqueue.watch set reds = v_reds where reds <> v_reds;

  update jobqueue.incidents i
  set last_red_at = now(), green_looks = 0, detail = v_seen -> concat(i.check_name, ' ', i.subject)
  where i.closed_at is null and v_seen ? concat(i.check_name, ' ', i.subject);

  -- Another deployment may have handlers that this one has not: it cannot find their jobs early. What nobody has found late for
  -- a day is over.
  update jobqueue.incidents i
  set green_looks = i.green_looks + 1,
      closed_at = case when i.green_looks >= 1 then now() end,
      closed_muted = i.green_looks >= 1 and jobqueue.is_muted_1(i.check_name, i.subject),
      notice_tries = 0
  where i.closed_at is null and i.check_name <> 'guard' and not v_seen ? concat(i.check_name, ' ', i.subject)
    and (i.check_name <> 'oldest_due' or v_types ? i.subject or i.last_red_at < now() - interval '1 day');

  insert into jobqueue.incidents (check_name, subject, detail)
  select split_part(r.key, ' ', 1), split_part(r.key, ' ', 2), v_seen -> r.key
  from jsonb_each_text(v_reds) as r(key, looks)
  where r.looks::int >= 2
  order by r.key
  on conflict (check_name, subject) where closed_at is null do nothing;

  perform jobqueue.guard_1(coalesce(request -> 'guards', '{}'));

  delete from jobqueue.mutes m where m.until < now() - interval '7 days';

  -- Ids rise with time: of the hundred oldest, those whose time is over.
  delete from jobqueue.incidents i
  where i.id = any(array(
    select o.id from (select id, closed_at from jobqueue.incidents order by id limit 100) o
    where o.closed_at < now() - interval '90 days'));
end $$;
