/** The session of a migration: settings that our files are written for, and what a database or a role may lack. */
import type pg from 'pg';
import { MigrationError } from './errors.ts';

/** By name, because PostgreSQL 15 and 16 do not know the last one. */
const SETTINGS = `
select set_config(known.name, wanted.setting, false)
from (values ('default_transaction_isolation', 'read committed'), ('standard_conforming_strings', 'on'),
             ('client_min_messages', 'warning'),  -- the notices of "if not exists" would be noise on every run
             ('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0')) as wanted(name, setting)
join pg_settings known on known.name = wanted.name`;

/** Sets aside what the role has set: a migration may take minutes, and after a wait for a lock it must see what was committed meanwhile. */
export async function settle(client: pg.Client): Promise<void> {
  await client.query(SETTINGS);
}

/** Throws before anything is applied: a database of another encoding would fail half-way, or at the first payload that it cannot hold. */
export async function requireUnicode(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    "select current_database() as name, current_setting('server_encoding') as encoding",
  );
  const { name, encoding } = rows[0];
  if (encoding === 'UTF8' || encoding === 'SQL_ASCII') return; // the latter stores bytes as they come
  throw new MigrationError(
    `the database ${name} has the encoding ${encoding}, which cannot hold every payload; nothing was applied. Create it with ` +
      "create database … encoding 'UTF8' template template0, and run this again",
  );
}

/** The view of the system that the queue replaces, the only thing of ours in `public`. Released migrations never change. */
const WANTS_VIEW = 'if to_regclass(\'public."JobQueue"\') is null then';

/** The text of a migration as this role can apply it: one that may not create in `public` does without that view. */
export async function fitFor(client: pg.Client, sql: string): Promise<string> {
  if (!sql.includes(WANTS_VIEW)) return sql;
  const { rows } = await client.query(
    "select coalesce(has_schema_privilege(to_regnamespace('public'), 'create'), false) as may",
  );
  return rows[0].may ? sql : sql.replace(WANTS_VIEW, 'if false then');
}
