/** Shared by `npm run dev` and `npm start`: prepares database, migrations and secrets, then runs the app and its ticker until they end. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { listenForStop, readSchedules, supervise } from '@conversure/jobqueue/dev';
import { firstFreePort, isFree } from '@conversure/jobqueue/embedded';
import { addressFor, originOf } from './address.ts';
import { openDatabase } from './database.ts';
import { dataFolder, loadEnvironment, type Mode, PROJECT } from './environment.ts';
import type { StandIns } from './remote-systems.ts';
import { describe, developmentSecrets, productionSecrets } from './secrets.ts';
import { SetupError } from './setup-error.ts';
import { noteStandIns } from './stand-ins-note.ts';

const print = (line: string) => console.log(line);
/** As many as a developer could have open; further on something is wrong. */
const PORTS = 20;

/** Resolves to the exit code. Whatever was started here has ended by then, and nothing else. */
export async function run(mode: Mode): Promise<number> {
  const signals = listenForStop();
  loadEnvironment(mode);
  const { port, hostname } = addressFor(mode);
  if (mode === 'production') requireBuild();
  const secrets = mode === 'production' ? productionSecrets() : developmentSecrets(dataFolder());
  const database = await openDatabase({ embedded: mode === 'development' });
  try {
    await database.migrate(print);
    print(`Database  ${database.address}`);
    if (mode === 'development') for (const line of describe(secrets)) print(line);
    const realPort = mode === 'production' ? await requirePort(port, hostname) : await findPort(port, hostname);
    const origin = originOf({ hostname, port: realPort });
    const standIns = mode === 'development' ? await startStandIns(origin) : null;
    return await supervise({
      app: {
        args: [
          createRequire(import.meta.url).resolve('next/dist/bin/next'),
          mode === 'production' ? 'start' : 'dev',
          '--port',
          String(realPort),
          ...(hostname ? ['--hostname', hostname] : []),
        ],
        env: {
          ...secrets,
          ...standIns?.env,
          DATABASE_URL: database.url,
          ...(database.embedded && !process.env.OPERATOR_SECRET && { JOBQUEUE_OPEN_CONSOLE: '1' }),
          NODE_ENV: mode,
          NEXT_TELEMETRY_DISABLED: process.env.NEXT_TELEMETRY_DISABLED ?? '1',
          // Next.js' own 100 ms would kill a development server before its drain has given back.
          NEXT_EXIT_TIMEOUT_MS: '10000',
        },
      },
      origin,
      readyPath: '/api/health',
      schedules: readSchedules(join(PROJECT, 'vercel.json')),
      cronSecret: secrets.CRON_SECRET,
      signals,
      print,
    }).finally(() => standIns?.stop());
  } finally {
    await database.stop();
  }
}

/** Imported lazily, because no other part of a script needs test code. */
async function startStandIns(origin: string): Promise<StandIns> {
  const { openStandIns } = await import('./remote-systems.ts');
  const standIns = await openStandIns({ origin, environment: process.env });
  for (const line of standIns.lines) print(line);
  const forget = noteStandIns(dataFolder(), { app: origin, origins: standIns.origins, env: standIns.env });
  return {
    ...standIns,
    stop: () => {
      forget();
      return standIns.stop();
    },
  };
}

async function findPort(wanted: number, host: string | undefined): Promise<number> {
  const port = await firstFreePort(wanted, { count: PORTS, ...(host && { host }) });
  if (port !== wanted) print(`Port ${wanted} is taken; using ${port}.`);
  return port;
}

/** In production something in front of us points at this very port. */
async function requirePort(port: number, host: string | undefined): Promise<number> {
  if (await isFree(port, host)) return port;
  throw new SetupError(`Port ${port} is taken. Stop what listens there, or choose another with PORT or --port.`);
}

function requireBuild(): void {
  if (existsSync(join(PROJECT, '.next', 'BUILD_ID'))) return;
  throw new SetupError('There is no production build yet: run npm run build first.');
}
