-- step_1: one round trip of a drain. Settles what ended, notes what runs, then claims the next batch, and keeps the
-- drain's ledger row. Everything it needs comes in, everything it knows goes out: no session state.
--
-- drain        {id, step, source, deadlineMs, claim, again?, keyed?, flowed?, keyWindowMs, lingerMs, report?, running?, waiting?, held?, environment?, chores?, stopReason,
--              passedOver?, rollups?, tick?: {scheduledAt?, executionId?, coldStart?}, databaseMs?, roundTripMs?}
--              keyed: some outcome is of a job with an idempotency key; flowed: of a child in a flow; without report the ledger row is left as it is;
--              waiting: [[queue, type]] of what it holds and has not started; held: [[id, fence]] of the same, every few seconds; environment: with a claim, where the drain runs, or null
-- completed    {{ids}, {fences}, {ranMs}, {endedAgoMs}}, or {}; results: one for each, null for none, or [] if none has any
-- settlements  [{id, fence, to, delayMs?, error?, state?, ranMs?, endedAgoMs?, interrupted?, passed?, postponed?, hold?}]
--              to: dead_letter | cancelled | retry | give_back | continue
-- running      [{id, fence, ranMs?, progress?, state?}]   jobs with news (started, progress, or a checkpoint: state), and every few
--              seconds those without, to hear whether they are still held
-- claim        null, or {limit, free, maxBytes, types: {type: leaseMs}, excluded: [type], queues?: [queue], lanes?, past?, first, idle,
--              alone, suspects, includePaused, nextTokenInMs?}; types: all with a handler here; excluded: those not to be probed now;
--              lanes: [[queue, type, priority, afterDueAt, afterId, hasPeers]], or none to have those in use found and returned;
--              past: [queue, type, priority], the lane behind which to look for them;
--              idle: nothing runs in this drain; alone: it holds nothing, so finding nothing ends it;
--              nextTokenInMs: when a type that is excluded for its rate limit should be probed again
-- answer       {jobs: [[id, fence, type, queue, priority, attempt, maxAttempts, dueAt, createdAt, payload, rest]], protocol, settled,
--              lost, revoked, rescued, crashed, lanes, past, unhandled, chores, paused, gone, otherEnvironment, recentRunMs, nextDueInMs, exhausted, peers,
--              nowMs, tookMs}
--              paused: those of drain.waiting that are paused; gone: those of drain.held that are not this drain's any more; otherEnvironment: null, or whose database this is: then nothing was claimed
--              past: null, or the lane at which a look at more than 100,000 of them ended: the next goes on behind it
--              nextDueInMs: of the lanes that this step has seen; exhausted: they hold nothing more that is due, and there are no others
--              createdAt: null if it is dueAt; rest: [rescues, interruptions, idempotencyKey, state, meta], or null if it is [0, 0, null, null, null]
--
-- Promises:
-- * A settlement counts only under the fence of its claim. One that was recorded already answers as settled, so that a
--   step whose answer was lost can be sent again as it is.
-- * Settling ends before claiming starts. As parts of one statement they deadlock from eight drains on: a claim locks
--   a row version that it then rejects, while its owner's settle waits for it.
-- * A claim changes no indexed column: updates stay HOT. It probes lanes in order of priority, each lane by
--   (due_at, id) from the caller's cursor, and locks with SKIP LOCKED.
-- * drain.claim is kept through the retries of one step. The lock on it makes a retry wait for its twin, and the rows
--   that the twin claimed are claimed again without raising their fence.
-- * Attempts are counted when they end: by the drain's settlement, or here, when the lease of a job that was reported
--   running ran out. A job that was only waiting in a killed drain loses nothing, and one that ran beside others never
--   its last attempt: the function may have died of one of them.
create or replace function jobqueue.step_1(drain jsonb, completed bigint[], results jsonb, settlements jsonb, running jsonb, claim jsonb)
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
  v_sent       int := coalesce(array_length(completed, 2), 0) + jsonb_array_length(settlements);
  v_lost       bigint[] := '{}';
  v_revoked    bigint[] := '{}';
  v_jobs       json;
  v_claimed    int := 0;
  v_seen       int := 0;
  v_rescued    int := 0;
  v_crashed    bigint[] := '{}';
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
  v_expired    tid[] := '{}';
  v_spared     tid[];
  v_rows       tid[];
  v_sizes      int[];
  v_are_rescued boolean[];
  v_are_expired boolean[];
  v_all_fit    boolean;
  v_found      int;
  v_names      text[];
  v_leases     timestamptz[];
  v_suspect    tid;
  v_was        boolean;
begin
  perform jobqueue.check_session_1();
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

  -- 1. Settle what ended. 2. Note what runs.
  if v_sent > 0 then
    begin
      v_lost := jobqueue.settle_1(drain, completed, results, settlements);
    exception when unique_violation then  -- after a restore without sequences history can hold the id of a live job
      perform jobqueue.part_ids_1(array(select unnest(completed[1:1][:]) union all
                                        select s.id from jsonb_to_recordset(settlements) as s(id bigint)));
      v_lost := jobqueue.settle_1(drain, completed, results, settlements);
    end;
  end if;
  if jsonb_array_length(running) > 0 then
    v_revoked := jobqueue.note_1(running);
  end if;

  -- 3. Claim, after the chores, so that jobs which they bring back can be claimed at once.
  if drain ? 'chores' then
    v_chores := jobqueue.chores_1(drain -> 'chores');
  end if;
  if v_limit > 0 then
    -- Batches are held by the release behind. They come back here as well, or after a roll-back they would not at all.
    if exists (select from jobqueue.leases l where l.lease_until < now()) then
      select r.rescued, r.crashed into v_rescued, v_crashed from jobqueue.rescue_2() r;
    end if;
    if v_discover then
      select l.lanes, l.unhandled, l.past, l.more_due, l.next_due_at into v_lanes, v_unhandled, v_past, v_more_due, v_next_due_at
      from jobqueue.lanes_2(claim, v_claim) l;
    end if;

    -- A repeated step takes what its lost twin claimed, and nothing else: jobs that have arrived since would take the
    -- place of those, which would then wait for the end of a lease that nobody uses. They stand among the first of their
    -- lanes, behind what others hold; were they not among 10,000, they would be rescued like any other.
    if (drain ->> 'again')::boolean then
      v_picked := array(
        select j.ctid from jobqueue.jobs j
        where j.claim = v_claim and j.ctid = any(array(
          select c.ctid
          from jsonb_array_elements(v_lanes) as x(e)
          cross join lateral (
            select k.ctid, k.claim from jobqueue.jobs k
            where k.queue = e ->> 0 and k.type = e ->> 1 and k.priority = (e ->> 2)::smallint and k.due_at <= now()
              and (k.due_at, k.id) > (coalesce((e ->> 3)::timestamptz, '-infinity'), coalesce((e ->> 4)::bigint, 0))
            order by k.due_at, k.id limit 10000) c
          where c.claim = v_claim))
        for no key update skip locked);
      v_seen := cardinality(v_picked);
      if v_seen > 0 then
        v_limit := 0;
      end if;
    end if;

    -- 3a. A fresh drain first takes what three drains had no time for, whatever its lane.
    if (claim ->> 'first')::boolean and v_limit > 0 then
      select coalesce(array_agg(ctid), '{}'), coalesce(array_agg(ctid) filter (where expired), '{}'), v_bytes - coalesce(max(total), 0)
      into v_picked, v_expired, v_bytes
      from (
        select ctid, expired, row_number() over place as n, sum(bytes) over (place rows unbounded preceding) as total
        from (
          select j.ctid, j.due_at, j.id, j.payload_bytes + j.state_bytes as bytes,
                 j.lease_until < now() and j.settled_fence <> j.fence and j.claim is distinct from v_claim as expired
          from jobqueue.jobs j
          where j.passes > 2 and j.rescues = 0 and j.due_at <= now() and v_types ? j.type and not v_excluded ? j.type
            and (j.lease_until is null or j.lease_until < now() or j.claim = v_claim)
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
          and (k.lease_until is null or k.lease_until < now() or k.claim = v_claim)
        order by k.due_at, k.id limit 1
      ) head on true
      order by l.priority desc, head.due_at
    ), candidates as (
      select c.*
      from lanes l
      cross join lateral (
        select k.ctid, k.due_at, k.id, k.payload_bytes + k.state_bytes as bytes, k.rescues > 0 as rescued,
               k.lease_until < now() and k.settled_fence <> k.fence and k.claim is distinct from v_claim as expired
        from jobqueue.jobs k
        where k.queue = l.queue and k.type = l.type and k.priority = l.priority
          and k.due_at <= now() and (k.due_at, k.id) > (l.after_due, l.after_id)
          and (k.lease_until is null or k.lease_until < now() or k.claim = v_claim)
          and (k.rescues = 0 or k.rescues = 1 and (k.lease_until is null or k.settled_fence = k.fence or k.claim = v_claim))
          and k.ctid <> all(v_picked)
        order by k.due_at, k.id
        limit v_limit
        for no key update skip locked
      ) c
      limit v_limit
    )
    select array_agg(ctid), array_agg(bytes), array_agg(rescued or expired), array_agg(expired),
           sum(bytes) <= v_bytes and bool_or(rescued or expired) is not true, count(*)
    into v_rows, v_sizes, v_are_rescued, v_are_expired, v_all_fit, v_found
    from candidates;
    v_seen := v_seen + v_found;
    if v_all_fit then
      v_picked := v_picked || v_rows;
    elsif v_found > 0 then
      select v_picked || coalesce(array_agg(p), '{}'), v_expired || coalesce(array_agg(p) filter (where expired), '{}')
      into v_picked, v_expired
      from (
        select p, rescued, expired, n, sum(bytes) over (order by n) as total
        from unnest(v_rows, v_sizes, v_are_rescued, v_are_expired) with ordinality as c(p, bytes, rescued, expired, n)
      ) measured
      where (n = 1 and v_picked = '{}' or total <= v_bytes) and (n <= v_free or rescued is not true);
    end if;

    -- 3c. A suspect runs alone in its drain: one, and only where nothing else is held.
    if (claim ->> 'idle')::boolean and v_limit > 0 and ((claim ->> 'suspects')::boolean or v_picked = '{}') then
      select j.ctid, j.lease_until < now() and j.settled_fence <> j.fence and j.claim is distinct from v_claim
      into v_suspect, v_was
      from jobqueue.jobs j
      where j.rescues > 0 and j.due_at <= now() and v_types ? j.type and not v_excluded ? j.type
        and (j.lease_until is null or j.lease_until < now() or j.claim = v_claim)
        and (j.rescues > 1 or j.lease_until < now() and j.settled_fence <> j.fence and j.claim is distinct from v_claim)
        and (v_queues is null or v_queues ? j.queue)
        and (v_paused or not exists (
              select from jobqueue.pauses p where p.queue in ('*', j.queue) and p.type in ('*', j.type)))
      order by j.due_at limit 1
      for no key update skip locked;
      if v_suspect is not null then
        v_picked := array[v_suspect];
        v_expired := case when v_was then array[v_suspect] else '{}' end;
      end if;
    end if;

    -- 3d. What outlived its lease: some of it may run again, in the order in which it was picked.
    if v_expired <> '{}' then
      select r.spared, v_crashed || r.crashed into v_spared, v_crashed from jobqueue.rescue_1(v_expired) r;
      v_picked := array(select p from unnest(v_picked) as u(p) where p <> all(v_expired)) || v_spared;
    end if;

    -- 3e. Claim.
    if v_picked <> '{}' then
      -- when each type's lease ends, once a step: looked up and reckoned for each job it takes 0.4 us
      select array_agg(key), array_agg(now() + value::float8 * interval '1 ms') into v_names, v_leases
      from jsonb_each_text(v_types);
      with claimed as (
        update jobqueue.jobs j
        set fence = j.fence + (j.claim is distinct from v_claim)::int,
            claim = v_claim,
            lease_until = v_leases[array_position(v_names, j.type::text)]
        where j.ctid = any(v_picked)
        -- Arrays, not objects: half the bytes, and less than half the time of json_build_object (3.4 against 7.8 us a job).
        -- Base types, not domains, whose type json_build_array looks up anew for every value.
        returning json_build_array(j.id::text, j.fence, j.type::text, j.queue::text, j.priority::smallint, j.attempt,
                                   j.max_attempts::smallint, j.due_at, nullif(j.created_at, j.due_at), j.payload,
                                   case when j.rescues + j.interruptions > 0 or j.idempotency_key is not null
                                          or j.state is not null or j.meta is not null
                                     then json_build_array(j.rescues, j.interruptions, j.idempotency_key::text, j.state, j.meta) end) as job
      )
      select json_agg(job), count(*)
      into v_jobs, v_claimed
      from claimed;
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
    v_exhausted := v_seen < (claim ->> 'limit')::int and not v_more_due;
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
  if drain ? 'rollups' and v_lost = '{}' then
    perform jobqueue.rollup_1(v_drain, drain -> 'rollups');
  end if;

  -- 4. The ledger, last: its row is locked only until the commit, and a step that finds it locked by the drain's other
  -- step in flight leaves it to that one. A step that finds every lane empty, with nothing else in the drain's hands and
  -- nothing due soon, closes it: an empty tick is one statement.
  if drain ? 'report' then
    v_over := v_discover and v_exhausted and not claim ? 'past' and coalesce((claim ->> 'alone')::boolean, false) and v_claimed = 0 and v_crashed = '{}' and v_lost = '{}' and v_chores is null
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

  return json_build_object(
    'protocol', 1, 'settled', v_sent - cardinality(v_lost), 'lost', to_json(v_lost::text[]), 'revoked', to_json(v_revoked::text[]),
    'jobs', coalesce(v_jobs, '[]'), 'rescued', v_rescued + cardinality(v_expired), 'crashed', to_json(v_crashed::text[]),
    'lanes', case when v_discover then v_lanes end, 'past', v_past, 'unhandled', v_unhandled, 'chores', v_chores,
    'otherEnvironment', v_other, 'paused', coalesce((select json_agg(w.e) from jsonb_array_elements(drain -> 'waiting') as w(e)
                        where exists (select from jobqueue.pauses)
                          and exists (select from jobqueue.pauses p where p.queue in ('*', w.e ->> 0) and p.type in ('*', w.e ->> 1))), '[]'),
    -- a subquery for each, which no plan of an empty table can make a join that reads all jobs
    'gone', case when drain ? 'held' then
      (select coalesce(json_agg(h.e ->> 0), '[]') from jsonb_array_elements(drain -> 'held') as h(e)
       where (select j.fence from jobqueue.jobs j
              where j.id = (h.e ->> 0)::bigint and isfinite(j.lease_until) and j.settled_fence <> j.fence) is distinct from (h.e ->> 1)::int) end,
    'nextDueInMs', v_next_due, 'peers', v_peers,
    -- of what this drain asks for chores for the first time, or again after a while, and only if it has something to start
    'recentRunMs', case when v_claimed > 0 and drain ? 'chores' then
      (select json_object_agg(t.type, t.p95_ms) from jobqueue.run_times t where v_types ? t.type) end,
    'exhausted', v_exhausted, 'nowMs', (extract(epoch from v_began) * 1000)::float8, 'tookMs', extract(epoch from clock_timestamp() - v_began)::float8 * 1000);
end $$;
