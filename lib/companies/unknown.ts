/** The refusal of a company that does not exist, with the ids that it was perhaps meant to be. */

import { nearest } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';

/** As many as are compared. */
const MOST_COMPANIES = 1_000;

/** `null` where the company exists. */
export async function unknownCompany(database: Executor, companyId: string): Promise<HttpError | null> {
  const companies = await database.execute<{ id: string }>({
    text: 'select id from companies order by id = $1 desc, created_at desc limit $2::int',
    params: [companyId, MOST_COMPANIES],
  });
  const ids = companies.map(({ id }) => id);
  if (ids[0] === companyId) return null;
  const others = ids.length === 0 ? 'there is none yet' : `the nearest: ${nearest(companyId, ids).join(', ')}`;
  return new HttpError(404, 'company_unknown', `There is no company ${companyId}; ${others}.`, [
    { path: 'companyId', message: `there is no such company; ${others}` },
  ]);
}
