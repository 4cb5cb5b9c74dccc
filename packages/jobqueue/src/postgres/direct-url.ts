/** The address that migrations use: the session lock that they hold means nothing behind a pooler that shares sessions. */
import { addressOf, type ConnectionVariable } from './connection-error.ts';
import { DatabaseUsageError } from './errors.ts';

/**
 * `DATABASE_URL_UNPOOLED` if it is set, else `DATABASE_URL`. Throws DatabaseUsageError: `database_url_missing` if neither is set,
 * `database_url_pooled` if only a pooled address of Neon is.
 */
export function directUrl(): { readonly variable: ConnectionVariable; readonly url: string } {
  const { DATABASE_URL_UNPOOLED: unpooled, DATABASE_URL: url } = process.env;
  if (unpooled) return { variable: 'DATABASE_URL_UNPOOLED', url: unpooled };
  if (!url)
    throw new DatabaseUsageError(
      'database_url_missing',
      'DATABASE_URL is not set: set it to postgresql://user:password@host:5432/database.',
    );
  const address = addressOf(url);
  if (/^[^.:]+-pooler\./.test(address))
    throw new DatabaseUsageError(
      'database_url_pooled',
      `DATABASE_URL (${address}) is a pooled address, and migrations need a direct one: set DATABASE_URL_UNPOOLED to the same URL without "-pooler".`,
    );
  return { variable: 'DATABASE_URL', url };
}
