-- lanes_1: finds the lanes in use that a drain may claim from, at most 200, most urgent first, and the types met that no
-- handler is known for. Part of step_1, which describes `claim`; `step` is that step's own mark on what it claimed.
create or replace function jobqueue.lanes_1(claim jsonb, step bigint, out lanes jsonb, out unhandled jsonb)
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_types      jsonb := claim -> 'types';
  v_excluded   jsonb := coalesce(claim -> 'excluded', '[]');
  v_queues     jsonb := nullif(claim -> 'queues', 'null');
  v_paused     boolean := coalesce((claim ->> 'includePaused')::boolean, false);
  v_from_queue text := '';
  v_from_type  text := '';
  v_all_seen   boolean;
begin
  -- The lanes in use, by a skip scan over the claim index: 14 lanes in 1.1 million rows take 0.27 ms.
  for pass in 1..2 loop
    with recursive lane as (
      (select j.queue, j.type, j.priority from jobqueue.jobs j
       where (j.queue, j.type) >= (v_from_queue, v_from_type) order by j.queue, j.type, j.priority limit 1)
      union all
      select n.queue, n.type, n.priority
      from lane l
      cross join lateral (
        select j.queue, j.type, j.priority from jobqueue.jobs j
        where (j.queue, j.type, j.priority) > (l.queue, l.type, l.priority)
        order by j.queue, j.type, j.priority limit 1) n
    ), bounded as (
      select * from lane limit 2000  -- some 10 ms; most queues have a dozen
    ), known as (
      select b.queue, b.type, b.priority, count(*) over () as total
      from bounded b
      where v_types ? b.type and (v_queues is null or v_queues ? b.queue)
        and (v_paused or not exists (
              select from jobqueue.pauses p where p.queue in ('*', b.queue) and p.type in ('*', b.type)))
    ), ranked as (
      -- Beyond 200 lanes their heads decide who is probed: what is due, most urgent first, then what falls due next. By
      -- a rotation over steps, an idle tick, which has one step, would look at the same 200 lanes for ever.
      select k.queue, k.type, k.priority,
             row_number() over (order by v_excluded ? k.type, head.due_at <= now() desc nulls last,
                                case when head.due_at <= now() then k.priority end desc, head.due_at) as n
      from known k
      left join lateral (
        select j.due_at from jobqueue.jobs j
        where k.total > 200 and j.queue = k.queue and j.type = k.type and j.priority = k.priority
          and (j.lease_until is null or j.lease_until < now() or j.claim = step)
        order by j.due_at, j.id limit 1) head on true
    )
    select coalesce((select jsonb_agg(jsonb_build_array(queue, type, priority, null, null, peers > 1) order by n)
                     from (select *, count(*) over (partition by priority) as peers from ranked where n <= 200) probed), '[]'),
           (select jsonb_agg(distinct type) from bounded where not v_types ? type),
           (select count(*) from bounded) < 2000
    into lanes, unhandled, v_all_seen;
    -- Of still more lanes each look sees a part: those of the queue asked for, else by chance from the first on or from
    -- that of some other job. In time all of them get their turn.
    exit when v_all_seen or pass = 2 or v_queues is null and random() < 0.5;
    v_from_queue := v_queues ->> 0;
    if v_queues is null then
      select j.queue, j.type into v_from_queue, v_from_type
      from jobqueue.jobs j
      where j.id >= (select min(m.id) + floor(random() * (max(m.id) - min(m.id) + 1))::bigint from jobqueue.jobs m)
      order by j.id limit 1;
    end if;
  end loop;
end $$;
