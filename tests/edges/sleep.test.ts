/** DATABASE_SLEEP through the app's own endpoints: where the wake hint is kept, and that enqueues over HTTP end the sleep. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { databaseSleepMs } from '../../lib/config.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const SECRET = 'a-secret-of-sleeping-ticks';
/** The symbol under which @vercel/functions finds the request's context. */
const PLATFORM = Symbol.for('@vercel/request-context');

type Report = { stopReason: string; claimed: number };
type Dispatcher = Record<'GET' | 'POST', (request: Request) => Promise<Response>>;

let db: TestDatabase;

beforeAll(async () => {
  db = await freshDatabase();
});
beforeEach(() => {
  vi.resetModules();
  vi.stubEnv('DATABASE_URL', db.url);
  vi.stubEnv('DATABASE_SLEEP', '1h');
  for (const name of ['CRON_SECRET', 'QUEUE_API_KEY']) vi.stubEnv(name, SECRET);
});
afterEach(() => {
  vi.unstubAllEnvs();
  Reflect.deleteProperty(globalThis, PLATFORM);
});
afterAll(async () => {
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await database().close();
  await db.drop();
});

const headers = { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' };

async function app() {
  const api = (await import('../../app/api/route.local.ts')) as Dispatcher;
  return {
    async tick(): Promise<Report> {
      return (await (await api.GET(new Request('https://queue.example/api/cron/drain', { headers }))).json()) as Report;
    },
    async enqueue() {
      const body = JSON.stringify({
        type: 'ai_generation',
        payload: { conversationId: 'none', messageId: 'none', companyId: 'none' },
      });
      const answer = await api.POST(new Request('https://queue.example/api/jobs', { method: 'POST', headers, body }));
      expect(answer.status).toBe(201);
    },
  };
}

/** The first tick of a database that has not ticked for minutes finds that red, and the watch looks again within a minute. */
async function fallAsleep(tick: () => Promise<Report>): Promise<void> {
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  const text = "update jobqueue.watch set reds = '{}', looked_at = now() + interval '1 hour'";
  await database().execute({ text, params: [] });
  expect(await tick()).toMatchObject({ stopReason: 'empty' });
  expect(await tick()).toMatchObject({ stopReason: 'skipped', claimed: 0 });
}

test('self-hosted the hint is kept in the process, also between two copies of the code', async () => {
  await fallAsleep((await app()).tick);
  vi.resetModules(); // as a bundler gives a page and an endpoint a copy each
  const { tick, enqueue } = await app();
  expect(await tick()).toMatchObject({ stopReason: 'skipped' });
  await enqueue();
  await expect.poll(tick).toMatchObject({ claimed: 1 });
});

test('on the platform it is kept in the runtime cache, each deployment for itself', async () => {
  const entries = new Map<string, unknown>();
  const kept: Promise<unknown>[] = [];
  const cache = {
    get: async (key: string) => entries.get(key) ?? null,
    set: async (key: string, value: unknown) => void entries.set(key, value),
  };
  Object.assign(globalThis, {
    [PLATFORM]: { get: () => ({ cache, waitUntil: (promise: Promise<unknown>) => kept.push(promise) }) },
  });
  vi.stubEnv('VERCEL_DEPLOYMENT_ID', 'dpl_one');
  const { tick, enqueue } = await app();
  await fallAsleep(tick);
  expect([...entries.keys()].every((key) => key.startsWith('jobqueue-dpl_one$'))).toBe(true);
  expect(entries.size).toBe(2);
  await enqueue();
  await Promise.all(kept);
  expect(await tick()).toMatchObject({ claimed: 1 });

  vi.resetModules();
  vi.stubEnv('VERCEL_DEPLOYMENT_ID', 'dpl_two');
  expect(await (await app()).tick()).toMatchObject({ stopReason: 'empty' });
});

test('without DATABASE_SLEEP every tick asks the database', async () => {
  vi.stubEnv('DATABASE_SLEEP', undefined);
  const { tick } = await app();
  for (let n = 0; n < 3; n++) expect(await tick()).toMatchObject({ stopReason: 'empty' });
});

test.each(['10s', '25h', 'soon', '-1h', '1'.repeat(30)])('DATABASE_SLEEP=%s is refused by its name', (value) => {
  vi.stubEnv('DATABASE_SLEEP', value);
  expect(databaseSleepMs).toThrow('DATABASE_SLEEP: expected a duration from 1m to 24h');
});
