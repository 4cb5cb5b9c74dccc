-- id_at_1: about the first id of a job that was created at that instant or later, found by halving: some thirty probes of the
-- primary keys and of blocks. Part of jobs_newest_1. Not exact: ids are given out when a transaction writes, its time is that of its begin, and
-- one job speaks for its block of 1,024 ids.
create or replace function jobqueue.id_at_1(at timestamptz)
returns bigint
language plpgsql stable
as $$
declare
  v_low  bigint := least((select id from jobqueue.job_history order by id limit 1), (select id from jobqueue.jobs order by id limit 1),
                         (select block << 10 from jobqueue.blocks order by block limit 1));
  v_high bigint := greatest((select id from jobqueue.job_history order by id desc limit 1), (select id from jobqueue.jobs order by id desc limit 1),
                            (select (block << 10) + last from jobqueue.blocks order by block desc, last desc limit 1)) + 1;
  v_mid  bigint;
  v_id   bigint;
  v_at   timestamptz;
begin
  while v_low < v_high loop
    v_mid := v_low + (v_high - v_low) / 2;
    select n.id, n.created_at into v_id, v_at
    from (
      (select h.id, h.created_at from jobqueue.job_history h where h.id >= v_mid order by h.id limit 1)
      union all
      (select j.id, j.created_at from jobqueue.jobs j where j.id >= v_mid order by j.id limit 1)
      union all
      (select greatest(u.id, v_mid), coalesce(b.created_at[u.p], b.due_at[u.p])
       from (select * from jobqueue.blocks where block >= v_mid >> 10 order by block, last limit 1) k
       join jobqueue.batches b on b.id = k.batch
       cross join lateral unnest(b.ids) with ordinality as u(id, p)
       where u.id >> 10 = k.block
       limit 1)) n
    order by n.id limit 1;
    if not found or v_at >= at then
      v_high := v_mid;
    else
      v_low := v_id + 1;
    end if;
  end loop;
  return coalesce(v_low, 0);
end $$;
