/** Brings a database to the schema of this code: versioned files run once, repeatable ones whenever their text changed. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { diagnose } from '../core/diagnosis.ts';
import { createCompatibilityView, renewCompatibilityView } from './compatibility-view.ts';
import { isRefusal, MigrationError } from './errors.ts';
import { openSession, requireUnicode, type Session, settle, withoutView } from './migration-session.ts';
import { inSchema, schemaName } from './schema.ts';

/**
 * One line of history: its versioned files, then its repeatable ones. A folder that does not exist holds no files. In all of them
 * `jobqueue.` stands for the queue's schema, whatever that is called.
 */
export interface MigrationSource {
  readonly scope: string;
  readonly versioned: string;
  readonly repeatable?: string;
}

/** Options of `migrate`. Only `url` is required. */
export interface MigrateOptions {
  /** The direct URL: behind a transaction pooler the session lock below would guard nothing. */
  readonly url: string;
  /** The schema that the queue lives in, made by the first run unless it exists; default 'jobqueue'. One database can hold several. */
  readonly schema?: string | undefined;
  /** The environment of this process: a new database of the queue belongs to it from then on, and 'production' also takes one that belongs to none. */
  readonly environment?: string | undefined;
  /** Creates the view `public."JobQueue"`; an app that replaces a Prisma queue of that name can keep its SQL. Default false. */
  readonly compatibilityView?: boolean;
  /** Gets one line per applied file. */
  readonly log?: (line: string) => void;
  /** In the order in which they run; default: the queue's own alone. */
  readonly sources?: readonly MigrationSource[];
}

/** Applied migrations, in order, as `scope/file`. Empty if the database was up to date. */
export interface MigrateReport {
  readonly applied: readonly string[];
}

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const isBuilt = import.meta.url.endsWith('.js');

/** The queue's own history. The build holds its functions without their comments, which are a twelfth of the package. */
export const QUEUE_MIGRATIONS: MigrationSource = {
  scope: 'jobqueue',
  versioned: folder('../../sql/migrations'),
  repeatable: folder(isBuilt ? '../sql/functions' : '../../sql/functions'),
};

/** The same SQL with a blank line in place of each that is a comment alone: errors go on naming the line of the source. */
export function withoutComments(sql: string): string {
  return sql.replaceAll(/^[ \t]*--.*$/gm, '');
}

/** Another deployment's migrations are minutes at most; a build that waits longer should fail with a reason. */
const OTHER_MIGRATION_MS = 5 * 60_000;
/** An `alter table` that waits for a lock makes every later query wait behind it: better to fail and be repeated. */
const TABLE_LOCK_MS = 10_000;

/**
 * Applies what is missing under a session advisory lock: of two that run at once the second waits and finds nothing to do. Each
 * versioned file has a transaction of its own; the changed functions of a source share one, so that no query meets half of them.
 * The queue's own files touch nothing outside of its schema; only the view of `compatibilityView` is there. Rejects with a `MigrationError`, with QueueError `option_invalid` for a
 * schema's name, or with the driver's error when it cannot connect. Files that were recorded by newer code are left alone, so that
 * older code can be deployed again.
 */
export async function migrate({
  url,
  schema: given,
  environment,
  compatibilityView = false,
  log = () => {},
  sources = [QUEUE_MIGRATIONS],
}: MigrateOptions): Promise<MigrateReport> {
  const schema = schemaName(given, { call: 'migrate' });
  const found = await readSources(sources, schema);
  const session = await openSession(url, schema);
  try {
    await settle(session);
    await requireUnicode(session);
    await lockOutOthers(session);
    await prepareRecord(session, schema);
    const recorded = await readRecord(session);
    const applied: string[] = [];
    const note = ({ id }: MigrationFile) => {
      applied.push(id);
      log(`applied ${id}`);
    };
    for (const { versioned, repeatable } of found) {
      for (const file of versioned) {
        if (!isNew(file, recorded)) continue;
        await inTransaction(session, () => apply(session, file));
        note(file);
      }
      const changed = repeatable.filter(({ id, sha256 }) => recorded.get(id) !== sha256);
      await inTransaction(session, () => replaceAll(session, changed));
      changed.forEach(note);
    }
    const isFirst = recorded.size === 0;
    if (environment !== undefined && (isFirst || environment === 'production')) await own(session, environment, log);
    await renewCompatibilityView(session, log);
    if (compatibilityView) await createCompatibilityView(session, log);
    return { applied };
  } finally {
    await session.end(); // ends the session, and with it the advisory lock
  }
}

/** Migrations that `migrate` would apply now, in order, as `scope/file`. Writes nothing and takes no lock; rejects as `migrate` does. */
export async function pendingMigrations({
  url,
  schema: given,
  sources = [QUEUE_MIGRATIONS],
}: MigrateOptions): Promise<readonly string[]> {
  const schema = schemaName(given, { call: 'pendingMigrations' });
  const found = await readSources(sources, schema);
  const session = await openSession(url, schema);
  try {
    const recorded = (await hasRecord(session)) ? await readRecord(session) : new Map<string, string>();
    return found.flatMap(({ versioned, repeatable }) => [
      ...versioned.filter((file) => isNew(file, recorded)).map(({ id }) => id),
      ...repeatable.filter(({ id, sha256 }) => recorded.get(id) !== sha256).map(({ id }) => id),
    ]);
  } finally {
    await session.end();
  }
}

/** The first one stays the owner: only `adopt` moves a database. */
async function own(session: Session, environment: string, log: (line: string) => void): Promise<void> {
  const { rowCount } = await session.query(
    'insert into jobqueue.environment (name) values ($1) on conflict do nothing',
    [environment],
  );
  if (rowCount === 1) log(`belongs to the environment ${environment}`);
}

interface MigrationFile {
  readonly id: string;
  readonly scope: string;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/** Looks first: a role without the right to create schemas can run this in one that was made for it. */
async function prepareRecord(session: Session, schema: string): Promise<void> {
  if (await hasRecord(session)) return;
  const { rows } = await session.query<{ missing: boolean }>("select to_regnamespace('jobqueue') is null as missing");
  if (rows[0]?.missing) await session.query(`create schema "${schema}"`);
  await session.query(RECORD);
}

async function hasRecord(session: Session): Promise<boolean> {
  const { rows } = await session.query<{ there: boolean }>(
    "select to_regclass('jobqueue.migrations') is not null as there",
  );
  return rows[0]?.there ?? false;
}

const RECORD = `
create table if not exists jobqueue.migrations (
  scope      text        not null,
  name       text        not null,
  sha256     text        not null,
  applied_at timestamptz not null default now(),
  primary key (scope, name)
);
`;

async function lockOutOthers(session: Session): Promise<void> {
  await session.query(`set lock_timeout = ${OTHER_MIGRATION_MS}`);
  try {
    await session.query("select pg_advisory_lock(hashtextextended('jobqueue.migrate', 0))");
  } catch (error) {
    if (!isRefusal(error) || error.code !== '55P03') throw error;
    const minutes = OTHER_MIGRATION_MS / 60_000;
    throw new MigrationError(
      `another migration of this queue has been running for ${minutes} minutes: let it end (pg_stat_activity shows it as "jobqueue migrate"), then run this again`,
      { cause: error },
    );
  }
  await session.query(`set lock_timeout = ${TABLE_LOCK_MS}`);
}

/** `scope/name` → hash. Repeatable files are recorded as `functions/name`, so a versioned one may have the same name. */
async function readRecord(session: Session): Promise<Map<string, string>> {
  const { rows } = await session.query<{ id: string; sha256: string }>(
    "select scope || '/' || name as id, sha256 from jobqueue.migrations",
  );
  return new Map(rows.map(({ id, sha256 }) => [id, sha256]));
}

function isNew({ id, sha256 }: MigrationFile, recorded: ReadonlyMap<string, string>): boolean {
  const before = recorded.get(id);
  if (before === undefined || before === sha256) return before === undefined;
  throw new MigrationError(
    `${id} was changed after it had been applied: restore its text and put the change into a new migration`,
  );
}

/** First without a look at their bodies, so that functions may call each other whatever their files are called; then with one. */
async function replaceAll(session: Session, files: readonly MigrationFile[]): Promise<void> {
  for (const check of ['off', 'on']) {
    await session.query(`set local check_function_bodies = ${check}`);
    for (const file of files) await apply(session, file);
  }
}

async function apply(session: Session, { id, scope, name, sql, sha256 }: MigrationFile): Promise<void> {
  try {
    await session.query(sql);
    await session.query(
      `insert into jobqueue.migrations (scope, name, sha256) values ($1, $2, $3)
       on conflict (scope, name) do update set sha256 = excluded.sha256, applied_at = now()`,
      [scope, name, sha256],
    );
  } catch (error) {
    if (!isRefusal(error)) throw error; // the connection is gone
    const message = `${id}${lineOf(error, sql)}: ${error.message} (${error.code}); nothing of it was applied`;
    const means = diagnose(error)?.says;
    throw new MigrationError(means === undefined ? message : `${message}: ${means}`, { cause: error });
  }
}

async function inTransaction(session: Session, run: () => Promise<void>): Promise<void> {
  await session.query('begin');
  await run(); // should it reject, the session ends and takes the transaction with it
  await session.query('commit');
}

/** The versioned and repeatable files of each source, their texts for this schema. */
function readSources(sources: readonly MigrationSource[], schema: string) {
  return Promise.all(sources.map((source) => readSource(source, schema)));
}

async function readSource(
  source: MigrationSource,
  schema: string,
): Promise<{ versioned: MigrationFile[]; repeatable: MigrationFile[] }> {
  const { scope } = source;
  const versioned = await sqlFiles(source.versioned);
  const repeatable = source.repeatable ? await sqlFiles(source.repeatable) : [];
  const misnamed = versioned.find(([name]) => !/^\d{4}_[a-z0-9_]+\.sql$/.test(name));
  if (misnamed) throw new MigrationError(`${scope}/${misnamed[0]}: expected a name like 0001_jobs.sql`);
  const twin = versioned.find(([name], n) => name.slice(0, 4) === versioned[n - 1]?.[0].slice(0, 4));
  if (twin) throw new MigrationError(`${scope}/${twin[0]}: another migration has the same number`);
  return {
    versioned: versioned.map(([name, sql]) => migrationFile(scope, name, sql, schema)),
    repeatable: repeatable.map(([name, sql]) =>
      migrationFile(scope, `functions/${name}`, scope === QUEUE_MIGRATIONS.scope ? withoutComments(sql) : sql, schema),
    ),
  };
}

/** The hash is that of the text, whatever the schema is called. */
function migrationFile(scope: string, name: string, text: string, schema: string): MigrationFile {
  const sha256 = createHash('sha256').update(text).digest('hex');
  const own = scope === QUEUE_MIGRATIONS.scope ? withoutView(text) : text;
  return { id: `${scope}/${name}`, scope, name, sql: inSchema(own, schema), sha256 };
}

/** Name and text of each `.sql` file, sorted. Line ends are unified: a checkout on Windows must not look like a change. */
async function sqlFiles(path: string): Promise<[name: string, sql: string][]> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const sql = names.filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    sql.map(async (name): Promise<[string, string]> => {
      const text = await readFile(`${path}/${name}`, 'utf8');
      return [name, text.replaceAll('\r\n', '\n')];
    }),
  );
}

function lineOf(error: object & { readonly position?: string }, sql: string): string {
  if (error.position === undefined) return '';
  return `:${sql.slice(0, Number(error.position) - 1).split('\n').length}`;
}
