/** The faults whose recovery is compared: each strikes two processes that work at a steady rate, or their server. */
import pg from 'pg';
import type { BenchServer } from '../server.ts';

/** Everything that a fault may reach. */
export interface Scene {
  readonly server: BenchServer;
  /** The database of the queue under measurement. */
  readonly url: string;
  /** SIGKILLs this one of the two processes, and starts another at once. */
  kill(which: 0 | 1): Promise<void>;
  /** Enqueues so many more jobs. */
  enqueue(count: number): Promise<void>;
}

/** A fault of the comparison. */
export interface RecoveryFault {
  readonly name: string;
  strike(scene: Scene): Promise<void>;
}

/** A condition that lasts, ms. */
const LASTS_MS = 6_000;
/** Sessions that read all the time. */
const READERS = 4;
const BURST = 10_000;
/** The server has 200 connections. */
const MOST_HOGS = 250;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function asClients<T>(
  url: string,
  count: number,
  act: (clients: readonly pg.Client[]) => Promise<T>,
): Promise<T> {
  const clients: pg.Client[] = [];
  try {
    for (let n = 0; n < count; n++) {
      const client = new pg.Client({ connectionString: url, application_name: 'fault' });
      client.on('error', () => undefined);
      await client.connect();
      clients.push(client);
    }
    return await act(clients);
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  }
}

const END_SESSIONS =
  "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name <> 'fault'";

export const RECOVERY_FAULTS: readonly RecoveryFault[] = [
  { name: 'crash: one of two processes', strike: ({ kill }) => kill(0) },
  {
    name: 'crash under load: both processes',
    async strike({ kill }) {
      await Promise.all([kill(0), kill(1)]);
    },
  },
  {
    name: 'repeated kills: five in five seconds',
    async strike({ kill }) {
      for (let n = 0; n < 5; n++) {
        await kill(n % 2 === 0 ? 0 : 1);
        await pause(1_000);
      }
    },
  },
  { name: 'restart of the server', strike: ({ server }) => server.restart('fast') },
  { name: 'crash of the server', strike: ({ server }) => server.restart('immediate') },
  {
    name: 'backends terminated, three times',
    strike: ({ url }) =>
      asClients(url, 1, async ([client]) => {
        for (let n = 0; n < 3; n++) {
          await client?.query(END_SESSIONS);
          await pause(300);
        }
      }),
  },
  {
    name: 'pool exhausted for 6 s',
    strike: ({ url }) =>
      asClients(url, 1, async ([client]) => {
        for (const until = performance.now() + LASTS_MS; performance.now() < until; ) {
          await client?.query(END_SESSIONS);
          await asClients(url, MOST_HOGS, () => Promise.resolve()).catch(() => pause(300)); // refused at the server's bound
        }
      }),
  },
  {
    name: 'idle in transaction for 6 s',
    strike: ({ url }) =>
      asClients(url, 1, async ([client]) => {
        await client?.query('begin isolation level repeatable read');
        await client?.query('select pg_current_xact_id()');
        await pause(LASTS_MS);
        await client?.query('rollback');
      }),
  },
  {
    name: 'four active readers for 6 s',
    strike: ({ url }) =>
      asClients(url, READERS, async (clients) => {
        const until = performance.now() + LASTS_MS;
        const read = async (client: pg.Client) => {
          while (performance.now() < until) await client.query('select count(*) from pg_class a, pg_class b');
        };
        await Promise.all(clients.map(read));
      }),
  },
  { name: `burst of ${BURST} jobs`, strike: ({ enqueue }) => enqueue(BURST) },
  { name: 'sustained load for 15 s', strike: () => pause(15_000) },
];
