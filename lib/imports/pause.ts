/** Stops an import between two slices and lets it go on there: what it has imported stays, its file is kept for a week. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';
import { nextJob } from './enqueued-job.ts';
import { HOLD_DAYS } from './lead-import/hold.ts';
import type { Enqueued } from './upload.ts';

/** Pausing twice is once. Throws 404 for an unknown import, 409 `not_under_way` for one that is not being imported. */
export async function pauseImport(database: Executor, importId: string): Promise<void> {
  const [found] = await database.execute<{ status: string }>({ text: PAUSE, params: [importId] });
  if (found === undefined) throw new HttpError(404, 'not_found', `There is no import ${importId}.`);
  if (found.status !== 'paused')
    throw new HttpError(409, 'not_under_way', `Expected an import under way, got one that is ${found.status}.`);
}

/** Throws 404 for an unknown import, 409 `not_paused` for one that is not paused. */
export async function resumeImport(database: Executor, importId: string): Promise<Enqueued> {
  const [found] = await database.execute<{ status: string; job_id: string | null }>({
    text: RESUME,
    params: [importId],
  });
  if (found === undefined) throw new HttpError(404, 'not_found', `There is no import ${importId}.`);
  if (found.job_id !== null) return { importId, jobId: found.job_id };
  throw new HttpError(409, 'not_paused', `Expected a paused import, got one that is ${found.status}.`);
}

/** The job finds it paused, at its next slice or when it starts, and ends. The one that is enqueued here ends the pause. */
const PAUSE = `
with was as (
  select id, status, size_bytes from imports where id = $1 for no key update
), paused as (
  update imports i
  set status = 'paused', held_at = now()
  from was
  where i.id = was.id and was.status in ('pending', 'running') and was.size_bytes is not null
  returning i.id, company_id, goes, i.status
), ending as (
  select job.id
  from paused
  cross join lateral jobqueue.add_job('lead_import', jsonb_build_object('companyId', paused.company_id, 'importId', paused.id),
    delay_ms => ${HOLD_DAYS} * 86400000.0, idempotency_key => 'lead_import:' || paused.id || ':held:' || paused.goes) as job
)
select status, (select count(*) from ending) as jobs from paused
union all
select status, 0 from was where not exists (select from paused)
`;

const RESUME = `
with found as (
  select id, company_id, goes, status from imports where id = $1 for update
), paused as (
  select * from found where status = 'paused'
), enqueued as (
  ${nextJob('paused')}
), resumed as (
  update imports i
  set status = 'running', held_at = null, goes = i.goes + 1, job_id = enqueued.job_id,
      started_at = coalesce(started_at, now())
  from enqueued
  where i.id = enqueued.id
  returning i.job_id
)
select status, (select job_id::text from resumed) as job_id from found
`;
