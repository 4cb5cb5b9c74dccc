-- note_1: notes what runs, its progress and its checkpoints. Part of step_1, which describes the parameter. Answers the ids of
-- jobs that are not this drain's any more. A checkpoint starts the counts anew. What is known to run and has nothing new
-- to say is only looked at, because a write every two seconds would be a row version each.
create or replace function jobqueue.note_1(running jsonb)
returns bigint[]
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_revoked bigint[];
begin
  update jobqueue.jobs j
  set started_fence = j.fence,
      started_at = case when j.started_fence = j.fence then j.started_at
                        else now() - coalesce(r."ranMs", 0) * interval '1 ms' end,
      progress = coalesce(r.progress, j.progress),
      state = coalesce(r.state, j.state),
      state_bytes = coalesce(octet_length(r.state::text), j.state_bytes),
      attempt = case when r.state is null then j.attempt else 0 end,
      interruptions = case when r.state is null then j.interruptions else 0 end
  from jsonb_to_recordset(running) as r(id bigint, fence int, "ranMs" int, progress jsonb, state jsonb)
  where j.id = r.id and j.fence = r.fence and isfinite(j.lease_until) and j.settled_fence <> j.fence
    and (j.started_fence <> j.fence or r.progress is not null or r.state is not null);

  -- A statement of its own, so that it has a new snapshot: the drain's other step may have told the same of this job a moment ago.
  select coalesce(array_agg(r.id), '{}') into v_revoked
  from jsonb_to_recordset(running) as r(id bigint, fence int)
  where not exists (
    select from jobqueue.jobs j
    where j.id = r.id and j.fence = r.fence and isfinite(j.lease_until) and j.settled_fence <> j.fence);
  return v_revoked;
end $$;
