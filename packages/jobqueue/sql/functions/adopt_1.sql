-- adopt_1: makes the database belong to an environment, or to none (null), and writes who did it to the audit log. Drains of the one
-- before stop with their next claim.
--
-- answer  the environment before, or null
create or replace function jobqueue.adopt_1(environment text, actor text)
returns text
language plpgsql volatile
as $$
declare
  v_before text;
begin
  select e.name into v_before from jobqueue.environment e for update;
  delete from jobqueue.environment e where e.name is distinct from adopt_1.environment;
  insert into jobqueue.environment (name) select adopt_1.environment where adopt_1.environment is not null on conflict do nothing;
  insert into jobqueue.audit_log (actor, action, details)
  values (adopt_1.actor, 'environment.adopt', jsonb_build_object('environment', adopt_1.environment, 'before', v_before));
  return v_before;
end $$;
