/**
 * The view `public."JobQueue"`, created on request only. It serves apps that replace the Prisma queue of that name and keep SQL
 * that reads it.
 */
import type { Session } from './migration-session.ts';

/** Live and finished jobs with the columns of that table. */
const JOBS = `
select id::text as id, type, case when lease_until is null then 'PENDING' else 'PROCESSING' end as status,
       priority::int as priority, (attempt + started::int)::int as attempts,
       max_attempts::int as maxattempts, errors -> -1 ->> 'message' as lasterror,
       idempotency_key as idempotencykey, due_at as scheduledfor, started_at as startedat,
       null::timestamptz as completedat, created_at as createdat
from jobqueue.live_jobs
union all
select id::text, type, status::text, priority::int, attempt::int, max_attempts::int, errors -> -1 ->> 'message',
       idempotency_key, due_at, started_at, finished_at, created_at
from jobqueue.finished_jobs`;

/** Fails where the name is taken. */
export const COMPATIBILITY_VIEW = `create view public."JobQueue" as ${JOBS}`;

/** Set where the view is ours, and of a release that kept each finished job as a row. */
const IS_OF_BEFORE_BATCHES = `
select exists (
  select from pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
  where r.ev_class = to_regclass('public."JobQueue"') and d.refobjid = to_regclass('jobqueue.job_history')) as is_old`;

/** Makes the view where its name is free; a relation of that name, ours or not, stays as it is. Logs what it did. */
export async function createCompatibilityView(session: Session, log: (line: string) => void): Promise<void> {
  const { rows } = await session.query<{ taken: boolean }>(
    `select to_regclass('public."JobQueue"') is not null as taken`,
  );
  if (rows[0]?.taken) return log('public."JobQueue" exists and was left as it is');
  await session.query(COMPATIBILITY_VIEW);
  log('created the view public."JobQueue"');
}

/** Lets the view that a release before batches made read them; its grants stay. Logs what it did. */
export async function renewCompatibilityView(session: Session, log: (line: string) => void): Promise<void> {
  const { rows } = await session.query<{ is_old: boolean }>(IS_OF_BEFORE_BATCHES);
  if (rows[0]?.is_old !== true) return;
  await session.query(`create or replace view public."JobQueue" as ${JOBS}`);
  log('renewed the view public."JobQueue"');
}
