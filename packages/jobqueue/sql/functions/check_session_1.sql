-- check_session_1: refuses by name a session whose settings change what our statements mean. Called first by whatever moves jobs.
--
-- Above read committed all statements of a transaction share one snapshot: the second of two children that end at once does not
-- see the first one's end, and what skips locked rows fails on rows that changed. An enqueue needs none of this, so it works in
-- a stricter transaction of its caller, and fails there with 40001 at worst, as that caller expects.
-- Below -2 extra_float_digits rounds an instant in ms to seconds or worse: every instant that a client reads is wrong.
create or replace function jobqueue.check_session_1()
returns void
language plpgsql stable
as $$
begin
  if current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
    raise exception 'jobqueue needs the isolation level read committed, and this transaction is %: begin it with that level or, if the session''s default says so, run "alter role % set default_transaction_isolation = ''read committed''" and reconnect',
      current_setting('transaction_isolation'), quote_ident(session_user) using errcode = 'feature_not_supported';
  end if;
  if current_setting('extra_float_digits')::int < -2 then
    raise exception 'jobqueue needs extra_float_digits of -2 or more, and this session has %: run "alter role % set extra_float_digits = 1" and reconnect',
      current_setting('extra_float_digits'), quote_ident(session_user) using errcode = 'feature_not_supported';
  end if;
end $$;
