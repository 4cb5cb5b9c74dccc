/** Stops an import for good: what it has imported stays, its next slice is refused, its job ends CANCELLED when it notices. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';

/** Cancelling twice is once. Throws 404 for an unknown import, 409 for one that has ended. */
export async function cancelImport(database: Executor, importId: string): Promise<void> {
  const [found] = await database.execute<{ status: string }>({ text: CANCEL, params: [importId] });
  if (found === undefined) throw new HttpError(404, 'not_found', `There is no import ${importId}.`);
  if (found.status !== 'cancelled')
    throw new HttpError(409, 'import_ended', `Expected an import that has not ended, got one that is ${found.status}.`);
}

const CANCEL = `
with was as (
  select id, status as before from imports where id = $1 for no key update
), cancelled as (
  update imports
  set status = 'cancelled', finished_at = now(), question = null, held_at = null
  from was
  where imports.id = was.id and before in ('pending', 'waiting', 'running', 'paused')
  returning imports.id, status, before, job_id
), ownerless as ( -- an upload that was never finished, or one that is held: no job will come soon and drop its file
  select id from cancelled where job_id is null or before in ('waiting', 'paused')
), dropped as (
  delete from import_parts p using ownerless o where p.import_id = o.id
), dropped_text as (
  delete from import_texts t using ownerless o where t.import_id = o.id
)
select status from cancelled
union all
select before from was where not exists (select from cancelled)
`;
