/** Writes an import: batches of jobs, each atomic, and the final exchange of names. */
import { COMPATIBILITY_VIEW } from '../../postgres/compatibility-view.ts';
import type { Executor } from '../../postgres/database.ts';
import type { NewRow } from './convert.ts';

/** One importer at a time writes; the other finds the rows done. */
const LOCK = "select pg_advisory_xact_lock(hashtextextended('jobqueue.import_prisma', 0))::text";
/** Whoever holds Prisma's table is in the middle of something: better to fail and be repeated than to stop all who enqueue there. */
const TABLE_LOCK_MS = 10_000;

export async function hasBegun(executor: Executor): Promise<boolean> {
  const [found] = await executor.execute<{ begun: boolean }>({
    text: `select to_regclass('jobqueue.prisma_jobs') is not null as begun`,
    params: [],
  });
  return found?.begun === true;
}

/**
 * Creates the table that maps old rows to jobs: an import that was killed continues by it, and it answers "where is cku1…?". It
 * is no migration, because a database without such a table does not need it. It may be dropped when nobody asks any more.
 */
export async function begin(executor: Executor): Promise<void> {
  await executor.execute({
    text: `create table if not exists jobqueue.prisma_jobs (
             old_id      text primary key,
             old_status  text        not null,
             job_id      bigint      not null,
             became      text        not null,
             imported_at timestamptz not null default now()
           )`,
    params: [],
  });
}

/** In a transaction. Rows that are there already are skipped. */
export async function importRows(tx: Executor, rows: readonly NewRow[]): Promise<void> {
  await tx.execute({ text: LOCK, params: [] });
  const json = JSON.stringify(rows);
  await tx.execute({
    text: `delete from jobqueue.idempotency_keys k where k.ctid = any(array(
             select e.ctid from jsonb_to_recordset($1::jsonb) as r(type text, key text)
             join jobqueue.idempotency_keys e on e.type = r.type and e.key = r.key and e.expires_at < now()
             order by e.type, e.key for update of e))`,
    params: [json],
  });
  await tx.execute({ text: INSERT, params: [json] });
}

/**
 * A pending job whose key another job holds by now, enqueued by the new code, is that job: it becomes history, as cancelled, and
 * names the holder. A completed one holds its key for what is left of its window.
 */
const INSERT = `
with input as materialized (
  select (jobqueue.free_job_ids_1(array[nextval('jobqueue.jobs_id_seq')]))[1] as id, r.*
  from jsonb_to_recordset($1::jsonb) as r(
    old_id text, old_status text, fate text, type text, payload jsonb, priority smallint, attempt smallint, max_attempts smallint,
    key text, key_until timestamptz, created_at timestamptz, due_at timestamptz, started_at timestamptz, finished_at timestamptz,
    errors jsonb)
  where not exists (select from jobqueue.prisma_jobs m where m.old_id = r.old_id)
), keyed as (
  insert into jobqueue.idempotency_keys (type, key, job_id, expires_at)
  select type, key, id, key_until from input
  where key is not null and (fate = 'PENDING' or key_until is not null)
  order by type, key
  on conflict (type, key) do nothing
  returning job_id
), judged as materialized (
  select i.*, case when i.fate = 'PENDING' and i.key is not null and k.job_id is null then 'CANCELLED' else i.fate end as became,
         h.job_id as holder
  from input i
  left join keyed k on k.job_id = i.id
  left join jobqueue.idempotency_keys h on h.type = i.type and h.key = i.key
), live as (
  insert into jobqueue.jobs (id, type, payload, payload_bytes, priority, attempt, max_attempts, idempotency_key, created_at, due_at,
                             started_at, errors, meta)
  select id, type, payload, octet_length(payload::text), priority, attempt, max_attempts, key, created_at, due_at, started_at,
         nullif(errors, 'null'), jsonb_build_object('prisma', old_id)
  from judged where became = 'PENDING'
), finished as (
  insert into jobqueue.job_history (id, status, type, queue, payload, priority, attempt, max_attempts, fence, idempotency_key, created_at,
                                    due_at, started_at, finished_at, errors, meta)
  select id, became::jobqueue.terminal_status, type, 'default', payload, priority, attempt, max_attempts, 0, key, created_at, due_at,
         started_at, coalesce(finished_at, now()),
         case when became = 'CANCELLED' then coalesce(nullif(errors, 'null'), '[]') || jsonb_build_array(jsonb_build_object(
                'name', 'ImportError', 'code', 'duplicate', 'attempt', attempt, 'at', now(),
                'message', 'job ' || coalesce(holder::text, 'of the new queue') || ' holds its idempotency key'))
              else nullif(errors, 'null') end,
         jsonb_build_object('prisma', old_id)
  from judged where became <> 'PENDING'
)
insert into jobqueue.prisma_jobs (old_id, old_status, job_id, became) select old_id, old_status, id, became from judged`;

/** In the transaction that ends the import: nobody reads or writes Prisma's table any more. */
export async function closeTable(tx: Executor): Promise<void> {
  await tx.execute({ text: `select set_config('lock_timeout', $1, true)`, params: [`${TABLE_LOCK_MS}ms`] });
  await tx.execute({ text: LOCK, params: [] });
  await tx.execute({ text: 'lock table public."JobQueue" in access exclusive mode', params: [] });
}

/**
 * Rows that changed there after they were imported, because the old worker still ran: if no drain has touched our job yet, it
 * goes, and the row is imported again as it stands now. Answers how many could not be taken back.
 */
export async function takeBackChanged(tx: Executor): Promise<number> {
  const changed = `select m.old_id, m.job_id from jobqueue.prisma_jobs m join public."JobQueue" o on o.id = m.old_id
                   where o.status::text <> m.old_status`;
  await tx.execute({
    text: `
      with changed as materialized (${changed}), gone as (
        delete from jobqueue.jobs j using changed c where j.id = c.job_id and j.fence = 0 returning j.id, c.old_id
      ), freed as (
        delete from jobqueue.idempotency_keys k using gone g where k.job_id = g.id
      )
      delete from jobqueue.prisma_jobs m using gone g where m.old_id = g.old_id`,
    params: [],
  });
  const [left] = await tx.execute<{ n: number }>({ text: `select count(*)::int as n from (${changed}) c`, params: [] });
  return left?.n ?? 0;
}

export async function swapNames(tx: Executor): Promise<void> {
  await tx.execute({ text: 'alter table public."JobQueue" rename to "JobQueue_prisma"', params: [] });
  await tx.execute({ text: COMPATIBILITY_VIEW, params: [] });
}

export interface Imported {
  readonly from: string;
  readonly became: string;
  readonly jobs: number;
}

/** All that was imported, in this call and before. */
export async function imported(executor: Executor): Promise<readonly Imported[]> {
  return executor.execute<Imported>({
    text: `select old_status as "from", became, count(*)::float8 as jobs from jobqueue.prisma_jobs group by 1, 2 order by 1, 2`,
    params: [],
  });
}
