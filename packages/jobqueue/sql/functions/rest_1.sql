-- rest_1: for how long no drain of these types will find anything to do, ms; null if there is something now, or could be at any
-- moment. What the wake hint says.
--
-- types   {type: anything}: those with a handler here
--
-- Work that another drain holds is due as well: whoever ends last says how long there is rest. Jobs of paused lanes and of types
-- that nobody here handles are no work; resuming and deploying end every rest. A ramp moves on by ticks, and a check that is red,
-- or an incident that somebody is still to be told of, needs the next tick's look.
create or replace function jobqueue.rest_1(types jsonb)
returns float8
language sql volatile  -- no snapshot older than the call: an enqueue that has committed is seen
set jit = off
set timezone = 'UTC'
as $$
  with bounded as (
    select * from jobqueue.lanes_in_use_2(null, null, 100000)  -- some 0.3 s; with more of them nobody rests
  )
  select case
    when (select count(*) from bounded) = 100000
      or exists (select from jobqueue.replays r where r.state = 'running')
      or exists (select from jobqueue.watch w where w.reds <> '{}')
      or exists (select from jobqueue.incidents i where i.closed_at is null)
      or exists (select from jobqueue.incidents i where (i.notified_at is null or i.closed_at is not null and i.recovery_notified_at is null) and not i.closed_muted)
      then null
    else (
      -- A dozen years stand for «never»: far above what anybody rests at once.
      select nullif(extract(epoch from least(greatest(coalesce(min(next.due_at), 'infinity'), now()), now() + interval '12 years') - now()) * 1000,
                    0)::float8
      from (
        select b.due_at
        from bounded b
        where rest_1.types ? b.type
          and not exists (select from jobqueue.pauses p where p.queue in ('*', b.queue) and p.type in ('*', b.type))
        union all
        select b.claimed_at
        from jobqueue.leases l join jobqueue.batches b on b.id = l.batch
        where rest_1.types ? b.type
          and not exists (select from jobqueue.pauses p where p.queue in ('*', b.queue) and p.type in ('*', b.type))
        union all
        select min(s.next_slot_at) from jobqueue.schedules s where s.paused_at is null and s.removed_at is null
      ) next)
  end
$$;
