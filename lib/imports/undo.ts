/** Takes back what an import created, as far as nothing has touched it since: a job does it, in slices. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';
import { cancelImport } from './cancel.ts';
import { nextJob } from './enqueued-job.ts';
import { importUndo } from './import-undo/job.ts';
import { type JobLookup, readImport } from './status.ts';

export interface Undoing {
  readonly importId: string;
  readonly status: 'undoing' | 'undone';
  readonly jobId: string | null;
}

/**
 * Asking again while it is being undone enqueues another job, which goes on where a lost one stopped; once it is undone that is the
 * answer. Throws 404 for an unknown import, 409 `not_undoable` for one that has not ended, failed, or wrote nothing because it was
 * a dry run.
 */
export async function undoImport(database: Executor, importId: string): Promise<Undoing> {
  const [found] = await database.execute<{ status: string; dry_run: boolean; job_id: string | null }>({
    text: UNDO,
    params: [importId],
  });
  if (found === undefined) throw new HttpError(404, 'not_found', `There is no import ${importId}.`);
  if (found.job_id !== null) return { importId, status: 'undoing', jobId: found.job_id };
  if (found.status === 'undone') return { importId, status: 'undone', jobId: null };
  const was = found.dry_run ? 'a dry run' : `one that is ${found.status}`;
  throw new HttpError(409, 'not_undoable', `Expected an import that is completed or cancelled, got ${was}.`);
}

/** The same, also where the import never heard that its job was cancelled or died: then it is ended first. */
export async function undoWithItsJob(database: Executor, getJob: JobLookup, importId: string): Promise<Undoing> {
  const view = await readImport(database, getJob, importId);
  const isOver = view?.status === 'cancelled' || view?.status === 'failed';
  if (isOver && view.finishedAt === null) await cancelImport(database, importId);
  return undoImport(database, importId);
}

const UNDO = `
with found as (
  select id, company_id, goes, status, dry_run from imports where id = $1 for update
), ended as (
  select * from found where status in ('completed', 'cancelled', 'undoing') and not dry_run
), enqueued as (
  ${nextJob('ended', importUndo)}
), undoing as (
  update imports i
  set status = 'undoing', goes = i.goes + 1, job_id = enqueued.job_id
  from enqueued
  where i.id = enqueued.id
  returning i.job_id
)
select status, dry_run, (select job_id::text from undoing) as job_id from found
`;
