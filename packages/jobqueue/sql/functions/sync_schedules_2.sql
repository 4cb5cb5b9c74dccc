-- sync_schedules_2: writes the schedules that code declares. Operators' pauses and overrides stay what they are, and so do schedules of
-- run time: a definition with the name of one is refused and does not fire, and all others are written.
--
-- request  {hash, schedules: [{name, definition}]}
-- answer   {due: see due_schedules_1, refused: names, null if there are none}
--
-- A schedule that code has dropped stops and is kept, with its pause and override; should it come back, it goes on with its next
-- slot. A line that changes counts from now on: what the former one has still to fire is noted with it.
create or replace function jobqueue.sync_schedules_2(request jsonb)
returns jsonb
language plpgsql volatile
as $$
declare
  v_schedules jsonb := request -> 'schedules';
  v_refused   text[];
begin
  perform jobqueue.check_session_1();
  perform pg_advisory_xact_lock(hashtextextended('jobqueue.schedules', 0));
  if jobqueue.schedules_differ_1(request ->> 'hash') then
    -- now() may lie before the take-over that this one waited for
    insert into jobqueue.schedule_sets (hash, took_over_at) values (request ->> 'hash', clock_timestamp())
    on conflict (hash) do update set took_over_at = excluded.took_over_at, seen_at = now();

    insert into jobqueue.schedules as s (name, definition)
    select d.name, d.definition
    from jsonb_to_recordset(v_schedules) as d(name text, definition jsonb)
    order by d.name collate "C"
    on conflict (name) do update
    set definition = excluded.definition,
        revision = s.revision + 1,
        problem = null,
        former = case
          when s.removed_at is not null then null
          when jobqueue.schedule_line_1(s, excluded.definition) = jobqueue.schedule_line_1(s, s.definition) then s.former
          -- a line that was never looked at has fired nothing, and what was before it still counts
          else coalesce(s.former, jobqueue.schedule_line_1(s, s.definition) || jsonb_build_object('until', now()))
        end,
        next_slot_at = case
          when s.removed_at is null and s.problem is null
            and jobqueue.schedule_line_1(s, excluded.definition) = jobqueue.schedule_line_1(s, s.definition) then s.next_slot_at
          else '-infinity'
        end,
        fired_until = case when s.removed_at is null then s.fired_until else now() end,
        removed_at = null
    where s.kind = 'code' and (s.definition <> excluded.definition or s.removed_at is not null);

    -- by now those that were made at run time while this waited are seen
    select array_agg(s.name::text order by s.name) into v_refused
    from jsonb_to_recordset(v_schedules) as d(name text)
    join jobqueue.schedules s on s.name = d.name and s.kind = 'runtime';
    update jobqueue.schedule_sets k set refused = v_refused
    where k.hash = request ->> 'hash' and k.refused is distinct from v_refused;

    update jobqueue.schedules s
    set removed_at = now(), revision = s.revision + 1
    where s.kind = 'code' and s.removed_at is null
      and not exists (select from jsonb_to_recordset(v_schedules) as d(name text) where d.name = s.name);

    -- Deployments long gone are forgotten; nobody rolls back over more than a hundred.
    delete from jobqueue.schedule_sets k
    where k.hash = any(array(select o.hash from jobqueue.schedule_sets o order by o.took_over_at desc offset 100 limit 100));
  end if;
  return jsonb_build_object('due', coalesce(jobqueue.due_schedules_1(), '[]'), 'refused', to_jsonb(coalesce(v_refused,
    (select k.refused from jobqueue.schedule_sets k where k.hash = request ->> 'hash'))));
end $$;

-- As the release before calls it.
create or replace function jobqueue.sync_schedules_1(request jsonb)
returns jsonb
language sql volatile
as $$
  select jobqueue.sync_schedules_2(request) -> 'due'
$$;
