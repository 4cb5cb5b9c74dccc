-- block_1: keeps a bucket from giving anything for so many ms. A longer block stands; unblocking is an operator's business.
create or replace function jobqueue.block_1(key text, delay_ms float8)
returns void
language sql volatile
as $$
  insert into jobqueue.buckets as b (key, refilled_at, blocked_until)
  values (block_1.key, clock_timestamp(), clock_timestamp() + block_1.delay_ms * interval '1 ms')
  on conflict (key) do update set blocked_until = greatest(b.blocked_until, excluded.blocked_until);
$$;
