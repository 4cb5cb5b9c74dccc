/** The statements of `./testing`. They move and delete rows as no drain and no operator may. */
import type { StoredError } from '../../core/serialize.ts';
import type { Executor } from '../database.ts';
import { type JobRow, liveJobs as liveJobsOf } from './jobs.ts';
import { only } from './rows.ts';

/** Every live job, waiting or held. */
const LIVE_IDS = `array(select id from jobqueue.jobs
  union all select i from jobqueue.leases l join jobqueue.batches b on b.id = l.batch cross join lateral unnest(b.ids) i)`;

/** Live jobs by id; each criterion may be null. `payload`: JSON that the payload contains, as `@>` of jsonb compares. */
export async function liveJobs(
  executor: Executor,
  { type, payload, limit }: { readonly type: string | null; readonly payload: string | null; readonly limit: number },
): Promise<JobRow[]> {
  return executor.execute<JobRow>({
    text: `select j.* from (${liveJobsOf(LIVE_IDS)}) j
      where ($1::text is null or type = $1::text) and ($2::text is null or payload @> $2::text::jsonb)
      order by j.id::bigint limit $3::int`,
    params: [type, payload, limit],
  });
}

/** Now, by Postgres' clock. */
export async function clock(executor: Executor): Promise<string> {
  return only(await executor.execute<{ now: string }>({ text: 'select now()::text as now', params: [] })).now;
}

export interface FailedRun {
  readonly id: string;
  readonly type: string;
  readonly error: StoredError;
}

/** Runs that failed since that instant, in order. A cancel is stored as an error too, but is none. */
export async function failedRuns(executor: Executor, since: string, limit: number): Promise<FailedRun[]> {
  return executor.execute<FailedRun>({
    text: `
      select job.id::text as id, job.type, entry.error
      from (select id, type, null as status, errors from jobqueue.live_jobs
            union all
            select id, type, status::text, errors from jobqueue.finished_jobs) job
      cross join lateral jsonb_array_elements(job.errors) with ordinality entry (error, place)
      where (entry.error ->> 'at')::timestamptz >= $1::timestamptz
        and not (job.status is not distinct from 'CANCELLED' and entry.place = jsonb_array_length(job.errors))
      order by (entry.error ->> 'at')::timestamptz, job.id, entry.place
      limit $2::int`,
    params: [since, limit],
  });
}

/**
 * Makes pending jobs of these types due now whose time comes until then, and answers how many. Tokens and blocks of rate limits go with
 * them: as much time has passed for both.
 */
export async function letTimePass(executor: Executor, types: readonly string[], until: string): Promise<number> {
  const rows = await executor.execute<{ moved: number }>({
    text: `
      with moved as (
        update jobqueue.jobs set due_at = now()
        where lease_until is null and due_at > now() and due_at <= $2::timestamptz and due_at < jobqueue.waits_for_children()
          and type = any(array(select jsonb_array_elements_text($1::text::jsonb)))
        returning id
      ), refilled as (
        delete from jobqueue.buckets where exists (select from moved)
      )
      select count(*)::int as moved from moved`,
    params: [JSON.stringify(types), until],
  });
  return only(rows).moved;
}

/**
 * Lets this much time pass for rows: all that lies ahead comes nearer, and all that counts from an instant has lasted longer. One statement, so
 * that a drain sees all of it or nothing. Parents that wait for children have no time to come.
 */
export async function advance(executor: Executor, byMs: number): Promise<number> {
  const rows = await executor.execute<{ moved: number }>({
    text: `
      with by as materialized (select $1::float8 * interval '1 ms' as ms),
      jobs_moved as (
        update jobqueue.jobs
        set due_at = due_at - by.ms, created_at = created_at - by.ms, lease_until = lease_until - by.ms
        from by where due_at < jobqueue.waits_for_children()
        returning 1
      ), leases_moved as (
        update jobqueue.leases set lease_until = lease_until - by.ms from by
      ), keys_moved as (
        update jobqueue.idempotency_keys set expires_at = expires_at - by.ms from by where expires_at is not null
      ), buckets_moved as (
        update jobqueue.buckets
        set refilled_at = refilled_at - by.ms, blocked_until = blocked_until - by.ms, promised_until = promised_until - by.ms
        from by
      ), replays_moved as (
        update jobqueue.replays
        set started_at = started_at - by.ms, looked_at = looked_at - by.ms, last_moved_at = last_moved_at - by.ms,
            budget_from = budget_from - by.ms
        from by where ended_at is null
      )
      select count(*)::int as moved from jobs_moved`,
    params: [byMs],
  });
  return only(rows).moved;
}

/** Ids of jobs, live or finished, in the order in which they were enqueued; each criterion may be null. */
export async function jobIds(
  executor: Executor,
  wanted: {
    readonly id: string | null;
    readonly type: string | null;
    readonly payload: string | null;
    readonly limit: number;
  },
): Promise<string[]> {
  const rows = await executor.execute<{ id: string }>({
    text: `
      select id::text as id
      from (select id, type, payload from jobqueue.live_jobs union all select id, type, payload from jobqueue.finished_jobs) job
      where ($1::bigint is null or id = $1::bigint) and ($2::text is null or type = $2::text)
        and ($3::text is null or payload @> $3::text::jsonb)
      order by job.id limit $4::int`,
    params: [wanted.id, wanted.type, wanted.payload, wanted.limit],
  });
  return rows.map(({ id }) => id);
}

/** Tables without what an app's code and its operators have set. A test holds that each table of the schema is on one side. */
export const LEFT_BY_JOBS = [
  'jobs',
  'job_history',
  'batches',
  'blocks',
  'settlements',
  'leases',
  'notes',
  'idempotency_keys',
  'flows',
  'replays',
  'replayed_jobs',
  'pauses',
  'buckets',
  'drains',
  'rollups',
  'run_times',
  'trends',
  'incidents',
];

/** Deletes all rows that jobs, drains and incidents left, in one statement. Delete needs no right that the app's role lacks. */
export async function clear(executor: Executor): Promise<void> {
  const deletes = LEFT_BY_JOBS.map((table) => `${table}_gone as (delete from jobqueue.${table})`);
  await executor.execute({ text: `with ${deletes.join(', ')} select`, params: [] });
}
