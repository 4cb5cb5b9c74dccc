-- return_tokens_1: puts tokens back that were taken and not used.
--
-- returns  [{key, tokens, takenAt}]   takenAt as take_tokens_1 answered it
--
-- Not all of them: what came in by the clock since they were taken may have been used instead of them, and the next taker may
-- hold its own for a second. So perSecond * (age + 1 s) tokens of each return are lost, which keeps the promise of
-- take_tokens_1: tokens in the bucket and those that could still come back never exceed burst - perSecond * 1 s together.
create or replace function jobqueue.return_tokens_1(returns jsonb)
returns void
language plpgsql volatile
set jit = off
as $$
#variable_conflict use_column
declare
  r     record;
  b     jobqueue.buckets;
  v_now timestamptz;
begin
  for r in
    select key, tokens, "takenAt" as taken_at
    from jsonb_to_recordset(returns) as x(key text, tokens float8, "takenAt" timestamptz)
    order by key collate "C", "takenAt"
  loop
    select * into b from jobqueue.buckets where key = r.key and tokens is not null for no key update;
    continue when not found;
    v_now := greatest(clock_timestamp(), b.refilled_at);
    update jobqueue.buckets
    set refilled_at = v_now,
        tokens = least(b.burst, b.tokens + extract(epoch from v_now - b.refilled_at)::float8 * b.per_second
                   + greatest(r.tokens - b.per_second * (extract(epoch from v_now - r.taken_at)::float8 + 1), 0))
    where key = r.key;
  end loop;
end $$;
