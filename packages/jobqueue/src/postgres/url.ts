/** A database URL, read once. The password stays in `href`, which goes to a driver and never into a message. */
import { DatabaseUsageError } from './errors.ts';

export interface DatabaseUrl {
  /** The full URL, passed to the driver only. */
  readonly href: string;
  readonly host: string;
  /** `host:port/database`: fit for a message. */
  readonly address: string;
}

const EXPECTED = 'expected postgresql://user:password@host:5432/database, with special characters percent-encoded';

/** Parses `url`, or throws `database_url_invalid` without repeating any of it. */
export function parseDatabaseUrl(url: string): DatabaseUrl {
  if (!URL.canParse(url.trim()))
    throw new DatabaseUsageError('database_url_invalid', `The database URL is not a URL: ${EXPECTED}.`);
  const parsed = new URL(url.trim());
  if (parsed.protocol !== 'postgres:' && parsed.protocol !== 'postgresql:')
    throw new DatabaseUsageError(
      'database_url_invalid',
      `The database URL has a scheme that is not Postgres': ${EXPECTED}.`,
    );
  const host = decodeURIComponent(parsed.hostname) || parsed.searchParams.get('host') || '';
  const database = parsed.pathname.slice(1);
  if (host === '' || database === '')
    throw new DatabaseUsageError(
      'database_url_invalid',
      `The database URL lacks its host or its database: ${EXPECTED}.`,
    );
  if (!parsed.searchParams.has('application_name')) parsed.searchParams.set('application_name', 'jobqueue');
  const port = parsed.port || parsed.searchParams.get('port') || '5432';
  return { href: parsed.href, host, address: `${host}:${port}/${database}` };
}
