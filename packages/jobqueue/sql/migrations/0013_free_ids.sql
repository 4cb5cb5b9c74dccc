-- Operators' rows take a free id where their sequence is behind, as after a restore that carried no sequences: without it every pause,
-- cancel and replay failed with 23505, and no incident could open. They are read in order of id, so it is a higher one. Jobs look by
-- themselves: ../functions/free_ids_1.sql.
create function jobqueue.take_free_id() returns trigger
language plpgsql
as $$
declare
  v_highest bigint;
begin
  execute format('select max(id) from %s', tg_relid::regclass) into v_highest;
  if new.id <= v_highest then
    new.id := jobqueue.next_free_id_1(pg_get_serial_sequence(tg_relid::regclass::text, 'id'), v_highest);
  end if;
  return new;
end $$;

create trigger audit_log_takes_a_free_id before insert on jobqueue.audit_log for each row execute function jobqueue.take_free_id();
create trigger replays_take_a_free_id before insert on jobqueue.replays for each row execute function jobqueue.take_free_id();
create trigger incidents_take_a_free_id before insert on jobqueue.incidents for each row execute function jobqueue.take_free_id();
