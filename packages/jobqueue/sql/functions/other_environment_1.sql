-- other_environment_1: the environment that the database belongs to, if that is not the caller's; else null. A database that belongs to none
-- is taken by the first caller from `production`, because there the damage would be. Part of step_1, step_2 and watch_1.
create or replace function jobqueue.other_environment_1(environment text)
returns text
language plpgsql volatile
as $$
declare
  v_owner text;
begin
  select e.name into v_owner from jobqueue.environment e;
  if v_owner is null and other_environment_1.environment = 'production' then
    insert into jobqueue.environment (name) values ('production') on conflict do nothing;
  end if;
  return case when v_owner is distinct from other_environment_1.environment then v_owner end;
end $$;
