-- lanes_in_use_1: the first lanes in use, as 0.6.0 asked for them. Nothing here calls it.
create or replace function jobqueue.lanes_in_use_1(most int)
returns table (queue jobqueue.name, type jobqueue.name, priority jobqueue.priority)
language sql stable rows 50
as $$
  select l.queue, l.type, l.priority from jobqueue.lanes_in_use_2(null, null, most) l
$$;
