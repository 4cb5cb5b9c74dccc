/** One real PostgreSQL server per test run: in the temporary folder, on a free port, gone afterwards whatever happens. */
import { randomBytes } from 'node:crypto';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverAccount } from '../../packages/jobqueue/src/embedded/account.ts';
import { findBinaries } from '../../packages/jobqueue/src/embedded/binaries.ts';
import { freePort } from '../../packages/jobqueue/src/embedded/port.ts';
import {
  dataFolder,
  initialise,
  lostRace,
  type Place,
  SUPERUSER,
  startServer,
  stopServer,
} from '../../packages/jobqueue/src/embedded/server.ts';

/** Speed over safety: this data need not survive anything. Everything that decides about locks and plans is left as it is. */
const SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
  shared_buffers: '128MB',
  max_wal_size: '2GB',
  // Several files at once, each with many drains of several connections.
  max_connections: 200,
};

export interface TestServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the server of the npm package, or of `bin`, a folder such as `/usr/lib/postgresql/15/bin`. */
export async function startTestServer(bin: string | undefined): Promise<TestServer> {
  const home = mkdtempSync(join(tmpdir(), 'jobqueue-test-'));
  const remove = () => rmSync(home, { recursive: true, force: true });
  try {
    const account = serverAccount();
    if (account) chownSync(home, account.uid, account.gid);
    const binaries = findBinaries({ ...(bin && { bin }), account, copyTo: join(home, 'postgresql') });
    const place = { home, account, binaries };
    const password = randomBytes(16).toString('hex');
    // A clear-text check: a hashed one costs each of thousands of connections several milliseconds.
    await initialise(place, { password, flags: ['--auth=password', '--no-sync'] });
    const port = await startOnFreePort(place);
    const killNow = () => {
      killServer(place);
      remove();
    };
    process.once('exit', killNow); // should the run be broken off
    return {
      url: `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`,
      async stop() {
        await stopServer(place);
        process.off('exit', killNow);
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Another process may take the port between our look and the server's start: then look again. */
async function startOnFreePort(place: Place): Promise<number> {
  const ATTEMPTS = 5; // losing this race once is rare already
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      await startServer(place, { ...SETTINGS, port });
      return port;
    } catch (error) {
      if (attempt === ATTEMPTS || !lostRace(error)) throw error;
    }
  }
}

function killServer(place: Place): void {
  const pid = Number(readFileSync(join(dataFolder(place), 'postmaster.pid'), 'utf8').split('\n')[0]);
  process.kill(pid, 'SIGQUIT'); // an immediate stop: no checkpoint of what is about to be deleted
}
