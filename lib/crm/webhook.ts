/** Turns the form that a portal posts into a job. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isJobId } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';
import { digestOf } from '../secrets/seal.ts';
import type { Arrival } from './inbox.ts';

export interface PortalEvent extends Pick<Arrival, 'event' | 'itemId'> {
  readonly ts: string;
  readonly token: string;
}

const EVENTS = ['ONCRMLEADADD', 'ONCRMLEADUPDATE', 'ONCRMLEADDELETE'] as const;

/** Null for an event that nobody asked for; throws 400 for what is no event at all. */
export function eventOf(body: Uint8Array): PortalEvent | null {
  const form = new URLSearchParams(Buffer.from(body).toString('utf8'));
  const token = form.get('auth[application_token]') ?? '';
  const itemId = form.get('data[FIELDS][ID]') ?? '';
  const name = (form.get('event') ?? '').toUpperCase();
  if (name === '' || token === '' || token.length > 200)
    throw new HttpError(400, 'request_invalid', 'The body is not an event of a portal.');
  const event = EVENTS.find((one) => one === name);
  if (event === undefined || !isJobId(itemId)) return null;
  return { event, itemId, ts: (form.get('ts') ?? '').replace(/[^\x21-\x7e]/g, '').slice(0, 20), token };
}

/**
 * Whose portal proves itself by this token: the company's that has it, or that of the one company without a token if it is the
 * deployment's own. Tokens are compared by their digests: the time that takes tells nothing of any of them. A row that an operator
 * wrote by SQL may hold the token itself; a digest that somebody read there and sends is not taken as one. Throws 409 for the
 * deployment's own token where several companies have none.
 */
export async function companyOfToken(
  database: Executor,
  token: string,
  own: readonly string[],
): Promise<string | null> {
  const rows = await database.execute<{ company_id: string; has_token: boolean; candidates: number }>({
    text: `
      select s.company_id, s.application_token is not null as has_token, count(*) over ()::int as candidates
      from crm_settings s
      where s.application_token is null or s.application_token = $1
        or (not starts_with(s.application_token, 'sha256:')
            and 'sha256:' || encode(sha256(convert_to(s.application_token, 'UTF8')), 'hex') = $1)
      order by has_token desc
      limit 1`,
    params: [digestOf(token)],
  });
  const [first] = rows;
  if (first === undefined) return null;
  if (first.has_token) return first.company_id;
  const isOwn = own.map((secret) => timingSafeEqual(hash(secret), hash(token))).includes(true);
  if (!isOwn) return null;
  if (first.candidates === 1) return first.company_id;
  const several = `${first.candidates} companies have no application token of their own: give each that of its portal.`;
  throw new HttpError(409, 'company_unknown', several);
}

function hash(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
