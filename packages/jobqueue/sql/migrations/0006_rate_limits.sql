-- Rate limits that all invocations share: one row is one token bucket. A bucket that is full says the same as none, so that
-- idle ones are deleted (see ../functions/take_tokens_1.sql).
create domain jobqueue.bucket_key as text collate "C"
  constraint bucket_key_is_1_to_512_characters check (length(value) between 1 and 512);

create table jobqueue.buckets (
  key            jobqueue.bucket_key primary key,
  refilled_at    timestamptz not null,                 -- the clock reading that `tokens` belongs to; never goes back
  tokens         float8,                               -- null: full; below zero: owed
  per_second     float8,                               -- what the last taker asked for; null before the first
  burst          float8,
  blocked_until  timestamptz,                          -- gives nothing before: a remote system said so
  promised_until timestamptz                           -- until when tokens are promised to jobs that were sent away to wait
) with (
  fillfactor = 50,                                     -- no index but the key's: every update stays HOT
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
);
