-- schedules_differ_1: whether a deployment's set of definitions is to take over from the one in force.
--
-- A set that has never been seen is the newest deployment's: it takes over at once. One that was in force before is that of an old
-- deployment which still drains, and has no say, or a rollback: it takes over when nobody has come with the set in force
-- for ten minutes, longer than what a replaced deployment can still drain by default (five). So two deployments never
-- take turns at every tick. The set in force is written again once a name that was refused it is free.
create or replace function jobqueue.schedules_differ_1(hash text)
returns boolean
language sql stable
as $$
  select case
    when not exists (select from jobqueue.schedule_sets k where k.hash = schedules_differ_1.hash) then true
    else (select case when s.hash <> schedules_differ_1.hash then s.seen_at < now() - interval '10 minutes'
                 else exists (select from unnest(s.refused) as r(name)
                              where not exists (select from jobqueue.schedules h where h.name = r.name and h.kind = 'runtime')) end
          from jobqueue.schedule_sets s order by s.took_over_at desc limit 1)
  end
$$;
