/** A queue by its database: does it answer, how, with which schema, and do ticks arrive. */
import { connect, type Database } from '../../postgres/connect.ts';
import { addressOf, connectionError } from '../../postgres/connection-error.ts';
import { DatabaseUsageError, MigrationError } from '../../postgres/errors.ts';
import { placedDatabase } from '../../postgres/schema.ts';
import { packageRoot } from '../load-config.ts';
import { type QueueOn, queueOn } from '../load-queue.ts';
import { readPending } from '../migrations.ts';
import { cronFindings } from './cron.ts';
import { drizzleFinding } from './drizzle.ts';
import { environmentFinding } from './environment.ts';
import { type Finding, ofClock, ok, red, warn } from './finding.ts';
import { healthFindings } from './health.ts';
import { poolingFinding } from './pooling.ts';
import { secretFindings } from './secrets.ts';
import { rightsFinding, settingsFindings } from './settings.ts';
import { zoneFinding } from './zones.ts';

const OLDEST = 15;
const NEWEST = 18;

/** `config`: the path of the app's configuration, if one was named. */
export async function examineDatabase(
  url: string,
  { config: given }: { readonly config?: string },
): Promise<Finding[]> {
  const database = connect(url);
  const pooling = poolingFinding({ url, unpooled: process.env.DATABASE_URL_UNPOOLED });
  let secrets: readonly Finding[] = [];
  try {
    const on = await queueOn(database, { config: given });
    const { checks = [], secrets: needed = [] } = on.config;
    secrets = secretFindings(['CRON_SECRET', ...needed]);
    const server = await examineServer(database, on.queue.schema);
    const placed = placedDatabase(database, on.queue.schema);
    const schema = await examineSchema(placed, on);
    const own: Finding[] = [];
    for (const check of checks) own.push(...(await check({ database })));
    return [
      ...secrets,
      ...own,
      ...server,
      pooling,
      ...schema,
      await zoneFinding(placed),
      ...cronFindings(packageRoot()),
      ...pushLine(on.queue.schema),
    ];
  } catch (error) {
    const known = connectionError(error, { variable: 'DATABASE_URL', address: addressOf(url) });
    if (known === null) throw error;
    return [...secrets, red('database', 'it cannot be used', known.message), pooling];
  } finally {
    await database.close();
  }
}

async function examineServer(database: Database, schema: string): Promise<Finding[]> {
  const askedAtMs = Date.now();
  const [server] = await database.execute<{ version: number; now_ms: number }>({
    text: `select current_setting('server_version_num')::int / 10000 as version, (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`,
    params: [],
  });
  const answeredAtMs = Date.now();
  const { version = 0, now_ms = 0 } = server ?? {};
  const answer = `PostgreSQL ${version} at ${database.address} answers within ${answeredAtMs - askedAtMs} ms`;
  const is = version < OLDEST ? 'too old' : 'newer than what is tested';
  const mend = `PostgreSQL ${OLDEST} to ${NEWEST} is what this runs on`;
  const found =
    version >= OLDEST && version <= NEWEST
      ? ok('database', answer)
      : (version < OLDEST ? red : warn)('database', `${answer}: ${is}`, mend);
  const skewMs = now_ms - (askedAtMs + answeredAtMs) / 2;
  return [
    found,
    await examineDriver(database),
    ofClock(skewMs, "the database's clock"),
    ...(await settingsFindings(database)),
    await rightsFinding(database, schema),
  ];
}

/** The way that the app itself would take, transactions included. */
async function examineDriver(database: Database): Promise<Finding> {
  const [row] = await database.transaction((tx) =>
    tx.execute<{ one: number }>({ text: 'select 1 as one', params: [] }),
  );
  if (row?.one !== 1)
    return red('driver', `${database.driver} gave a wrong answer`, 'open an issue with the version of the driver');
  return ok('driver', `${database.driver}, with transactions`);
}

async function examineSchema(database: Database, on: QueueOn): Promise<Finding[]> {
  try {
    const { pending } = await readPending(on.config);
    if (pending.length > 0) {
      const some = pending.length > 3 ? `${pending.slice(0, 3).join(', ')} …` : pending.join(', ');
      const found = red(
        'migrations',
        `${pending.length} are missing: ${some}`,
        'npx jobqueue migrate, before the code that needs them is deployed',
      );
      return [
        found,
        ...((await isInstalled(database)) ? (await findingsOf(on)).filter(({ name }) => name === 'cron') : []),
      ];
    }
  } catch (error) {
    if (!(error instanceof MigrationError || error instanceof DatabaseUsageError)) throw error;
    return [red('migrations', 'they cannot be read', error.message)];
  }
  // that it answers is known; that it takes writes is not
  const findings = (await findingsOf(on)).filter(({ name, state }) => name !== 'database' || state === 'red');
  const applied = ok('migrations', 'all are applied');
  return [
    applied,
    environmentFinding(await on.queue.environments()),
    ...findings,
    ...(on.isOwn ? [] : [TYPES_UNKNOWN]),
  ];
}

async function isInstalled(database: Database): Promise<boolean> {
  const [row] = await database.execute<{ there: boolean }>({
    text: `select to_regprocedure('jobqueue.health_1(jsonb)') is not null as there`,
    params: [],
  });
  return row?.there === true;
}

/** Without the app's job types every due job would seem to lack a handler. */
async function findingsOf({ queue, isOwn }: QueueOn): Promise<Finding[]> {
  return healthFindings(await queue.health()).filter(({ name }) => isOwn || name !== 'unhandled');
}

/** A finding about drizzle-kit, if the app in this folder uses it. */
function pushLine(schema: string): Finding[] {
  const found = drizzleFinding(packageRoot(), schema);
  return found === null ? [] : [found];
}

const TYPES_UNKNOWN = warn(
  'config',
  "no jobqueue.config.ts names the app's queue, so handlers of due jobs were not checked",
  "export default defineConfig({ queue: () => import('./jobqueue/queue.ts') }), in the app's folder",
);
