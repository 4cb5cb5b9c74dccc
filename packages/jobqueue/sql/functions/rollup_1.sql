-- rollup_1: writes what one drain has counted. Part of step_1 and step_2, in the transaction of the step that settled what is counted.
--
-- rollups   {version, rows: [[minute, type, completed, failed, dead, cancelled, waitMs, runMs, waits, runs]]}
--           minute: since 1970; waits and runs: counts per bin as text of an int[], see packages/jobqueue/src/core/histogram.ts
--
-- Counts are absolute, and a row is replaced by a later version alone: so a step that is sent twice, or overtaken by another
-- of its drain, counts nothing twice and lowers nothing. Rows of a day ago are folded by then (see fold_rollups_1): a drain that slept
-- so long, frozen by its platform, must not write them anew.
create or replace function jobqueue.rollup_1(drain uuid, rollups jsonb)
returns void
language plpgsql volatile  -- which keeps its plan; before Postgres 18 one in SQL is planned with every call
as $$
#variable_conflict use_column
begin
  insert into jobqueue.rollups as r (minute, type, drain, version, completed, failed, dead, cancelled, wait_ms, run_ms, waits, runs)
  select to_timestamp((e ->> 0)::float8 * 60), e ->> 1, rollup_1.drain, (rollups ->> 'version')::int, (e ->> 2)::int, (e ->> 3)::int,
         (e ->> 4)::int, (e ->> 5)::int, (e ->> 6)::bigint, (e ->> 7)::bigint, (e ->> 8)::int[], (e ->> 9)::int[]
  from jsonb_array_elements(rollups -> 'rows') as x(e)
  where to_timestamp((e ->> 0)::float8 * 60) > now() - interval '1 day'
  on conflict (minute, type, drain) do update
  set version = excluded.version, completed = excluded.completed, failed = excluded.failed, dead = excluded.dead,
      cancelled = excluded.cancelled, wait_ms = excluded.wait_ms, run_ms = excluded.run_ms, waits = excluded.waits, runs = excluded.runs
  where r.version < excluded.version;
end $$;
