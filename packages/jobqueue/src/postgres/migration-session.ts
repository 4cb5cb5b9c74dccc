/** The session of a migration: settings that our files are written for, and what a database or a role may lack. */
import type pg from 'pg';
import { KEEP_ALIVE_MS } from './deadlines.ts';
import { loadPg } from './drivers/load.ts';
import { MigrationError } from './errors.ts';
import { inSchema } from './schema.ts';

const CONNECT_MS = 15_000;

/** A connection whose statements reach the queue's schema. */
export interface Session {
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<Row>>;
  end(): Promise<void>;
}

/** Connects, by `pg` alone. Rejects with the driver's error, or with DatabaseUsageError `driver_missing`. */
export async function openSession(url: string, schema: string): Promise<Session> {
  const { Client } = await loadPg();
  const client = new Client({
    connectionString: url,
    application_name: 'jobqueue migrate',
    connectionTimeoutMillis: CONNECT_MS,
    // No deadline, because a migration may take its time. A dead network ends it all the same.
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  });
  client.on('error', () => {
    // A lost connection also rejects the statement that waits for it; unheard, this event would end the process instead.
  });
  await client.connect();
  return { query: (text, values) => client.query(inSchema(text, schema), values), end: () => client.end() };
}

/** Selected by name, because PostgreSQL 15 and 16 do not know the last one. */
const SETTINGS = `
select set_config(known.name, wanted.setting, false)
from (values ('default_transaction_isolation', 'read committed'), ('standard_conforming_strings', 'on'),
             ('client_min_messages', 'warning'),  -- the notices of "if not exists" would be noise on every run
             ('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0')) as wanted(name, setting)
join pg_settings known on known.name = wanted.name`;

/** Sets aside what the role has set: a migration may take minutes, and after a wait for a lock it must see what was committed meanwhile. */
export async function settle(session: Session): Promise<void> {
  await session.query(SETTINGS);
}

/** Throws before anything is applied: a database of another encoding would fail half-way, or at the first payload that it cannot hold. */
export async function requireUnicode(session: Session): Promise<void> {
  const { rows } = await session.query<{ name: string; encoding: string }>(
    "select current_database() as name, current_setting('server_encoding') as encoding",
  );
  const [{ name, encoding }] = rows as [{ name: string; encoding: string }];
  if (encoding === 'UTF8' || encoding === 'SQL_ASCII') return; // the latter stores bytes as they come
  throw new MigrationError(
    `the database ${name} has the encoding ${encoding}, which cannot hold every payload; nothing was applied. Create it with ` +
      "create database … encoding 'UTF8' template template0, and run this again",
  );
}

/** The queue's first migration made a view in `public`. Released migrations never change, so a new database gets it without that view. */
const MAKES_VIEW = 'if to_regclass(\'public."JobQueue"\') is null then';

/** The text of a migration of the queue as a new database gets it: it creates nothing in `public`. */
export function withoutView(sql: string): string {
  return sql.replace(MAKES_VIEW, 'if false then');
}
