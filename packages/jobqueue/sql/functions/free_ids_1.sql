-- Ids that rows hold already: a restore or a cut-over that carries rows and no sequences makes a sequence give them again.
-- Everything that takes ids checks that they are free, and raises a sequence that is behind. sequences_behind_1 names those for health and doctor,
-- raise_sequences_1 mends all of them at once: select jobqueue.raise_sequences_1();

-- next_free_id_1: the next id of the sequence that is higher than `highest`. Two who find it behind do not set it back for each other:
-- the second waits for the first one's commit. Others take ids meanwhile, so it is raised by more than they could take.
create or replace function jobqueue.next_free_id_1(sequence regclass, highest bigint)
returns bigint
language plpgsql volatile
as $$
declare
  v_next bigint;
begin
  perform pg_advisory_xact_lock(hashtextextended('jobqueue.next_free_id_1', sequence::oid::bigint));
  v_next := nextval(sequence);
  if v_next <= highest then
    perform setval(sequence, highest + 100000);
    v_next := nextval(sequence);
  end if;
  return v_next;
end $$;

-- Live and finished jobs share their ids, and a flow remembers its children for longer than history does.
create or replace function jobqueue.highest_job_id_1()
returns bigint
language sql stable
as $$
  -- The last of each index. By max(id) a plan that was made when jobs was empty may read another index whole, on PostgreSQL 15.
  select greatest(
    (select j.id from jobqueue.jobs j order by j.id desc limit 1),
    (select h.id from jobqueue.job_history h order by h.id desc limit 1),
    (select f.child_id from jobqueue.flows f order by f.child_id desc limit 1),
    (select (k.block << 10) + k.last from jobqueue.blocks k order by k.block desc, k.last desc limit 1))
$$;

-- free_job_ids_1: these ids, fresh from the sequence, or as many others if one of them is taken. Called when there are jobs between
-- the first and the last of them, or behind the first in batches, which is also so when others enqueue at the same time.
create or replace function jobqueue.free_job_ids_1(ids bigint[])
returns bigint[]
language plpgsql volatile
as $$
begin
  for pass in 1..3 loop
    if not exists (
      select from unnest(ids) as u(id)
      where exists (select from jobqueue.job_history h where h.id = u.id)
         or exists (select from jobqueue.jobs j where j.id = u.id)
    ) and not exists (select from jobqueue.places_of_1(ids)) then
      return ids;
    end if;
    perform jobqueue.next_free_id_1('jobqueue.jobs_id_seq', jobqueue.highest_job_id_1());
    ids := array(select nextval('jobqueue.jobs_id_seq') from generate_series(1, cardinality(ids)));
  end loop;
  raise exception 'expected free ids of jobqueue.jobs_id_seq, got % that a job holds: run select jobqueue.raise_sequences_1()', ids[1]
    using errcode = 'object_not_in_prerequisite_state';
end $$;

-- raise_batches_1: raises the sequence of batches if it is behind. A drain asks when it looks for lanes, so also before its first claim.
create or replace function jobqueue.raise_batches_1()
returns void
language plpgsql volatile
as $$
declare
  v_highest bigint := (select b.id from jobqueue.batches b order by b.id desc limit 1);
begin
  -- Read after the rows: whoever wrote one had its number before.
  if (select s.last_value + s.is_called::int from jobqueue.batches_id_seq s) <= v_highest then
    perform jobqueue.next_free_id_1('jobqueue.batches_id_seq', v_highest);
  end if;
end $$;

-- part_ids_1: gives the finished job another id where a live job of these ids has the same, so that the live one can become history
-- under the id that its caller knows. Answers the ids of the finished ones, as they are now. Moves what is known by the old id, as far as it can
-- be told whose it is: the key, unless the live job has it, and the place in a flow.
create or replace function jobqueue.part_ids_1(ids bigint[])
returns bigint[]
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v      record;
  v_live record;
  v_new  bigint;
begin
  for v in
    select h.id, h.type, h.idempotency_key, h.meta ? 'parent' as is_child
    from jobqueue.job_history h
    where h.id = any(array(select j.id from jobqueue.live_places_1(ids) j))
    order by h.id
    for update
  loop
    select j.type, j.idempotency_key, j.meta ? 'parent' as is_child into v_live from jobqueue.live_1(array[v.id]) j;
    v_new := jobqueue.next_free_id_1('jobqueue.jobs_id_seq', jobqueue.highest_job_id_1());
    update jobqueue.job_history h
    set id = v_new, meta = coalesce(h.meta, '{}') || jsonb_build_object('formerId', v.id::text)
    where h.id = v.id;
    if (v.type, v.idempotency_key) is distinct from (v_live.type, v_live.idempotency_key) then
      update jobqueue.idempotency_keys k set job_id = v_new
      where k.type = v.type and k.key = v.idempotency_key and k.job_id = v.id;
    end if;
    if v.is_child and v_live.is_child is not true then
      update jobqueue.flows f set child_id = v_new where f.child_id = v.id;
    end if;
    ids := array_replace(ids, v.id, v_new);
  end loop;
  return ids;
end $$;

-- sequences_behind_1: the sequences of the schema whose next value is no higher than what their column holds.
create or replace function jobqueue.sequences_behind_1()
returns table (sequence text, next_value bigint, highest bigint)
language plpgsql stable
as $$
declare
  v_column record;
begin
  for v_column in
    select a.attrelid::regclass as relation, a.attname, pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) as sequence
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'jobqueue'::regnamespace and c.relkind = 'r' and a.attidentity <> ''
    order by 3
  loop
    sequence := v_column.sequence;
    execute format('select last_value + is_called::int from %s', sequence) into next_value;
    if sequence::regclass = 'jobqueue.jobs_id_seq'::regclass then
      highest := jobqueue.highest_job_id_1();
    else
      execute format('select max(%I) from %s', v_column.attname, v_column.relation) into highest;
    end if;
    if next_value <= highest then
      return next;
    end if;
  end loop;
end $$;

-- raise_sequences_1: for after a restore or a cut-over. Answers how many were behind; none are afterwards.
create or replace function jobqueue.raise_sequences_1()
returns int
language sql volatile
as $$
  select count(jobqueue.next_free_id_1(b.sequence, b.highest))::int from jobqueue.sequences_behind_1() b
$$;
