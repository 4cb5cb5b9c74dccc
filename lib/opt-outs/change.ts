/** Writes an opt-out for a person who asked a colleague, and lifts one where the rules permit. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';
import { type Country, readPhone } from '../phone/index.ts';
import { USER_ID } from '../providers/whatsapp/person.ts';
import type { Lifting, NewOptOut } from './request.ts';

export interface Person {
  readonly phone: string | null;
  readonly userId: string | null;
}

/** Whom an operator means. Throws 404 for an unknown company, 400 for what is neither a number nor a user id. */
export async function personOf(database: Executor, { companyId, person }: NewOptOut): Promise<Person> {
  const [company] = await database.execute<{ country: string }>({
    text: 'select default_country as country from companies where id = $1',
    params: [companyId],
  });
  if (company === undefined)
    throw new HttpError(404, 'company_unknown', 'Nothing was written: there is no such company.', [
      { path: 'companyId', message: 'there is no such company' },
    ]);
  const userId = person.slice(0, 2).toUpperCase() + person.slice(2); // behind the country, case may count
  if (USER_ID.test(userId)) return { phone: null, userId };
  const read = readPhone(person, { country: company.country as Country });
  if ('phone' in read) return { phone: read.phone, userId: null };
  throw new HttpError(400, 'person_invalid', 'Nothing was written: this is not the number of a person.', [
    { path: 'person', message: 'said' in read ? read.said : 'this says that there is no number' },
  ]);
}

/** Answers whether it is new: a person who refused this before is left as they are. */
export async function addOptOut(database: Executor, given: NewOptOut, { phone, userId }: Person): Promise<boolean> {
  const [row] = await database.execute<{ is_new: boolean }>({
    text: `select opt_out($1, $2, $3, $4, 'admin', $5) as is_new`,
    params: [given.companyId, phone, userId, given.scope, given.reason],
  });
  return row?.is_new === true;
}

/** The sources that are the company's own. Every other source is the person's own word, or Meta's for the person. */
const OWN: readonly string[] = ['admin', 'import'];

/** Tells whether lifting it needs a note how the person asked for it. */
export const needsNote = (source: string): boolean => !OWN.includes(source);

export interface Lifted extends Person {
  readonly companyId: string;
  readonly scope: string;
  readonly source: string;
}

/**
 * Throws 404 for an unknown one, 409 for one that was lifted or given again since it was read, and 400 for one that the person gave, if
 * nobody says how they took it back.
 */
export async function readLiftable(database: Executor, { id, version, howAsked }: Lifting): Promise<Lifted> {
  const [found] = await database.execute<Lifted & { version: string; isLifted: boolean }>({
    text: `
      select company_id as "companyId", phone_e164 as phone, whatsapp_user_id as "userId", scope, source,
             (extract(epoch from opted_out_at) * 1000000)::bigint::text as version, lifted_at is not null as "isLifted"
      from opt_outs where id = $1`,
    params: [id],
  });
  if (found === undefined) throw new HttpError(404, 'not_found', `There is no opt-out ${id}.`);
  const { version: now, isLifted, ...lifted } = found;
  if (isLifted || now !== version) throw changedSince();
  if (needsNote(found.source) && howAsked === undefined)
    throw new HttpError(400, 'note_missing', 'Nothing was lifted: the person gave this opt-out.', [
      { path: 'howAsked', message: 'expected how and when the person asked to be written to again' },
    ]);
  return lifted;
}

/** Throws 409 if it changed since it was looked at. */
export async function liftOptOut(database: Executor, { id, version }: Lifting, { source }: Lifted): Promise<void> {
  const lifted = await database.execute({
    text: `
      update opt_outs set lifted_at = now()
      where id = $1 and lifted_at is null and source = $3
        and opted_out_at = timestamptz 'epoch' + $2::bigint * interval '1 microsecond'
      returning 1`,
    params: [id, version, source],
  });
  if (lifted.length === 0) throw changedSince();
}

function changedSince(): HttpError {
  return new HttpError(
    409,
    'opt_out_changed',
    'Nothing was lifted: it was lifted already, or the person refused again since this page was opened.',
  );
}
