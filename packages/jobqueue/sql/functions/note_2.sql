-- note_2: notes what runs, its progress and its checkpoints. Part of step_2, which describes the parameter. Answers [[batch, position]] of
-- jobs that are not this drain's any more. What is known to run and has nothing new to say is only looked at.
create or replace function jobqueue.note_2(running jsonb)
returns jsonb
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_revoked jsonb;
begin
  insert into jobqueue.notes as n (batch, position, started_at, progress, state)
  select r.batch, r.position, now() - coalesce(r."ranMs", 0) * interval '1 ms', r.progress, r.state
  from jsonb_to_recordset(running) as r(batch bigint, position int, "ranMs" int, progress jsonb, state jsonb)
  join jobqueue.leases l on l.batch = r.batch and get_bit(l.open, r.position - 1) = 1
  on conflict (batch, position) do update
  set progress = coalesce(excluded.progress, n.progress), state = coalesce(excluded.state, n.state)
  where excluded.progress is not null or excluded.state is not null;

  select coalesce(jsonb_agg(jsonb_build_array(r.batch::text, r.position)), '[]') into v_revoked
  from jsonb_to_recordset(running) as r(batch bigint, position int)
  where not exists (select from jobqueue.leases l where l.batch = r.batch and get_bit(l.open, r.position - 1) = 1);
  return v_revoked;
end $$;
