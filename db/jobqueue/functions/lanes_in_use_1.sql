-- lanes_in_use_1: the lanes that hold any job, the first `most` of them in the order of the claim index, by a skip scan: one probe a
-- lane, however many jobs it holds. For whatever looks at lanes beside the claims; lanes_1, which looks for drains, scans by itself,
-- as it may start in the middle.
create or replace function jobqueue.lanes_in_use_1(most int)
returns table (queue jobqueue.name, type jobqueue.name, priority jobqueue.priority)
language sql stable rows 50
as $$
  with recursive lane as (
    (select j.queue, j.type, j.priority from jobqueue.jobs j order by j.queue, j.type, j.priority limit 1)
    union all
    select n.queue, n.type, n.priority
    from lane l
    cross join lateral (
      select j.queue, j.type, j.priority from jobqueue.jobs j
      where (j.queue, j.type, j.priority) > (l.queue, l.type, l.priority)
      order by j.queue, j.type, j.priority limit 1) n
  )
  select l.queue, l.type, l.priority from lane l limit most
$$;
