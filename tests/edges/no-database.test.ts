/** Answers without a database, or without our schema: the client learns little, the log names the next step. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { emptyDatabase, freshDatabase, type TestDatabase } from '../support/database.ts';

const SECRET = 'secret-of-all-0123456789';
const PASSWORD = 'the-database-password';

type Handle = (request: Request) => Promise<Response>;

beforeEach(() => {
  for (const name of ['CRON_SECRET', 'OPERATOR_SECRET', 'QUEUE_API_KEY']) vi.stubEnv(name, SECRET);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('nothing listens at DATABASE_URL', () => {
  const url = `postgres://user:${PASSWORD}@127.0.0.1:1/app`; // a port below 1024 that no test can have opened

  test('the tick answers 500, health 503, an enqueue 500: none says where the database stands', async () => {
    const api = await endpointsOn(url);
    expect(await answer(api.drain, ask('/api/cron/drain'))).toMatchObject([
      500,
      { error: { code: 'database_unavailable' } },
    ]);
    expect(await answer(api.enqueue, enqueuing())).toMatchObject([500, { error: { code: 'database_unavailable' } }]);
    const open = new Request('https://queue.example/api/health');
    expect(await answer(api.health, open)).toEqual([503, { status: 'failing', checks: ['database'] }]);
    expect(lines.text()).toContain('DATABASE_URL');
    expect(lines.text()).toContain(new URL(url).host);
    expect(lines.text()).not.toContain(PASSWORD);
  });
});

describe('a database that was never migrated', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await emptyDatabase();
  });
  afterAll(() => db.drop());

  test('the log names the command that mends it', async () => {
    const api = await endpointsOn(db.url);
    expect(await answer(api.drain, ask('/api/cron/drain'))).toMatchObject([
      500,
      { error: { code: 'database_unavailable' } },
    ]);
    expect((await answer(api.health, ask('/api/health')))[0]).toBe(503);
    expect(lines.text()).toContain('npx jobqueue migrate');
    await api.close();
  });
});

describe('a database that takes no writes', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await freshDatabase();
    const client = new pg.Client(db.url);
    await client.connect();
    await client.query(`alter database ${new URL(db.url).pathname.slice(1)} set default_transaction_read_only = on`);
    await client.end();
  });
  afterAll(() => db.drop());

  test('every answer says so in the words of the server, with what it means and what to do', async () => {
    const api = await endpointsOn(db.url);
    const answers = [
      await answer(api.drain, ask('/api/cron/drain')),
      await answer(api.enqueue, enqueuing()),
      await answer(api.operate, posting('/api/operator', { action: 'pause', type: 'crm_sync', actor: 'ann' })),
      await answer(api.drainByHand, posting('/api/drain', {})),
    ];
    for (const [status, body] of answers) {
      expect([status, body]).toEqual([500, { error: { code: 'database_unavailable', message: expect.any(String) } }]);
      const { message } = (body as { error: { message: string } }).error;
      expect(message).toMatch(/takes no writes\..* replica.* The server says: .*read-only transaction \(25006\)\.$/);
      expect(message).not.toContain(new URL(db.url).host);
    }
    expect(await answer(api.health, ask('/api/health'))).toMatchObject([
      503,
      {
        checks: expect.arrayContaining([
          expect.objectContaining({ name: 'database', ok: false, detail: expect.stringContaining('(25006)') }),
          expect.objectContaining({ name: 'protocol', ok: true }),
        ]),
      },
    ]);
    expect(lines.text()).toContain('25006');
    expect(lines.text()).not.toContain(new URL(db.url).password);
    await api.close();
  });
});

test('without DATABASE_URL the log names the variable', async () => {
  const api = await endpointsOn(undefined);
  expect(await answer(api.drain, ask('/api/cron/drain'))).toMatchObject([
    500,
    { error: { code: 'database_unavailable' } },
  ]);
  expect((await answer(api.health, ask('/api/health')))[0]).toBe(503);
  expect(lines.text()).toContain('DATABASE_URL is not set');
});

let lines: { text(): string };

interface Endpoints {
  readonly drain: Handle;
  readonly drainByHand: Handle;
  readonly enqueue: Handle;
  readonly operate: Handle;
  readonly health: Handle;
  close(): Promise<void>;
}

/** The handlers in a process that has not met a database yet. */
async function endpointsOn(url: string | undefined): Promise<Endpoints> {
  vi.resetModules();
  delete (globalThis as Record<symbol, unknown>)[Symbol.for('conversure.jobqueue.database')];
  vi.stubEnv('DATABASE_URL', url);
  const { log: fresh } = await import('../../lib/log.ts');
  const line = vi.spyOn(fresh, 'error').mockReturnValue();
  // As the log prints them: an Error's message is no property that JSON would show.
  lines = {
    text: () => JSON.stringify(line.mock.calls, (_, value) => (value instanceof Error ? value.message : value)),
  };
  const { GET: drain } = await import('../../api/cron/drain.ts');
  const { POST: drainByHand } = await import('../../api/drain.ts');
  const { POST: operate } = await import('../../api/_queue/operator.ts');
  const { POST: enqueue } = await import('../../api/_queue/jobs.ts');
  const { GET: health } = await import('../../api/_queue/health.ts');
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  return { drain, drainByHand, enqueue, operate, health, close: () => database().close() };
}

async function answer(handle: Handle, request: Request): Promise<[number, unknown]> {
  const response = await handle(request);
  return [response.status, await response.json()];
}

function ask(path: string): Request {
  return new Request(`https://queue.example${path}`, { headers: { authorization: `Bearer ${SECRET}` } });
}

function enqueuing(): Request {
  return posting('/api/jobs', { type: 'crm_sync', payload: { companyId: 'c', leadId: 'l', action: 'create' } });
}

function posting(path: string, body: object): Request {
  return new Request(`https://queue.example${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}
