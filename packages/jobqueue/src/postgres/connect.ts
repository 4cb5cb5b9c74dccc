/** The way to Postgres: one `Database`, whichever driver its host asks for. Connects on the first statement, never on import. */
import type { Database } from './database.ts';
import { type NeonOptions, neon, neonHttp, neonWebSocket } from './drivers/neon.ts';
import { postgres } from './drivers/postgres.ts';
import { DatabaseUsageError } from './errors.ts';
import { processGlobal } from './process-global.ts';
import { parseDatabaseUrl } from './url.ts';

export type { Database, ExecuteOptions, Executor, Statement } from './database.ts';
export { ConnectionError, DatabaseUsageError } from './errors.ts';

/** Options of `connect`. */
export interface ConnectOptions extends NeonOptions {
  /** Default: `neon` for the hosts of neon.tech, `postgres` for all others. */
  readonly driver?: Database['driver'];
}

/**
 * Makes a `Database` for a PostgreSQL URL; opens no connection yet. Throws DatabaseUsageError `database_url_invalid`, whose
 * message never contains the password.
 */
export function connect(url: string, options: ConnectOptions = {}): Database {
  switch (options.driver ?? driverFor(url)) {
    case 'postgres':
      return postgres(url);
    case 'neon':
      return neon(url, options);
    case 'neon-http':
      return neonHttp(url, options);
    case 'neon-websocket':
      return neonWebSocket(url, options);
  }
}

function driverFor(url: string): Database['driver'] {
  const { host } = parseDatabaseUrl(url);
  return host.toLowerCase().endsWith('.neon.tech') ? 'neon' : 'postgres';
}

/** The process's database, by `DATABASE_URL`; made on the first call. Throws `database_url_missing` if that is not set. */
export function database(): Database {
  return processGlobal('database', () => connect(requiredUrl()));
}

function requiredUrl(): string {
  const url = process.env.DATABASE_URL;
  if (url) return url;
  throw new DatabaseUsageError(
    'database_url_missing',
    'DATABASE_URL is not set: set it to postgresql://user:password@host:5432/database, or run the app by npx jobqueue dev.',
  );
}
