/** The database crashes and comes back in the middle of a drain: what was answered stands, and the drain goes on where it was. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { DRIVERS } from '../../../tests/support/driver-parity.ts';
import { startTestServer, type TestServer } from '../../../tests/support/server.ts';
import { connect } from '../src/postgres/connect.ts';
import { migrate } from '../src/postgres/migrate.ts';
import { networkFor } from './drain-process.ts';
import { emptyTables, queueOf, rows, statuses } from './support.ts';

const JOBS = 1_000;

let server: TestServer; // of its own: nobody else's survives this

beforeAll(async () => {
  server = await startTestServer(process.env.TEST_POSTGRES_BIN);
  await migrate({ url: server.url });
  const database = connect(server.url);
  await rows(database, 'alter database postgres set synchronous_commit = on'); // or the crash could undo what was answered
  await database.close();
});

afterAll(() => server.stop());

/** The death of one session makes PostgreSQL end all others and recover from its log, as after a crash. */
async function crash(): Promise<void> {
  const victim = connect(server.url);
  const [session] = await rows<{ pid: number }>(victim, 'select pg_backend_pid() as pid');
  process.kill(session?.pid ?? Number.NaN, 'SIGKILL');
  await vi.waitFor(() => rows(victim, 'select 1'), { timeout: 15_000 }); // over a session that was made since
  await victim.close();
}

test.each(DRIVERS)('a restart of the database in the middle of a drain loses nothing, over %s', async (driver) => {
  const network = await networkFor(driver, server.url);
  const database = connect(network.way.url, network.way.connection);
  await emptyTables(database);
  const { queue, seen } = queueOf(database);
  await queue.addJobs(
    Array.from({ length: JOBS }, (_, n) => ({ type: 'work' as const, payload: { mode: 'sleep' as const, n, ms: 5 } })),
  );
  const draining = queue.drain({ budgetMs: 25_000, maxBatch: 100 });
  await vi.waitFor(() => expect(seen.order.length).toBeGreaterThan(JOBS / 4), { timeout: 10_000, interval: 2 });
  await crash();
  expect(seen.order.length).toBeLessThan(JOBS); // it was in the middle
  expect(await draining).toMatchObject({ completed: JOBS, lost: 0, rescued: 0, retried: 0, stopReason: 'empty' });
  expect(new Set(seen.starts.values())).toEqual(new Set([1]));
  expect(await statuses(database)).toEqual({ COMPLETED: JOBS });
  await database.close();
  await network.close();
});
