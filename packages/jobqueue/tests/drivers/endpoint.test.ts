/** The stand-in for Neon's proxy: that it is as strict as the real one, where a queue would notice. */
import { neon } from '@neondatabase/serverless';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { type NeonEndpoint, neonEndpoint } from '../../../../tests/support/neon-endpoint.ts';
import { ConnectionError, connect, type Database } from '../../src/postgres/connect.ts';

let home: TestDatabase;
let endpoint: NeonEndpoint;
let observer: pg.Client;
let composite: Database;

beforeAll(async () => {
  home = await emptyDatabase();
  endpoint = await neonEndpoint(home.url);
  composite = connect(home.url, { driver: 'neon', endpoint: endpoint.origin });
  observer = new pg.Client(home.url);
  await observer.connect();
  await observer.query('create table entries (n int unique)');
  await composite.execute({ text: 'select 1', params: [] });
});

afterAll(async () => {
  await composite.close();
  await observer.end();
  await endpoint.close();
  await home.drop();
});

/** The vendor's own function, aimed at the endpoint: our driver, which has run by then, tells it the way. */
function vendor() {
  const url = new URL(home.url);
  url.port = new URL(endpoint.origin).port;
  return neon(url.href);
}

async function post(body: string, headers: Record<string, string> = {}) {
  return fetch(`${endpoint.origin}/sql`, {
    method: 'POST',
    body,
    headers: {
      'Neon-Connection-String': home.url,
      'Neon-Raw-Text-Output': 'true',
      'Neon-Array-Mode': 'true',
      ...headers,
    },
  });
}

test('answers a statement in the wire format that the proxy documents', async () => {
  const response = await post(JSON.stringify({ query: 'select $1::int4 as n, null as nothing', params: [7] }));
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    fields: [{ name: 'n', dataTypeID: 23, format: 'text' }, { name: 'nothing' }],
    rows: [['7', null]],
    command: 'SELECT',
    rowCount: 1,
    rowAsArray: true,
  });
});

test("a batch of the vendor's driver is one transaction: all of it or nothing", async () => {
  const sql = vendor();
  await sql.transaction([sql`insert into entries values (${1})`, sql`insert into entries values (${2})`], {
    isolationLevel: 'Serializable',
  });
  const failing = sql.transaction([sql`insert into entries values (${3})`, sql`insert into entries values (${1})`]);
  await expect(failing).rejects.toMatchObject({ code: '23505' });
  const readOnly = sql.transaction([sql`insert into entries values (${4})`], { readOnly: true });
  await expect(readOnly).rejects.toMatchObject({ code: '25006' });
  expect((await observer.query('select n from entries order by n')).rows).toEqual([{ n: 1 }, { n: 2 }]);
});

test('two statements in one text are refused', async () => {
  await expect(composite.execute({ text: 'select 1; select 2', params: [] })).rejects.toMatchObject({ code: '42601' });
});

test('more than 64 MB of answer is a 507 without a code, although the statement ran', async () => {
  const outcome = composite.execute({
    text: "insert into entries values (64) returning repeat('x', 68000000) as big",
    params: [],
  });
  await expect(outcome).rejects.toSatisfy((error) => error instanceof ConnectionError && /507/.test(error.message));
  expect((await observer.query('select from entries where n = 64')).rowCount).toBe(1);
});

test('more than 64 MB of request is refused unread', async () => {
  expect((await post('x'.repeat(64 * 1024 * 1024 + 1))).status).toBe(413);
});

test('a lone surrogate in a parameter is refused, as the proxy does', async () => {
  const response = await post(JSON.stringify({ query: 'select $1::text', params: ['\ud800'] }));
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: '' });
});

test('a wrong password is refused without an SQLSTATE, as the proxy does', async () => {
  const url = new URL(home.url);
  url.password = 'wrong';
  const response = await post('{"query":"select 1"}', { 'Neon-Connection-String': url.href });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: '', message: expect.stringContaining('password') });
});

test('the statement of a client that hung up is cancelled', async () => {
  const RUNNING = "select from pg_stat_activity where wait_event = 'PgSleep' and query like '%hung up%'";
  const outcome = composite.execute({ text: "select pg_sleep(60), 'hung up'", params: [] }, { timeoutMs: 2_000 });
  await expect.poll(async () => (await observer.query(RUNNING)).rowCount, { timeout: 1_900 }).toBe(1);
  await expect(outcome).rejects.toBeInstanceOf(ConnectionError);
  await expect.poll(async () => (await observer.query(RUNNING)).rowCount, { timeout: 10_000 }).toBe(0);
});

test('the composite driver sends statements by HTTP and transactions by WebSocket', async () => {
  const sessionsOf = async (run: Pick<Database, 'execute'>) =>
    (await run.execute<{ pid: number }>({ text: 'select pg_backend_pid() as pid', params: [] }))[0]?.pid;
  const pids = await composite.transaction(async (tx) => [await sessionsOf(tx), await sessionsOf(tx)]);
  expect(pids[0]).toBe(pids[1]);
  expect(await sessionsOf(composite)).not.toBe(pids[0]);
  const { rows } = await observer.query('select application_name from pg_stat_activity where pid = $1', [pids[0]]);
  expect(rows).toEqual([{ application_name: 'jobqueue' }]);
});
