/** Jobs in the transaction of whatever client a caller has: there with the caller's rows or not at all, and the same by each of them. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { emptied, JOB_TABLES } from '../../../tests/support/empty.ts';
import { type NeonEndpoint, neonEndpoint } from '../../../tests/support/neon-endpoint.ts';
import { createQueue, defineJob, type Transaction } from '../src/index.ts';
import { connect, type Database } from '../src/postgres/connect.ts';
import { aimNeonAt, CALLERS, type Caller, OF_TOOLS, THROUGH_NEON } from './callers.ts';
import { hasTools } from './tools/installed.ts';

let home: TestDatabase;
let endpoint: NeonEndpoint;
let database: Database;
let queue: ReturnType<typeof queueOn>;
const opened = new Map<string, Caller>();

const payload = z.object({ n: z.union([z.number(), z.array(z.number()), z.string()]) });

function queueOn(database: Database) {
  return createQueue({
    database,
    jobs: [defineJob({ type: 'work', payload }), defineJob({ type: 'other', payload })],
    log: () => undefined,
  });
}

beforeAll(async () => {
  home = await freshDatabase();
  endpoint = await neonEndpoint(home.url);
  aimNeonAt(endpoint.origin);
  database = connect(home.url);
  queue = queueOn(database);
  await database.execute({ text: 'create table orders (n int)', params: [] });
});

afterAll(async () => {
  await Promise.all([...opened.values()].map((caller) => caller.close()));
  await database.close();
  await endpoint.close();
  await home.drop();
});

beforeEach(() => database.execute({ text: emptied('orders', ...JOB_TABLES, 'jobqueue.flows'), params: [] }));

function callerOf(name: string): Caller {
  const open = opened.get(name) ?? CALLERS[name as keyof typeof CALLERS](urlFor(name));
  opened.set(name, open);
  return open;
}

function urlFor(name: string): string {
  const url = new URL(home.url);
  if (THROUGH_NEON.includes(name)) url.port = new URL(endpoint.origin).port;
  return url.href;
}

/** The committed rows of the caller and the payloads of jobs, in their order. */
async function committed(): Promise<{ orders: unknown; jobs: unknown }> {
  const [orders, jobs] = await Promise.all([
    database.execute({ text: 'select n from orders order by n', params: [] }),
    database.execute({ text: 'select id::text as id, type, payload from jobqueue.jobs order by id', params: [] }),
  ]);
  return { orders, jobs };
}

const GOES_BACK = new Error('the order was refused');
const NAMES = Object.keys(CALLERS).filter((name) => hasTools || !OF_TOOLS.includes(name));

describe.each(NAMES)('%s', (name) => {
  test('a job is committed with the row of its caller, and is not seen before', async () => {
    let id: string | undefined;
    await callerOf(name).transaction(async (transaction, order) => {
      await order(1);
      id = (await queue.addJob('work', { n: 'ünï "\\ \u2028' }, { transaction }))?.id;
      expect(await committed()).toEqual({ orders: [], jobs: [] });
    });
    expect(await committed()).toEqual({
      orders: [{ n: 1 }],
      jobs: [{ id, type: 'work', payload: { n: 'ünï "\\ \u2028' } }],
    });
  });

  test('a transaction that rolls back leaves neither, and frees the key', async () => {
    const undone = callerOf(name).transaction(async (transaction, order) => {
      await order(1);
      await queue.addJob('work', { n: 1 }, { transaction, idempotencyKey: 'k' });
      await queue.addFlow(
        { type: 'work', payload: { n: 2 }, children: [{ type: 'other', payload: { n: 3 } }] },
        { transaction },
      );
      throw GOES_BACK;
    });
    await expect(undone).rejects.toThrow(GOES_BACK.message);
    expect(await committed()).toEqual({ orders: [], jobs: [] });
    expect(await queue.addJob('work', { n: 1 }, { idempotencyKey: 'k' })).not.toBeNull();
  });

  test('its answers are those of every other client: ids as text, duplicates with their holder, flows as trees', async () => {
    const held = await queue.addJob('work', { n: 1 }, { idempotencyKey: 'held' });
    await callerOf(name).transaction(async (transaction) => {
      const added = await queue.addJobs(
        [
          { type: 'work', payload: { n: 1 }, options: { idempotencyKey: 'held' } },
          { type: 'work', payload: { n: 2 }, options: { idempotencyKey: 'held' } },
          { type: 'work', payload: { n: 3 }, options: { idempotencyKey: 'new' } },
          { type: 'other', payload: { n: 4 } },
        ],
        { transaction },
      );
      const id = expect.stringMatching(/^\d+$/);
      expect(added).toStrictEqual([
        { id: held?.id, duplicate: true },
        { id: held?.id, duplicate: true, differs: true },
        { id, duplicate: false },
        { id, duplicate: false },
      ]);
      const plain = await queue.addJobs([{ type: 'other', payload: { n: 5 } }], { transaction });
      expect(plain).toStrictEqual([{ id, duplicate: false }]);
      const flow = await queue.addFlow(
        { type: 'work', payload: { n: 6 }, children: [{ type: 'other', payload: { n: 7 } }] },
        { transaction },
      );
      expect(flow).toStrictEqual({ id, children: [{ id, children: [] }] });
    });
    expect((await committed()).jobs).toHaveLength(6);
  });

  test('a refusal of Postgres is told in the words of the queue, and the transaction can only roll back', async () => {
    const undone = callerOf(name).transaction(async (transaction) => {
      // 18 KB of JSON, 900 KB of digits
      await queue.addJob('work', { n: Array(3_000).fill(1e300) }, { transaction });
    });
    await expect(undone).rejects.toMatchObject({ code: 'payload_too_large', issues: [{ path: 'payload' }] });
    expect(await committed()).toEqual({ orders: [], jobs: [] });
  });

  test('what is no transaction is refused by its name, with the supported ones, before anything is sent', async () => {
    for (const [what, transaction] of Object.entries(callerOf(name).others)) {
      const refusal = await refusalOf(transaction);
      expect(refusal).toMatchObject({ code: 'transaction_unsupported' });
      expect(refusal.message).toContain(`got ${what}`);
    }
    expect(await committed()).toEqual({ orders: [], jobs: [] });
  });
});

/** One key that an open transaction holds: three seconds, which all clients wait at the same time. */
test('every client is told when a key stays taken, and none writes', async () => {
  const holder = new pg.Client(home.url);
  await holder.connect();
  try {
    await holder.query('begin');
    await queue.addJob('work', { n: 0 }, { transaction: holder, idempotencyKey: 'taken' });
    const waits = NAMES.map((name) =>
      callerOf(name)
        .transaction(async (transaction) => {
          await queue.addJob('work', { n: 1 }, { transaction, idempotencyKey: 'taken' });
        })
        .then(
          () => 'enqueued',
          (error: { code?: unknown }) => error.code,
        ),
    );
    expect(await Promise.all(waits)).toEqual(NAMES.map(() => 'lock_timeout'));
  } finally {
    await holder.query('rollback');
    await holder.end();
  }
  expect(await committed()).toEqual({ orders: [], jobs: [] });
});

test('a pg client must have begun: before it, and after the end, it is refused', async () => {
  const client = new pg.Client(home.url);
  await client.connect();
  try {
    expect((await refusalOf(client)).message).toContain(
      "got a pg client outside of a transaction (await client.query('begin')",
    );
    await client.query('begin');
    await queue.addJob('work', { n: 1 }, { transaction: client });
    await client.query('commit');
    expect((await refusalOf(client)).message).toContain('outside of a transaction');
  } finally {
    await client.end();
  }
  expect((await committed()).jobs).toHaveLength(1);
});

test.each([
  ['null', null],
  ['false', false],
  ['begin', 'begin'],
  ['an object of no known client', {}],
  ['an object of class Map', new Map()],
  ['a function', () => undefined],
])('%s is no transaction, and enqueues nothing on its own', async (what, value) => {
  const refusal = await refusalOf(value);
  expect(refusal).toMatchObject({ code: 'transaction_unsupported' });
  expect(refusal.message).toContain(`expected an open transaction, got ${what}`);
  for (const name of [
    'database().transaction',
    'drizzle',
    'pg',
    'postgres.js',
    'Prisma',
    'Kysely',
    'queue.statement(…)',
  ])
    expect(refusal.message).toContain(name);
  expect(await committed()).toEqual({ orders: [], jobs: [] });
});

async function refusalOf(transaction: unknown): Promise<Error> {
  const added = queue.addJob('work', { n: 1 }, { transaction: transaction as Transaction });
  return added.then(
    () => expect.unreachable('it was enqueued'),
    (error: Error) => error,
  );
}
