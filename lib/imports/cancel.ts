/** Stops an import for good: what it has imported stays, its next slice is refused, its job ends CANCELLED when it notices. */
import type { Executor } from '../../db/database.ts';
import { HttpError } from '../http/errors.ts';

/** Cancelling twice is once. Throws 404 for an unknown import, 409 for one that has ended. */
export async function cancelImport(database: Executor, importId: string): Promise<void> {
  const [found] = await database.execute<{ status: string }>({ text: CANCEL, params: [importId] });
  if (found === undefined) throw new HttpError(404, 'not_found', `There is no import ${importId}.`);
  if (found.status !== 'cancelled')
    throw new HttpError(409, 'import_ended', `Expected an import that has not ended, got one that is ${found.status}.`);
}

const CANCEL = `
with cancelled as (
  update imports
  set status = 'cancelled', finished_at = now()
  where id = $1 and status in ('pending', 'running')
  returning id, status, job_id
), dropped as ( -- of an upload that was never finished: no job will come and do it
  delete from import_parts p using cancelled c where p.import_id = c.id and c.job_id is null
)
select status from cancelled
union all
select status from imports where id = $1 and not exists (select from cancelled)
`;
