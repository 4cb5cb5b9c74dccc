/** Deletes a saved mapping of a company. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';

/** Imports that used it keep their columns. Throws 404 if the company has none of this name. */
export async function forgetMapping(database: Executor, companyId: string, name: string): Promise<void> {
  const forgotten = await database.execute({
    text: 'delete from import_mappings where company_id = $1 and name = $2 returning name',
    params: [companyId, name],
  });
  if (forgotten.length === 0) throw new HttpError(404, 'not_found', 'There is no saved mapping of this name.');
}
