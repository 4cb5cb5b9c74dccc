/** Makes a company with what cannot be guessed of it: the country of its local numbers and its time zone. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';
import type { NewCompany } from './request.ts';

/** Throws 409 if the id is taken. */
export async function createCompany(database: Executor, { id, name, country, timeZone }: NewCompany): Promise<void> {
  const made = await database.execute({
    text: `
      with company as (
        insert into companies (id, name, default_country) values ($1, $2, $3)
        on conflict (id) do nothing
        returning id
      )
      insert into company_settings (company_id, time_zone) select id, $4 from company
      returning 1`,
    params: [id, name, country, timeZone],
  });
  if (made.length > 0) return;
  throw new HttpError(409, 'company_exists', `Nothing was made: the id ${id} belongs to another company.`, [
    { path: 'id', message: 'belongs to another company' },
  ]);
}
