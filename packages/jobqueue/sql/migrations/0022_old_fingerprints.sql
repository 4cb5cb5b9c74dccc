-- The fingerprints of dead letters that were there before 0021: some 35 s a million, during which drains and enqueues go on.

-- On a new database neither the function nor a dead letter is there yet.
do $$ begin
  if to_regprocedure('jobqueue.fingerprint_1(jsonb)') is not null then
    update jobqueue.job_history set fingerprint = jobqueue.fingerprint_1(errors) where status = 'DEAD_LETTER' and fingerprint is null;
  end if;
end $$;
