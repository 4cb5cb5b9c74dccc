/** A queue by its database: does it answer, how, with which schema, and do ticks arrive. */
import { existsSync, readFileSync } from 'node:fs';
import { environment } from '../../../../../lib/config.ts';
import { jobs } from '../../../../../lib/queue/jobs.ts';
import { SetupError } from '../../../../../scripts/setup-error.ts';
import { createQueue } from '../../index.ts';
import { connect, type Database } from '../../postgres/connect.ts';
import { addressOf, connectionError } from '../../postgres/connection-error.ts';
import { MigrationError } from '../../postgres/errors.ts';
import { DEFAULT_SCHEMA } from '../../postgres/schema.ts';
import { readPending } from '../pending.ts';
import { companySecretFindings } from './company-secrets.ts';
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

export async function examineDatabase(url: string): Promise<Finding[]> {
  const secrets = secretFindings(['CRON_SECRET', 'OPERATOR_SECRET', 'QUEUE_API_KEY']);
  const pooling = poolingFinding({ url, unpooled: process.env.DATABASE_URL_UNPOOLED });
  const database = connect(url);
  try {
    const server = await examineServer(database);
    const schema = await examineSchema(database);
    const own = await companySecretFindings(database);
    return [
      ...secrets,
      ...own,
      ...server,
      pooling,
      ...schema,
      await zoneFinding(database),
      ...cronLine(),
      ...pushLine(),
    ];
  } catch (error) {
    const known = connectionError(error, { variable: 'DATABASE_URL', address: addressOf(url) });
    if (known === null) throw error;
    return [...secrets, red('database', 'it cannot be used', known.message), pooling];
  } finally {
    await database.close();
  }
}

async function examineServer(database: Database): Promise<Finding[]> {
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
    await rightsFinding(database),
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

async function examineSchema(database: Database): Promise<Finding[]> {
  try {
    const { pending } = await readPending();
    if (pending.length > 0) {
      const some = pending.length > 3 ? `${pending.slice(0, 3).join(', ')} …` : pending.join(', ');
      const found = red(
        'migrations',
        `${pending.length} are missing: ${some}`,
        'npx jobqueue migrate, before the code that needs them is deployed',
      );
      return [
        found,
        ...((await isInstalled(database))
          ? healthFindings(await healthOf(database)).filter(({ name }) => name === 'cron')
          : []),
      ];
    }
  } catch (error) {
    if (!(error instanceof MigrationError || error instanceof SetupError)) throw error;
    return [red('migrations', 'they cannot be read', error.message)];
  }
  // that it answers is known; that it takes writes is not
  const findings = healthFindings(await healthOf(database)).filter(
    ({ name, state }) => name !== 'database' || state === 'red',
  );
  const queue = createQueue({ database, jobs, environment: environment(), log: () => {} });
  return [ok('migrations', 'all are applied'), environmentFinding(await queue.environments()), ...findings];
}

async function isInstalled(database: Database): Promise<boolean> {
  const [row] = await database.execute<{ there: boolean }>({
    text: `select to_regprocedure('jobqueue.health_1(jsonb)') is not null as there`,
    params: [],
  });
  return row?.there === true;
}

function healthOf(database: Database) {
  return createQueue({ database, jobs, log: () => {} }).health();
}

/** Of the app in this folder, if it uses drizzle-kit. */
function pushLine(): Finding[] {
  const found = drizzleFinding('.', DEFAULT_SCHEMA);
  return found === null ? [] : [found];
}

/** Of the app in this folder, if it is one for Vercel. */
function cronLine(): Finding[] {
  if (!existsSync('vercel.json')) return [];
  const mend = 'add { "path": "/api/cron/drain", "schedule": "* * * * *" } to "crons" (npx jobqueue init does)';
  try {
    const { crons = [] } = JSON.parse(readFileSync('vercel.json', 'utf8')) as {
      crons?: { path?: string; schedule?: string }[];
    };
    const line = crons.find(({ path }) => path === '/api/cron/drain');
    if (line === undefined) return [red('vercel.json', 'it has no cron for /api/cron/drain', mend)];
    return [ok('vercel.json', `/api/cron/drain at ${line.schedule}`)];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [red('vercel.json', 'it is not JSON', 'mend its syntax')];
  }
}
