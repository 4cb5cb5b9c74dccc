-- try_write_1: refuses what any write of a step would be refused for: a read-only database, a missing right on the tables that each
-- step writes, a session that check_session_1 refuses. Changes no row, so that whoever watches can ask every second.
create or replace function jobqueue.try_write_1()
returns void
language plpgsql volatile
as $$
begin
  perform jobqueue.check_session_1();
  insert into jobqueue.job_history select * from jobqueue.job_history where false;
  insert into jobqueue.drains select * from jobqueue.drains where false;
  delete from jobqueue.jobs where false;
end $$;
