/** The PostgreSQL under measurement: one server, the same durable settings for every queue, gone afterwards whatever happens. */
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  dataFolder,
  findBinaries,
  freePort,
  initialise,
  type Place,
  SUPERUSER,
  serverAccount,
  startServer,
  stopServer,
} from '@conversure/jobqueue/embedded';

/**
 * fsync, synchronous_commit and full_page_writes stay on, as in production. The rest keeps a checkpoint from falling into one
 * queue's run and not into another's; nothing here favours any of them.
 */
const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '30min',
  // Four instances of graphile-worker may hold 26 each.
  max_connections: 200,
};

export interface BenchServer {
  readonly url: string;
  /** Stops it, with a checkpoint or as if it crashed, and starts it again. Throws for a server that is not ours. */
  restart(how: 'fast' | 'immediate'): Promise<void>;
  stop(): Promise<void>;
}

/** The server of `url`, left as it is found but for databases of our own, or a throw-away one if there is no `url`. */
export async function startBenchServer(url: string | undefined): Promise<BenchServer> {
  if (url)
    return {
      url,
      restart: () => Promise.reject(new Error('expected a server of our own, got the one of DATABASE_URL')),
      stop: async () => {},
    };
  const home = mkdtempSync(join(tmpdir(), 'jobqueue-bench-'));
  const remove = () => rmSync(home, { recursive: true, force: true });
  try {
    const account = serverAccount();
    if (account) chownSync(home, account.uid, account.gid);
    const place: Place = { home, account, binaries: findBinaries({ account, copyTo: join(home, 'postgresql') }) };
    const password = randomBytes(16).toString('hex');
    // A clear-text check: a hashed one would charge each queue for how many connections it opens.
    await initialise(place, { password, flags: ['--auth=password'] });
    const port = await freePort();
    await startServer(place, { ...SETTINGS, port });
    const killNow = () => {
      process.kill(serverPid(place), 'SIGQUIT'); // an immediate stop: no checkpoint of what is about to be deleted
      remove();
    };
    process.once('exit', killNow); // should the run be broken off
    return {
      url: `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`,
      async restart(how) {
        if (how === 'immediate') await crash(place);
        else await stopServer(place);
        await startServer(place, { ...SETTINGS, port });
      },
      async stop() {
        process.off('exit', killNow);
        await stopServer(place);
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Its sessions end with it; what was committed is replayed from the log. */
async function crash(place: Place): Promise<void> {
  process.kill(serverPid(place), 'SIGQUIT');
  while (existsSync(join(dataFolder(place), 'postmaster.pid'))) await new Promise((resolve) => setTimeout(resolve, 20));
}

function serverPid(place: Place): number {
  return Number(readFileSync(join(dataFolder(place), 'postmaster.pid'), 'utf8').split('\n')[0]);
}
