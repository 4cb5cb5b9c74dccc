-- step_2: one round trip of a drain. Settles what ended, notes what runs, then claims the next batch, and keeps the
-- drain's ledger row. Everything it needs comes in, everything it knows goes out: no session state.
--
-- drain        {id, step, source, deadlineMs, claim, again?, keyed?, flowed?, followed?, keyWindowMs, lingerMs, report?, running?, waiting?, held?, environment?, chores?, stopReason,
--              passedOver?, rollups?, tick?: {scheduledAt?, executionId?, coldStart?}, databaseMs?, roundTripMs?}
--              keyed: some outcome is of a job with an idempotency key; flowed: of a child in a flow; followed: of a job that another follows; without report the ledger row is left as it is;
--              waiting: [[queue, type]] of what it holds and has not started; held: [[batch, position]] of the same, every few seconds; environment: with a claim, where the drain runs, or null
-- completed    {{batch, mask, {ranMs}, {endedAgoMs}}}, a row for each batch, with a bit for each of its jobs; results: a list for each row, or null
-- settlements  [{batch, position, to, delayMs?, error?, state?, ranMs?, endedAgoMs?, interrupted?, passed?, postponed?, hold?}]
--              to: dead_letter | cancelled | retry | give_back | continue
-- running      [{batch, position, ranMs?, progress?, state?}]   jobs with news (started, progress, or a checkpoint: state), and every few
--              seconds those without, to hear whether they are still held
-- claim        null, or {limit, free, maxBytes, types: {type: leaseMs}, excluded: [type], queues?: [queue], lanes?, past?, first, idle,
--              alone, suspects, includePaused, followUps?, nextTokenInMs?}; types: all with a handler here; excluded: those not to be probed now;
--              lanes: [[queue, type, priority, afterDueAt, afterId, hasPeers]], or none to have those in use found and returned;
--              past: [queue, type, priority], the lane behind which to look for them;
--              idle: nothing runs in this drain; alone: it holds nothing, so finding nothing ends it;
--              followUps: {type: {completed?, deadLetter?}}, what follows jobs of those types: stored with their batches;
--              nextTokenInMs: when a type that is excluded for its rate limit should be probed again
-- answer       {batches: [{batch, queue, type, priority, ids, dueAt, createdAt, fences, attempts, maxAttempts, keys, payloads, rest}], protocol,
--              lost, revoked, rescued, crashed, lanes, past, unhandled, chores, paused, gone, otherEnvironment, recentRunMs, nextDueInMs, exhausted, peers,
--              nowMs, tookMs}
--              lost, revoked: [[batch, position]] of outcomes and of running jobs that were not this drain's any more;
--              paused: those of drain.waiting that are paused; gone: those of drain.held that are not this drain's any more; otherEnvironment: null, or whose database this is: then nothing was claimed
--              past: null, or the lane at which a look at more than 100,000 of them ended: the next goes on behind it
--              nextDueInMs: of the lanes that this step has seen; exhausted: they hold nothing more that is due, and there are no others
--              of a batch, ids to rest are lists of its jobs in order, or null if all are as most: createdAt is dueAt, fences 1, attempts 0,
--              maxAttempts 3; rest: [rescues, interruptions, state, meta, …] of each, or null
--
-- Promises:
-- * A settlement counts only while its place in the batch is open. One that was recorded already is not lost, so that a
--   step whose answer was lost can be sent again as it is.
-- * Settling ends before claiming starts. As parts of one statement they deadlock from eight drains on: a claim locks
--   a row version that it then rejects, while its owner's settle waits for it.
-- * A claim moves jobs out of the live table into batches, a row for each lane. It probes lanes in order of priority, each lane by
--   (due_at, id) from the caller's cursor, and locks with SKIP LOCKED.
-- * drain.claim is kept through the retries of one step. The lock on it makes a retry wait for its twin, and then it answers the
--   batches that the twin claimed.
-- * Attempts are counted when they end: by the drain's settlement, or here, when the lease of a job that was reported
--   running ran out. A job that was only waiting in a killed drain loses nothing, and one that ran beside others never
--   its last attempt: the function may have died of one of them.
create or replace function jobqueue.step_2(drain jsonb, completed text[], results jsonb, settlements jsonb, running jsonb, claim jsonb)
returns json
language plpgsql volatile
set jit = off
set enable_seqscan = off  -- a session keeps its plans: those of an empty table would read all of it for each lane of the burst that follows
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_began      timestamptz := clock_timestamp();
  v_drain      uuid := drain ->> 'id';
  v_claim      bigint := hashtextextended(drain ->> 'claim', 0);  -- half the bytes of the uuid in every claimed row
  v_lost       jsonb := '[]';
  v_revoked    jsonb := '[]';
  v_rescued    int := 0;
  v_again      boolean := false;
  v_usual      boolean := false;  -- all that is claimed is as most jobs are
  v_alone      boolean := false;  -- all of it comes from one lane, v_lane
  v_lane       jsonb;
  v_jobs       json;
  v_claimed    int := 0;
  v_seen       int := 0;
  v_crashed    bigint[] := '{}';
  v_convicted  bigint[];
  v_lanes      jsonb := claim -> 'lanes';
  v_types      jsonb := claim -> 'types';
  v_limit      int := coalesce((claim ->> 'limit')::int, 0);
  v_free       int := coalesce((claim ->> 'free')::int, 0);
  v_bytes      bigint := coalesce((claim ->> 'maxBytes')::bigint, 0);
  v_paused     boolean := coalesce((claim ->> 'includePaused')::boolean, false);
  v_discover   boolean := claim is not null and coalesce(jsonb_typeof(claim -> 'lanes'), 'null') = 'null';
  v_excluded   jsonb := coalesce(claim -> 'excluded', '[]');
  v_queues     jsonb := nullif(claim -> 'queues', 'null');
  v_unhandled  jsonb;
  v_past       jsonb;
  v_other      text;
  v_more_due   boolean := false;
  v_next_due_at timestamptz;
  v_chores     jsonb;
  v_over       boolean;
  v_report     jsonb;
  v_stop       text;
  v_next_due   float8;
  v_exhausted  boolean := false;
  v_peers      int;
  v_picked     tid[] := '{}';
  v_span       bigint[];
  v_expired    tid[] := '{}';
  v_spared     tid[];
  v_rows       tid[];
  v_all_fit    boolean;
  v_found      int := 0;
  v_suspect    tid;
  v_was        boolean;
  v_now_paused json;
  v_gone       json;
  v_run_times  json;
begin
  -- what it refuses, asked here: a call of a function takes a tenth of a small step
  if current_setting('transaction_isolation') in ('repeatable read', 'serializable') or current_setting('extra_float_digits')::int < -2 then
    perform jobqueue.check_session_1();
  end if;
  if v_claim is not null then
    perform pg_advisory_xact_lock(v_claim);
  end if;

  -- A drain of another environment claims nothing and does no chores; if it has just begun, the ledger does not hear of it, because
  -- it is no tick of this database's. A client of before environments does not say.
  if claim is not null and drain ? 'environment' then
    v_other := jobqueue.other_environment_1(drain ->> 'environment');
    if v_other is not null then
      v_limit := 0;
      v_discover := false;
      drain := drain - 'chores' - case when (drain ->> 'step')::int = 1 then 'report' else '' end;
    end if;
  end if;

  -- 1. Settle what ended. 2. Note what runs. The leases of all that this step writes are locked in the order of their batches: a drain has
  -- two steps in flight. Where nothing but completed jobs comes, settle_2 does.
  if jsonb_array_length(settlements) > 0 or jsonb_array_length(running) > 0 then
    perform from jobqueue.leases l
    where l.batch = any(array(
      select completed[g.n][1]::bigint from generate_series(1, coalesce(array_length(completed, 1), 0)) as g(n)
      union all select s.batch from jsonb_to_recordset(step_2.settlements || step_2.running) as s(batch bigint)))
    order by l.batch for update;
  end if;
  if completed <> '{}' or jsonb_array_length(settlements) > 0 then
    v_lost := jobqueue.settle_2(drain, completed, results, settlements);
  end if;
  if jsonb_array_length(running) > 0 then
    v_revoked := jobqueue.note_2(running);
  end if;

  -- 3. Claim, after the chores, so that jobs which they bring back can be claimed at once.
  if drain ? 'chores' then
    v_chores := jobqueue.chores_1(drain -> 'chores');
  end if;
  if v_limit > 0 then
    -- A repeated step takes what its lost twin claimed, and nothing else: jobs that have arrived since would take the
    -- place of those, which would then wait for the end of a lease that nobody uses.
    if (drain ->> 'again')::boolean and exists (select from jobqueue.leases l where l.claim = v_claim) then
      v_again := true;
      v_seen := v_limit;
      v_limit := 0;
    elsif exists (select from jobqueue.leases l where l.lease_until < now()) then
      select r.rescued, r.crashed into v_rescued, v_crashed from jobqueue.rescue_2() r;
    end if;
    if v_discover then
      perform jobqueue.raise_batches_1();
      select l.lanes, l.unhandled, l.past, l.more_due, l.next_due_at into v_lanes, v_unhandled, v_past, v_more_due, v_next_due_at
      from jobqueue.lanes_2(claim, v_claim) l;
    end if;

    -- 3a. A fresh drain first takes what three drains had no time for, whatever its lane.
    if (claim ->> 'first')::boolean and v_limit > 0 then
      select coalesce(array_agg(ctid), '{}'), coalesce(array_agg(ctid) filter (where expired), '{}'), v_bytes - coalesce(max(total), 0)
      into v_picked, v_expired, v_bytes
      from (
        select ctid, expired, row_number() over place as n, sum(bytes) over (place rows unbounded preceding) as total
        from (
          select j.ctid, j.due_at, j.id, j.payload_bytes + j.state_bytes as bytes,
                 j.lease_until < now() and j.settled_fence <> j.fence as expired
          from jobqueue.jobs j
          where j.passes > 2 and j.rescues = 0 and j.due_at <= now() and v_types ? j.type and not v_excluded ? j.type
            and (j.lease_until is null or j.lease_until < now())
            and (v_queues is null or v_queues ? j.queue)
            and (v_paused or not exists (
                  select from jobqueue.pauses p where p.queue in ('*', j.queue) and p.type in ('*', j.type)))
          order by j.due_at limit least(v_free, v_limit)
          for no key update skip locked
        ) passed_over
        window place as (order by due_at, id)
      ) measured
      where n = 1 or total <= v_bytes;
      v_limit := v_limit - cardinality(v_picked);
      v_free := v_free - cardinality(v_picked);
      v_seen := cardinality(v_picked);
    end if;

    -- 3b. The lanes, most urgent first; lanes of one priority by the due time of their head. A rescued job starts at
    -- once or not at all (it is never claimed ahead), and after two rescues it is no business of this branch.
    -- Most often the most urgent lane has enough or is the only one, and to ask it alone takes a quarter of the time. The two
    -- statements pick the same jobs.
    if v_limit > 0 and v_picked = '{}' then
      select x.e, count(*) over () = 1 into v_lane, v_alone
      from jsonb_array_elements(v_lanes) as x(e)
      where v_types ? (x.e ->> 1) and not v_excluded ? (x.e ->> 1)
        and (v_paused or not exists (
              select from jobqueue.pauses p where p.queue in ('*', x.e ->> 0) and p.type in ('*', x.e ->> 1)))
      order by (x.e ->> 2)::smallint desc limit 1;
      if v_lane is not null and (v_alone or not (v_lane ->> 5)::boolean) then
        select array_agg(ctid), sum(bytes) <= v_bytes and bool_or(rescued) is not true, count(*), bool_and(usual)
        into v_rows, v_all_fit, v_found, v_usual
        from (
          select k.ctid, k.payload_bytes + k.state_bytes as bytes,
                 k.rescues > 0 or k.lease_until < now() and k.settled_fence <> k.fence as rescued,
                 k.fence = 0 and k.attempt = 0 and k.passes = 0 and k.created_at = k.due_at and k.max_attempts = 3 and k.idempotency_key is null
                 and k.meta is null and k.state is null and k.errors is null and k.started_at is null as usual
          from jobqueue.jobs k
          where k.queue = v_lane ->> 0 and k.type = v_lane ->> 1 and k.priority = (v_lane ->> 2)::smallint
            and k.due_at <= now()
            and (k.due_at, k.id) > (coalesce((v_lane ->> 3)::timestamptz, '-infinity'), coalesce((v_lane ->> 4)::bigint, 0))
            and (k.lease_until is null or k.lease_until < now())
            and (k.rescues = 0 or k.rescues = 1 and (k.lease_until is null or k.settled_fence = k.fence))
          order by k.due_at, k.id
          limit v_limit
          for no key update skip locked
        ) c;
        v_alone := v_alone or v_found = v_limit;
      end if;
    end if;
    if v_limit > 0 and not coalesce(v_alone, v_picked = '{}') then  -- null: no lane is open to this drain
      with lanes as materialized (  -- in this order, which the rest keeps
        select l.queue, l.type, l.priority, l.after_due, l.after_id
        from (
          select e ->> 0 as queue, e ->> 1 as type, (e ->> 2)::smallint as priority,
                 coalesce((e ->> 3)::timestamptz, '-infinity') as after_due, coalesce((e ->> 4)::bigint, 0) as after_id,
                 (e ->> 5)::boolean as has_peers
          from jsonb_array_elements(v_lanes) as x(e)
          where v_types ? (e ->> 1) and not v_excluded ? (e ->> 1)
            and (v_paused or not exists (
                  select from jobqueue.pauses p where p.queue in ('*', e ->> 0) and p.type in ('*', e ->> 1)))
        ) l
        -- a lane without peers needs no head: its place is known, and the scan to it passes what other drains hold
        left join lateral (
          select k.due_at from jobqueue.jobs k
          where l.has_peers and k.queue = l.queue and k.type = l.type and k.priority = l.priority
            and k.due_at <= now() and (k.due_at, k.id) > (l.after_due, l.after_id)
            and (k.lease_until is null or k.lease_until < now())
          order by k.due_at, k.id limit 1
        ) head on true
        order by l.priority desc, head.due_at
      ), candidates as (
        select c.*
        from lanes l
        cross join lateral (
          select k.ctid, k.due_at, k.id, k.payload_bytes + k.state_bytes as bytes,
                 k.rescues > 0 or k.lease_until < now() and k.settled_fence <> k.fence as rescued,
                 k.fence = 0 and k.attempt = 0 and k.passes = 0 and k.created_at = k.due_at and k.max_attempts = 3 and k.idempotency_key is null
                 and k.meta is null and k.state is null and k.errors is null and k.started_at is null as usual
          from jobqueue.jobs k
          where k.queue = l.queue and k.type = l.type and k.priority = l.priority
            and k.due_at <= now() and (k.due_at, k.id) > (l.after_due, l.after_id)
            and (k.lease_until is null or k.lease_until < now())
            and (k.rescues = 0 or k.rescues = 1 and (k.lease_until is null or k.settled_fence = k.fence))
            and k.ctid <> all(v_picked)
          order by k.due_at, k.id
          limit v_limit
          for no key update skip locked
        ) c
        limit v_limit
      )
      select array_agg(ctid), sum(bytes) <= v_bytes and bool_or(rescued) is not true, count(*), coalesce(bool_and(usual) and v_picked = '{}', false)
      into v_rows, v_all_fit, v_found, v_usual
      from candidates;
    end if;
    v_seen := v_seen + v_found;
    if v_all_fit then
      v_picked := v_picked || v_rows;
    elsif v_found > 0 then
      select v_picked || coalesce(array_agg(p), '{}'), v_expired || coalesce(array_agg(p) filter (where expired), '{}')
      into v_picked, v_expired
      from (
        select p, j.lease_until < now() and j.settled_fence <> j.fence as expired, j.rescues > 0 as rescued, n,
               sum(j.payload_bytes + j.state_bytes) over (order by n) as total
        from unnest(v_rows) with ordinality as c(p, n)
        join jobqueue.jobs j on j.ctid = c.p
      ) measured
      where (n = 1 and v_picked = '{}' or total <= v_bytes) and (n <= v_free or (rescued or expired) is not true);
    end if;

    -- 3c. A suspect runs alone in its drain: one, and only where nothing else is held.
    if (claim ->> 'idle')::boolean and v_limit > 0 and ((claim ->> 'suspects')::boolean or v_picked = '{}') then
      select j.ctid, j.lease_until < now() and j.settled_fence <> j.fence
      into v_suspect, v_was
      from jobqueue.jobs j
      where j.rescues > 0 and j.due_at <= now() and v_types ? j.type and not v_excluded ? j.type
        and (j.lease_until is null or j.lease_until < now())
        and (j.rescues > 1 or j.lease_until < now() and j.settled_fence <> j.fence)
        and (v_queues is null or v_queues ? j.queue)
        and (v_paused or not exists (
              select from jobqueue.pauses p where p.queue in ('*', j.queue) and p.type in ('*', j.type)))
      order by j.due_at limit 1
      for no key update skip locked;
      if v_suspect is not null then
        v_picked := array[v_suspect];
        v_usual := false;
        v_expired := case when v_was then array[v_suspect] else '{}' end;
      end if;
    end if;

    -- 3d. What outlived its lease: some of it may run again, in the order in which it was picked.
    if v_expired <> '{}' then
      select r.spared, r.crashed, v_rescued + cardinality(v_expired) into v_spared, v_convicted, v_rescued from jobqueue.rescue_1(v_expired) r;
      v_crashed := v_crashed || v_convicted;
      if v_convicted <> '{}' and claim ? 'followUps' then
        perform jobqueue.follow_dead_1(v_convicted, '{}', claim -> 'followUps');
      end if;
      v_picked := array(select p from unnest(v_picked) as u(p) where p <> all(v_expired)) || v_spared;
    end if;

    -- 3e. Claim. Jobs of one lane that are as most are need no groups and no lists beyond three.
    if v_picked <> '{}' then
      if v_usual and v_alone then
        with gone as (
          delete from jobqueue.jobs j where j.ctid = any(v_picked) returning j.id, j.due_at, j.payload
        ), batched as (
          insert into jobqueue.batches (drain, queue, type, priority, ids, due_at, payloads, follow)
          select v_drain, v_lane ->> 0, v_lane ->> 1, (v_lane ->> 2)::smallint, array_agg(id), array_agg(due_at), array_agg(payload),
                 claim -> 'followUps' -> (v_lane ->> 1)
          from gone
          returning *
        ), leased as (
          insert into jobqueue.leases (batch, claim, lease_until, open)
          select b.id, v_claim, now() + (v_types ->> b.type)::float8 * interval '1 ms', repeat('1', cardinality(b.ids))::varbit from batched b
        ), placed as (
          insert into jobqueue.blocks (block, last, batch)
          select i.id >> 10, max(i.id & 1023), b.id from batched b cross join lateral unnest(b.ids) as i(id) group by 1, 3
        )
        select json_build_array(jobqueue.batch_json_1(b, null)), cardinality(b.ids), (select array[min(i), max(i)] from unnest(b.ids) i)
        into v_jobs, v_claimed, v_span
        from batched b;
      else
        with gone as (
          delete from jobqueue.jobs j where j.ctid = any(v_picked) returning j.*
        ), grouped as (
          select j.queue::text as queue, j.type::text as type, j.priority::smallint as priority, array_agg(j.id) as ids, array_agg(j.due_at) as due_at,
                 array_agg(j.payload) as payloads,
                 case when bool_or(j.created_at <> j.due_at) filter (where not v_usual) then array_agg(j.created_at) filter (where not v_usual) end as created_at,
                 case when max(j.fence) filter (where not v_usual) > 0 then array_agg(j.fence + 1) filter (where not v_usual) end as fences,
                 case when max(j.attempt) filter (where not v_usual) > 0 then array_agg(j.attempt) filter (where not v_usual) end as attempts,
                 array_agg(j.max_attempts::smallint) filter (where not v_usual) as max_attempts,
                 case when count(j.idempotency_key) filter (where not v_usual) > 0 then array_agg(j.idempotency_key::text) filter (where not v_usual) end as keys,
                 case when count(j.errors) filter (where not v_usual) > 0 then array_agg(j.errors) filter (where not v_usual) end as errors,
                 case when count(r.more) filter (where not v_usual) > 0 then array_agg(r.more) filter (where not v_usual) end as rest
          from gone j
          cross join lateral (
            select case when not v_usual and (j.rescues + j.interruptions + j.passes > 0 or j.state is not null or j.meta is not null
                                              or j.progress is not null or j.started_at is not null)
                     then jsonb_build_array(j.rescues, j.interruptions, j.state, j.meta, j.passes, j.progress, j.started_at) end as more) r
          group by 1, 2, 3
        ), batched as (
          insert into jobqueue.batches (drain, queue, type, priority, ids, due_at, payloads, created_at, fences, attempts, max_attempts, keys, errors, rest, follow)
          select v_drain, queue, type, priority, ids, due_at, payloads, created_at, fences, attempts, max_attempts, keys, errors, rest,
                 claim -> 'followUps' -> type from grouped
          returning *
        ), leased as (
          insert into jobqueue.leases (batch, claim, lease_until, open)
          select b.id, v_claim, now() + (v_types ->> b.type)::float8 * interval '1 ms', repeat('1', cardinality(b.ids))::varbit from batched b
        ), placed as (
          insert into jobqueue.blocks (block, last, batch)
          select i.id >> 10, max(i.id & 1023), b.id from batched b cross join lateral unnest(b.ids) as i(id) group by 1, 3
        )
        select json_agg(jobqueue.batch_json_1(b, null)), sum(cardinality(b.ids)), (select array[min(id), max(id)] from gone)
        into v_jobs, v_claimed, v_span
        from batched b;
      end if;
      -- After a restore without sequences history can hold the id of a live job.
      if exists (select from jobqueue.job_history h where h.id between v_span[1] and v_span[2]) then
        perform jobqueue.part_ids_1(array(
          select unnest(b.ids) from jobqueue.leases l join jobqueue.batches b on b.id = l.batch where l.claim = v_claim));
      end if;
    end if;
    if v_again then
      select json_agg(jobqueue.batch_json_1(b, l.open)), coalesce(sum(bit_count(l.open)), 0)
      into v_jobs, v_claimed
      from jobqueue.leases l join jobqueue.batches b on b.id = l.batch
      where l.claim = v_claim;
    end if;

    -- The number of other drains at work: each of them has a step here, and then a second one of this drain's would only wait. Looked at
    -- as often as the lanes, among the newest 50; a drain notes that it goes on every two seconds at least.
    if v_discover and v_claimed > 0 then
      select count(*) into v_peers
      from (select d.id, d.finished_at, d.last_step_at from jobqueue.drains d
            where d.started_at > now() - interval '15 minutes' order by d.started_at desc limit 50) newest
      where finished_at is null and last_step_at > now() - interval '5 s' and id <> v_drain;
    end if;

    -- When the lanes came to their end, say when the next job of these lanes falls due.
    v_exhausted := v_seen < (claim ->> 'limit')::int and not v_more_due and v_rescued = 0;  -- there may be more leases that ran out
    if v_exhausted then
      select extract(epoch from nullif(least(min(future.due_at), v_next_due_at), jobqueue.waits_for_children()) - now()) * 1000 into v_next_due
      from jsonb_array_elements(v_lanes) as x(e)
      cross join lateral (
        select k.due_at from jobqueue.jobs k
        where k.queue = e ->> 0 and k.type = e ->> 1 and k.priority = (e ->> 2)::smallint and k.due_at > now()
        order by k.due_at limit 1) future
      where v_types ? (e ->> 1) and not v_excluded ? (e ->> 1);
      v_next_due := least(v_next_due, (claim ->> 'nextTokenInMs')::float8);
      v_exhausted := v_past is null;
    end if;
  end if;

  -- The heads of the lanes that this drain had no time for: after three such drains a fresh one takes them first.
  if jsonb_array_length(drain -> 'passedOver') > 0 then
    update jobqueue.jobs j
    set passes = j.passes + 1
    where j.ctid = any(array(
      select c.ctid
      from jsonb_array_elements(drain -> 'passedOver') as x(e)
      cross join lateral (
        select k.ctid from jobqueue.jobs k
        where k.queue = e ->> 0 and k.type = e ->> 1 and k.priority = (e ->> 2)::smallint
          and k.due_at <= now() and k.lease_until is null and k.passes <= 2
        order by k.due_at, k.id limit 10
        for no key update skip locked) c));
  end if;

  -- Counts take the outcomes of this step for settled: if some were lost, the drain corrects them and sends them again.
  if drain ? 'rollups' and v_lost = '[]' then
    perform jobqueue.rollup_1(v_drain, drain -> 'rollups');
  end if;

  -- 4. The ledger, last: its row is locked only until the commit, and a step that finds it locked by the drain's other
  -- step in flight leaves it to that one. A step that finds every lane empty, with nothing else in the drain's hands and
  -- nothing due soon, closes it: an empty tick is one statement.
  if drain ? 'report' then
    v_over := v_discover and v_exhausted and not claim ? 'past' and coalesce((claim ->> 'alone')::boolean, false) and v_claimed = 0 and v_crashed = '{}' and v_lost = '[]' and v_chores is null
              and (v_next_due is null or v_next_due > coalesce((drain ->> 'lingerMs')::float8, 0));
    v_report := (drain -> 'report') || case when v_over
      then jsonb_build_object('stopReason', 'empty', 'nextDueInMs', v_next_due, 'unhandled', coalesce(v_unhandled, '[]'))
      else '{}' end;
    v_stop := case when v_over then 'empty' else drain ->> 'stopReason' end;
    if (drain ->> 'step')::int = 1 then
      insert into jobqueue.drains (id, source, deadline_at, steps, finished_at, stop_reason, report, scheduled_at, execution_id,
        cold_start, round_trips, database_ms)
      values (v_drain, drain ->> 'source', now() + (drain ->> 'deadlineMs')::float8 * interval '1 ms', 1,
              case when v_stop is not null then now() end, v_stop, v_report, (drain -> 'tick' ->> 'scheduledAt')::timestamptz,
              drain -> 'tick' ->> 'executionId', coalesce((drain -> 'tick' ->> 'coldStart')::boolean, false),
              coalesce((v_report ->> 'steps')::int, 1), extract(epoch from clock_timestamp() - v_began) * 1000)
      on conflict (id) do nothing;
    else
      update jobqueue.drains d
      set steps = greatest(d.steps, (drain ->> 'step')::int),
          last_step_at = now(),
          running = coalesce((select array_agg(v::bigint) from jsonb_array_elements_text(drain -> 'running') as r(v)), '{}'),
          report = v_report,
          round_trips = greatest(d.round_trips, (v_report ->> 'steps')::int),
          database_ms = greatest(d.database_ms, (drain ->> 'databaseMs')::float8 + extract(epoch from clock_timestamp() - v_began) * 1000),
          round_trip_ms = greatest(d.round_trip_ms, (drain ->> 'roundTripMs')::float8),
          stop_reason = coalesce(v_stop, d.stop_reason),
          finished_at = case when v_stop is null then d.finished_at else now() end
      where d.ctid = (select c.ctid from jobqueue.drains c where c.id = v_drain for no key update skip locked);
    end if;
  end if;

  -- Asked only where there is something to ask: an expression with a query in it costs a step ten times as much as one without.
  if drain ? 'waiting' then
    select json_agg(w.e) into v_now_paused
    from jsonb_array_elements(drain -> 'waiting') as w(e)
    where exists (select from jobqueue.pauses)
      and exists (select from jobqueue.pauses p where p.queue in ('*', w.e ->> 0) and p.type in ('*', w.e ->> 1));
  end if;
  if drain ? 'held' then
    select coalesce(json_agg(h.e), '[]') into v_gone
    from jsonb_array_elements(drain -> 'held') as h(e)
    where not exists (select from jobqueue.leases l
                      where l.batch = (h.e ->> 0)::bigint and get_bit(l.open, (h.e ->> 1)::int - 1) = 1);
  end if;
  -- of what this drain asks for chores for the first time, or again after a while, and only if it has something to start
  if v_claimed > 0 and drain ? 'chores' then
    select json_object_agg(t.type, t.p95_ms) into v_run_times from jobqueue.run_times t where v_types ? t.type;
  end if;

  return json_build_object(
    'protocol', 2, 'lost', v_lost, 'revoked', v_revoked,
    'batches', coalesce(v_jobs, '[]'), 'rescued', v_rescued, 'crashed', to_json(v_crashed::text[]),
    'lanes', case when v_discover then v_lanes end, 'past', v_past, 'unhandled', v_unhandled, 'chores', v_chores,
    'otherEnvironment', v_other, 'paused', coalesce(v_now_paused, '[]'), 'gone', v_gone,
    'nextDueInMs', v_next_due, 'peers', v_peers,
    'recentRunMs', v_run_times,
    'exhausted', v_exhausted, 'nowMs', (extract(epoch from v_began) * 1000)::float8, 'tookMs', extract(epoch from clock_timestamp() - v_began)::float8 * 1000);
end $$;

-- A batch as a drain reads it: a list for each property, and the places that are its own still if they are not all. See step_2.
create or replace function jobqueue.batch_json_1(b jobqueue.batches, open varbit)
returns json
language sql stable
as $$
  select json_build_object('batch', b.id::text, 'queue', b.queue, 'type', b.type, 'priority', b.priority, 'ids', to_json(b.ids::text[]),
    'dueAt', to_json(b.due_at), 'createdAt', to_json(b.created_at), 'fences', to_json(b.fences), 'attempts', to_json(b.attempts),
    'maxAttempts', to_json(b.max_attempts), 'keys', to_json(b.keys), 'payloads', to_json(b.payloads),
    'rest', to_json(b.rest), 'open', open::text)
$$;
