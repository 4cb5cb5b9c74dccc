-- take_tokens_1: takes tokens out of shared buckets, and gives those who must wait longer than they can a place in line.
--
-- requests  [{key, perSecond, burst, want, spare, waiting, returning, patienceMs, holdMs}], each key once
--           want: tokens that are used at once; spare: those that probably will be, taken only from a bucket that is more than
--           half full; waiting: how many wait for a token, those of `want` included; returning: how many of them were sent
--           away before; patienceMs: how long they can still wait; holdMs: how long after this statement was sent a token may
--           still be used, at most a second
-- answer    [{key, taken, takenAt, retryInMs, freeInMs, blockedForMs, postponed, postponeMs, spacingMs}]
--           retryInMs: when the next token should be there, 0 if it is; freeInMs: when one that none of these wait for; postponed: so many of those that came last have no
--           chance within their patience: the first of them should come back in postponeMs, each other spacingMs after the one
--           before; takenAt: for return_tokens_1
--
-- Promises:
-- * In any window of w seconds at most burst + perSecond * w tokens are USED, not only taken. A token taken at `a` is used
--   before a + hold; so a taker leaves at most burst - perSecond * hold in the bucket, less what it takes, if need be below
--   zero. From the first take a whose token is used in the window [s, s + w] on there are at most burst - perSecond * hold +
--   perSecond * (s + w - a) tokens, and s - a <= hold.
-- * The clock is read once a bucket, after its lock: of two that waited for the lock the second sees a later time than the
--   first, so that no second is refilled twice and none goes back. now() is when the statement began, and lies before both.
-- * Buckets are locked in the order of their keys: no two takers deadlock.
-- * While jobs that were sent away have tokens promised, newcomers take only from the upper half of the bucket: they would
--   otherwise overtake for ever. The line is five minutes long at most, and those behind its end come back then.
create or replace function jobqueue.take_tokens_1(requests jsonb)
returns jsonb
language plpgsql volatile
set jit = off
as $$
#variable_conflict use_column
declare
  r          record;
  b          jobqueue.buckets;
  v_answer   jsonb := '[]';
  v_now      timestamptz;
  v_level    float8;
  v_open     float8;
  v_plenty   float8;
  v_taken    float8;
  v_patience float8;
  v_short    float8;
  v_stay     float8;
  v_blocked  float8;
  v_retry    float8;
  v_line     boolean;
  v_base     timestamptz;
  v_made     boolean := false;
  v_page     bigint;
begin
  for r in
    select key, "perSecond" as rate, burst, greatest(want, 0) as want, greatest(spare, 0) as spare, waiting, "returning" as came_back,
           "patienceMs" / 1000 as patience, least(greatest("holdMs", 0), 1000) / 1000 as hold
    from jsonb_to_recordset(requests) as x(key text, "perSecond" float8, burst float8, want float8, spare float8, waiting float8,
      "returning" float8, "patienceMs" float8, "holdMs" float8)
    order by key collate "C"
  loop
    loop
      select * into b from jobqueue.buckets where key = r.key for no key update;
      exit when found;
      insert into jobqueue.buckets (key, refilled_at) values (r.key, clock_timestamp()) on conflict (key) do nothing;
      v_made := true;
    end loop;
    v_now := greatest(clock_timestamp(), b.refilled_at);
    v_level := least(r.burst, coalesce(b.tokens + extract(epoch from v_now - b.refilled_at)::float8 * r.rate, r.burst));
    v_blocked := greatest(extract(epoch from b.blocked_until - v_now)::float8, 0);
    v_line := coalesce(b.promised_until > v_now, false);

    -- A billionth: who comes exactly when the token is there must not miss it by a rounding.
    v_open := case when v_blocked > 0 then 0 else greatest(floor(v_level + 1e-9), 0) end;
    v_plenty := case when v_blocked > 0 then 0 else greatest(floor(v_level - r.burst / 2 + 1e-9), 0) end;
    if v_line then
      v_open := greatest(least(v_open, r.came_back), v_plenty);
    end if;
    v_taken := least(v_open, greatest(r.want, least(r.want + r.spare, v_plenty)));
    if v_taken > 0 then
      v_level := least(v_level, r.burst - r.rate * r.hold) - v_taken;
    end if;
    v_retry := greatest((1 - v_level) / r.rate, v_blocked, 0);

    v_short := greatest(r.waiting - v_taken, 0);
    v_patience := greatest(r.patience - coalesce(v_blocked, 0), 0);
    v_stay := case when v_patience = 0 then 0 else least(greatest(floor(v_level + v_patience * r.rate), 0), v_short) end;
    if v_line then
      v_stay := least(v_stay, greatest(r.came_back - v_taken, 0));
    end if;
    v_short := v_short - v_stay;
    if v_short > 0 then
      v_base := least(greatest(b.promised_until, v_now + (greatest(1 + v_stay - v_level, 0) / r.rate
                                 + coalesce(v_blocked, 0)) * interval '1 s'), v_now + interval '300 s');
      b.promised_until := least(v_base + v_short / r.rate * interval '1 s', v_now + interval '300 s');
    end if;

    update jobqueue.buckets
    set tokens = v_level, refilled_at = v_now, per_second = r.rate, burst = r.burst, promised_until = b.promised_until
    where key = r.key;
    v_answer := v_answer || jsonb_build_object(
      'key', r.key, 'taken', v_taken, 'takenAt', v_now, 'retryInMs', v_retry * 1000,
      'freeInMs', greatest((1 + v_stay - v_level) / r.rate, v_blocked, 0) * 1000, 'blockedForMs', coalesce(v_blocked, 0) * 1000,
      'postponed', v_short, 'postponeMs', case when v_short > 0 then extract(epoch from v_base - v_now) * 1000 else 0 end,
      'spacingMs', 1000 / r.rate);
  end loop;

  -- Making a bucket also examines one page of the table for buckets that nobody needs: cleaned faster than filled, and found
  -- without an index, which would cost every take its HOT update. Last, because these locks are in no order.
  if v_made then
    v_page := floor(random() * pg_relation_size('jobqueue.buckets') / 8192);
    delete from jobqueue.buckets
    where ctid = any(array(
      select c.ctid from jobqueue.buckets c
      where c.ctid = any(array(select format('(%s,%s)', v_page, line)::tid from generate_series(1, 200) as line))
        and c.refilled_at < clock_timestamp() - interval '10 minutes'
        and coalesce(c.tokens + extract(epoch from clock_timestamp() - c.refilled_at) * c.per_second >= c.burst, true)
        and coalesce(c.blocked_until < clock_timestamp(), true)
        and coalesce(c.promised_until < clock_timestamp(), true)
      for update skip locked));
  end if;
  return v_answer;
end $$;
