-- prune_slice_1: what prune_1 does, and null if that was all of it: so a drain's first step, in which it is a chore, stays the
-- only one of an empty tick.
create or replace function jobqueue.prune_slice_1(request jsonb)
returns jsonb
language sql volatile
as $$
  select a from jobqueue.prune_1(request) as p(a) where (a ->> 'more')::boolean
$$;
