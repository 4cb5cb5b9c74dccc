-- lanes_2: finds the lanes in use that a drain may claim from, most urgent first, and the types met that no handler is known for.
-- Part of step_1 and step_2, which describe `claim`; `step` is that step's own mark on what it claimed.
--
-- lanes        as many as the claim wants jobs, but 200 at least, and as many again of those that are not to be probed now
-- unhandled    [type], or null
-- past         null, or the lane at which this look ended, because there are more than 100,000: the next goes on behind it
-- more_due     more lanes have due jobs than are in `lanes`
-- next_due_at  when the next job of those that are not in `lanes` falls due
create or replace function jobqueue.lanes_2(claim jsonb, step bigint,
  out lanes jsonb, out unhandled jsonb, out past jsonb, out more_due boolean, out next_due_at timestamptz)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_types    jsonb := claim -> 'types';
  v_excluded jsonb := coalesce(claim -> 'excluded', '[]');
  v_queue    text := claim -> 'queues' ->> 0;
  v_past     jsonb := nullif(claim -> 'past', 'null');
  v_paused   boolean := coalesce((claim ->> 'includePaused')::boolean, false);
  v_most     int := greatest(200, (claim ->> 'limit')::int);
begin
  with seen as materialized (
    select l.*, row_number() over () as n from jobqueue.lanes_in_use_2(v_queue, v_past, 100000) l
  ), known as (
    select s.queue, s.type, s.priority, s.due_at, v_excluded ? s.type as excluded, count(*) over () as total
    from seen s
    where v_types ? s.type
      and (v_paused or not (select exists (select from jobqueue.pauses)) or not exists (  -- a look for each lane takes 2 us
            select from jobqueue.pauses p where p.queue in ('*', s.queue) and p.type in ('*', s.type)))
  ), headed as (
    -- With so many lanes their heads decide who is probed: what is due, most urgent first, then what falls due next. Where the first
    -- job is due, it may be held, or a suspect, which is claimed by itself: the first that may be claimed is the head.
    select k.queue, k.type, k.priority, k.excluded, coalesce(head.due_at, case when k.due_at > now() or k.total <= v_most then k.due_at end) as due_at
    from known k
    left join lateral (
      select j.due_at from jobqueue.jobs j
      where k.total > v_most and k.due_at <= now() and j.queue = k.queue and j.type = k.type and j.priority = k.priority
        and (j.lease_until is null or j.lease_until < now() or j.claim = step)
        and (j.rescues = 0 or j.rescues = 1 and (j.lease_until is null or j.settled_fence = j.fence or j.claim = step))
      order by j.due_at, j.id limit 1) head on true
  ), ranked as (
    select h.*,
           row_number() over (partition by h.excluded
                              order by h.due_at <= now() desc nulls last, case when h.due_at <= now() then h.priority end desc, h.due_at) as n
    from headed h
  )
  select coalesce((select jsonb_agg(jsonb_build_array(queue, type, priority, null, null, peers > 1) order by excluded, n)
                   from (select *, count(*) over (partition by priority) as peers from ranked where n <= v_most) probed), '[]'),
         (select jsonb_agg(distinct s.type) from seen s where not v_types ? s.type),
         (select jsonb_build_array(s.queue, s.type, s.priority) from seen s where s.n = 100000),
         coalesce(rest.due_at <= now(), false), rest.due_at
  into lanes, unhandled, past, more_due, next_due_at
  from (select min(due_at) as due_at from ranked where n > v_most and not excluded) rest;
end $$;
