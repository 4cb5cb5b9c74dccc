/** Adding jobs: what is refused and how it is said, whose transaction it is in, and what its types promise. */
import { neon } from '@neondatabase/serverless';
import { drizzle } from 'drizzle-orm/neon-http';
import pg from 'pg';
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { describeEachDriver } from '../../../tests/support/drivers.ts';
import { neonEndpoint } from '../../../tests/support/neon-endpoint.ts';
import { createQueue, defineJob, LIMITS, QueueError } from '../src/index.ts';
import { connect } from '../src/postgres/connect.ts';
import { drizzleOver } from './drizzle.ts';
import { emptyTables, queueOf, rows, statuses, works } from './support.ts';

const noop = { mode: 'noop' } as const;
const TEN_YEARS_MS = 10 * 365.25 * 24 * 3_600_000;

describeEachDriver('enqueue', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  const refusal = async (outcome: Promise<unknown>): Promise<QueueError> => {
    const error = await outcome.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(QueueError);
    expect(await statuses(setup.database)).toEqual({}); // a refused call has written nothing
    return error as QueueError;
  };

  test.for<[string, object, string]>([
    ['a priority above 10', { priority: 11 }, 'priority'],
    ['a negative priority', { priority: -1 }, 'priority'],
    ['half a priority', { priority: 1.5 }, 'priority'],
    ['no attempt at all', { maxAttempts: 0 }, 'maxAttempts'],
    ['more than a hundred attempts', { maxAttempts: 101 }, 'maxAttempts'],
    ['an empty key', { idempotencyKey: '' }, 'idempotencyKey'],
    ['a key of 513 characters', { idempotencyKey: 'x'.repeat(513) }, 'idempotencyKey'],
    ['a key with NUL', { idempotencyKey: 'a\0b' }, 'idempotencyKey'],
    ['a key with half a character', { idempotencyKey: '\ud83d' }, 'idempotencyKey'],
    [
      'a plan for more than ten years ahead',
      { scheduledFor: new Date(Date.now() + TEN_YEARS_MS + 60_000) },
      'scheduledFor',
    ],
    ['a date that is none', { scheduledFor: new Date('soon') }, 'scheduledFor'],
    ['a date as text', { scheduledFor: '2026-11-23T12:00:00Z' }, 'scheduledFor'],
    ['a negative delay', { delayMs: -1 }, 'delayMs'],
    ['a delay that is no number', { delayMs: Number.NaN }, 'delayMs'],
    ['a delay and an instant', { delayMs: 1, scheduledFor: new Date() }, 'delayMs'],
    ['a queue with a blank', { queue: 'a b' }, 'queue'],
    ['a queue without a name', { queue: '' }, 'queue'],
  ])('%s is refused, by the path of its option', async ([, options, option]) => {
    const { queue } = queueOf(setup.database);
    const alone = await refusal(queue.addJob('work', noop, options));
    expect(alone).toMatchObject({ code: 'option_invalid', issues: [{ path: `options.${option}` }] });
    expect(alone.message).toMatch(/expected .*, got /);
    const third = await refusal(queue.addJobs([...works(2), { type: 'work', payload: noop, options }]));
    expect(third).toMatchObject({ code: 'option_invalid', issues: [{ path: `jobs[2].options.${option}` }] });
  });

  test('a payload that only Postgres finds too large is refused in the same words', async () => {
    const numbers = z.object({ numbers: z.array(z.number()) });
    const queue = createQueue({ database: setup.database, jobs: [defineJob({ type: 'numbers', payload: numbers })] });
    const added = queue.addJob('numbers', { numbers: Array(3_000).fill(1e300) }); // 18 KB of JSON, 900 KB of digits
    expect(await refusal(added)).toMatchObject({ code: 'payload_too_large', issues: [{ path: 'payload' }] });
  });

  test('the outermost options are accepted, and are what the job has', async () => {
    const { queue } = queueOf(setup.database);
    const scheduledFor = new Date(Date.now() + TEN_YEARS_MS - 60_000);
    const added = await queue.addJob('work', noop, {
      priority: 10,
      maxAttempts: 100,
      idempotencyKey: '🙂'.repeat(256),
      scheduledFor,
      queue: `${'q'.repeat(90)}_.:-09AZaz`,
    });
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({
      status: 'PENDING',
      priority: 10,
      maxAttempts: 100,
      idempotencyKey: '🙂'.repeat(256),
      scheduledFor,
      payload: noop,
      attempts: 0,
      errors: [],
    });
  });

  test("without options a job has its type's defaults", async () => {
    const queue = createQueue({
      database: setup.database,
      jobs: [defineJob({ type: 'report', payload: z.null(), maxAttempts: 7, priority: 4, queue: 'slow' })],
    });
    const added = await queue.addJob('report', null);
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({
      maxAttempts: 7,
      priority: 4,
      queue: 'slow',
      payload: null,
      idempotencyKey: null,
    });
  });

  test('the past means now, by the clock of the database', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', noop, { scheduledFor: new Date(0) });
    await queue.addJob('work', noop, { scheduledFor: new Date(-1e14) });
    const late = await rows(setup.database, 'select id::text from jobqueue.jobs where due_at <> created_at');
    expect(late).toEqual([]);
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 2 });
  });

  test('a job planned ahead is not started before', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', noop, { scheduledFor: new Date(Date.now() + 3_600_000) });
    await queue.addJob('work', noop, { delayMs: 3_600_000 });
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ claimed: 0 });
    await rows(setup.database, "update jobqueue.jobs set due_at = now() - interval '1 ms'");
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 2 });
  });

  test('a payload that does not fit is refused by the paths of its schema', async () => {
    const { queue } = queueOf(setup.database);
    const bad = { mode: 'dance', n: 'seven' };
    // @ts-expect-error a payload of the wrong shape does not compile either
    const error = await refusal(queue.addJob('work', bad));
    expect(error).toMatchObject({ code: 'payload_invalid', issues: [{ path: 'payload.mode' }, { path: 'payload.n' }] });
    expect(error.message).toContain("'work'");
    const second = await refusal(queue.addJobs([...works(1), { type: 'work', payload: bad as never }]));
    expect(second.issues.map(({ path }) => path)).toEqual(['jobs[1].payload.mode', 'jobs[1].payload.n']);
  });

  test.for<[string, () => unknown]>([
    ['bigint', () => ({ ...noop, extra: 1n })],
    ['a cycle', () => ((ring) => Object.assign(ring, { ring }))({ ...noop } as object)],
    [
      'a toJSON that throws',
      () => ({
        ...noop,
        extra: {
          toJSON() {
            throw new Error('no');
          },
        },
      }),
    ],
    ['NUL', () => ({ ...noop, extra: 'a\0b' })],
    ['NUL in a key', () => ({ ...noop, 'a\0b': 1 })],
    ['half a character', () => ({ ...noop, extra: '\ud83d' })],
  ])('a payload with %s is refused before it is sent', async ([, payload]) => {
    const { queue } = queueOf(setup.database);
    const error = await refusal(queue.addJob('work', payload() as never));
    expect(error).toMatchObject({ code: 'payload_invalid', issues: [{ path: 'payload' }] });
  });

  test('what comes back from JSON as something that the schema takes too is run with it', async () => {
    const got: unknown[] = [];
    const iso = z.codec(z.iso.datetime(), z.date(), {
      decode: (text) => new Date(text),
      encode: (date) => date.toISOString(),
    });
    const payload = z.object({
      coerced: z.coerce.date(),
      either: z.union([z.date(), z.string()]),
      iso,
      yes: z.stringbool(),
      pre: z.preprocess(Number, z.number()),
      times: z.number().default(1),
      left: z.string().optional(),
    });
    const run = async (context: { payload: z.output<typeof payload> }) => void got.push(context.payload);
    const job = defineJob({ type: 'kept', payload, handler: async () => ({ run }) });
    const queue = createQueue({ database: setup.database, jobs: [job] });
    const at = new Date('2026-11-23T12:00:00Z');
    const text = at.toISOString();
    await queue.addJob('kept', { coerced: at, either: at, iso: text, yes: 'on', pre: '7', left: undefined });
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
    expect(got).toEqual([{ coerced: at, either: text, iso: at, yes: true, pre: 7, times: 1 }]);
  });

  test('a default is made anew for each job: what one run adds to it no other run sees', async () => {
    const seen: number[] = [];
    const payload = z.object({
      options: z.object({ list: z.array(z.string()) }).default({ list: [] }),
      caught: z.array(z.array(z.string())).catch([[]]),
    });
    const run = async (context: { payload: z.output<typeof payload> }) => {
      const { options, caught } = context.payload;
      seen.push(options.list.push('mine'), caught[0]?.push('mine') ?? 0);
    };
    const job = defineJob({ type: 'collect', payload, handler: async () => ({ run }) });
    const queue = createQueue({ database: setup.database, jobs: [job] });
    const payloads = Array.from({ length: 3 }, () => ({ caught: 'no list' as never }));
    await queue.addJobs(payloads.map((given) => ({ type: 'collect', payload: given })));
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 3 });
    expect(seen).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('text that only looks like an escape is no reason to refuse', async () => {
    const { queue } = queueOf(setup.database);
    const payload = { ...noop, extra: '\\u0000 \\ud83d \\\\u0000 🙂' };
    const added = await queue.addJob('work', payload);
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ payload });
  });

  test('a payload of 256 KiB is accepted, one byte more is refused', async () => {
    const { queue } = queueOf(setup.database);
    const ofBytes = (bytes: number) => {
      const payload = { ...noop, blob: '' };
      return { ...payload, blob: 'x'.repeat(bytes - JSON.stringify(payload).length) };
    };
    const error = await refusal(queue.addJob('work', ofBytes(LIMITS.payloadBytes + 1)));
    expect(error).toMatchObject({ code: 'payload_too_large', message: expect.stringContaining('262144 bytes') });
    expect(await queue.addJob('work', ofBytes(LIMITS.payloadBytes))).not.toBeNull();
  });

  test('an unknown type is refused, with the types that are known', async () => {
    const { queue } = queueOf(setup.database);
    // @ts-expect-error a type that no job declares does not compile either
    const error = await refusal(queue.addJob('wrok', noop));
    expect(error).toMatchObject({ code: 'unknown_type', issues: [{ path: 'type' }] });
    expect(error.message).toContain('work, other, nobody');
  });

  test('ten thousand jobs a call, not one more', async () => {
    const { queue } = queueOf(setup.database);
    expect(await refusal(queue.addJobs(works(10_001)))).toMatchObject({ code: 'batch_too_large' });
    const added = await queue.addJobs(works(10_000));
    expect(added).toHaveLength(10_000);
    expect(await queue.addJobs([])).toEqual([]);
  });

  test('ids rise in the order of the entries, and the answers come in it', async () => {
    const { queue } = queueOf(setup.database);
    const [first, second] = await Promise.all([queue.addJobs(works(500)), queue.addJobs(works(500))]);
    for (const added of [first, second]) {
      const ids = added.map(({ id }) => BigInt(id));
      expect(ids).toEqual(ids.toSorted((a, b) => (a < b ? -1 : 1)));
    }
    const stored = await rows<{ n: number }>(
      setup.database,
      `select (payload ->> 'n')::int as n from jobqueue.jobs where id = any($1::bigint[]) order by id`,
      first.map(({ id }) => id),
    );
    expect(stored.map(({ n }) => n)).toEqual(Array.from({ length: 500 }, (_, n) => n));
  });

  test('a stored payload that no longer fits its schema is a dead letter at once, with the issues, and replayable', async () => {
    const { queue, seen } = queueOf(setup.database);
    const [added] = await rows<{ id: string }>(
      setup.database,
      `select id::text as id from jobqueue.add_job('work', '{"mode": "dance", "n": "seven"}', idempotency_key => 'k')`,
    );
    const report = await queue.drain({ budgetMs: 5_000 });
    expect(report).toMatchObject({ deadLettered: 1, retried: 0 });
    expect(seen.starts.size).toBe(0);
    const job = await queue.getJob(added?.id ?? '');
    expect(job).toMatchObject({
      status: 'DEAD_LETTER',
      payload: { mode: 'dance', n: 'seven' }, // all that a replay needs
      errors: [{ code: 'payload_invalid', issues: [{ path: 'mode' }, { path: 'n' }] }],
    });
  });

  test('a handler gets what its schema makes of the payload, the table keeps what the caller gave', async () => {
    const got: unknown[] = [];
    const queue = createQueue({
      database: setup.database,
      jobs: [
        defineJob({
          type: 'remind',
          payload: z.object({ at: z.iso.datetime().transform((text) => new Date(text)), times: z.number().default(1) }),
          handler: async () => ({
            run: async ({ payload }) => {
              got.push(payload.at.getUTCFullYear(), payload.times);
            },
          }),
        }),
      ],
    });
    const added = await queue.addJob('remind', { at: '2026-11-23T12:00:00Z' });
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
    expect(got).toEqual([2026, 1]);
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ payload: { at: '2026-11-23T12:00:00Z' } });
  });

  test("in a Database's transaction a job is committed with the caller's data, or not at all", async () => {
    const { queue } = queueOf(setup.database);
    const committed = setup.database.transaction(async (transaction) => {
      const added = await queue.addJob('work', noop, { transaction });
      expect(await statuses(setup.database)).toEqual({}); // not before the commit
      return added;
    });
    if (setup.driver === 'neon-http') {
      await expect(committed).rejects.toMatchObject({
        code: 'transaction_unsupported',
        message: expect.stringContaining('queue.statement'),
      });
      return;
    }
    expect(await queue.getJob((await committed)?.id ?? '')).toMatchObject({ status: 'PENDING' });
    const rolledBack = setup.database.transaction(async (transaction) => {
      await queue.addJobs(works(3), { transaction });
      await queue.addJob('work', noop, { idempotencyKey: 'k', transaction });
      throw new Error('the order was refused');
    });
    await expect(rolledBack).rejects.toThrow('the order was refused');
    expect(await statuses(setup.database)).toEqual({ PENDING: 1 });
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).not.toBeNull(); // its key went with it
  });

  test("in drizzle's transaction too, and what is no transaction does not pass for one", async () => {
    const { queue } = queueOf(setup.database);
    const drizzle = await drizzleOver(setup.database);
    for (const transaction of [drizzle as never, setup.database as never])
      await expect(queue.addJob('work', noop, { transaction })).rejects.toMatchObject({
        code: 'transaction_unsupported',
        message: expect.stringContaining('queue.statement'),
      });
    const committed = drizzle.transaction(async (tx) => {
      const added = await queue.addJobs(works(2, noop, { idempotencyKey: 'k' }), { transaction: tx });
      expect(added.map(({ duplicate }) => duplicate)).toEqual([false, true]);
    });
    if (setup.driver === 'neon-http') {
      await expect(committed).rejects.toMatchObject({ code: 'transaction_unsupported' });
      expect(await statuses(setup.database)).toEqual({});
      return;
    }
    await committed;
    const rolledBack = drizzle.transaction(async (tx) => {
      await queue.addJob('work', noop, { transaction: tx });
      tx.rollback();
    });
    await expect(rolledBack).rejects.toThrow();
    expect(await statuses(setup.database)).toEqual({ PENDING: 1 });
  });

  test('one statement carries the same insert into any client', async () => {
    const { queue } = queueOf(setup.database);
    const statement = queue.statement([
      { type: 'work', payload: noop, options: { idempotencyKey: 'k' } },
      { type: 'other', payload: noop },
    ]);
    const client = new pg.Client(setup.directUrl);
    await client.connect();
    try {
      const { rows } = await client.query(statement.text, [...statement.params]);
      expect(statement.decode(rows).map(({ duplicate }) => duplicate)).toEqual([false, false]);
    } finally {
      await client.end();
    }
    const again = statement.decode(await setup.database.execute(statement));
    expect(again.map(({ duplicate }) => duplicate)).toEqual([true, false]);
    expect(() => statement.decode([])).toThrow('expected 2 rows');
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 3 });
  });

  test("the statement shares a transaction of Neon's sql.transaction and of drizzle's batch", async () => {
    const { queue } = queueOf(setup.database);
    const endpoint = await neonEndpoint(setup.directUrl);
    try {
      const sql = await neonAt(setup.directUrl, endpoint.origin);
      const statement = queue.statement([{ type: 'work', payload: noop }]);
      const insert = () => sql.query(statement.text, [...statement.params]);
      const [added] = await sql.transaction([insert(), sql.query('select 1')]);
      expect(await queue.getJob(statement.decode(added ?? [])[0]?.id ?? '')).toMatchObject({ status: 'PENDING' });
      await expect(sql.transaction([insert(), sql.query('select 1/0')])).rejects.toThrow('division by zero');
      expect(await statuses(setup.database)).toEqual({ PENDING: 1 });

      const db = drizzle({ client: sql });
      const [batched] = await db.batch([db.execute(statement.sql), db.execute('select 1')]);
      expect(statement.decode(batched.rows)).toMatchObject([{ duplicate: false }]);
      await expect(db.batch([db.execute(statement.sql), db.execute('select 1/0')])).rejects.toThrow();
      expect(await statuses(setup.database)).toEqual({ PENDING: 2 });
    } finally {
      await endpoint.close();
    }
  });
});

/** Neon's own client, as an app has it, at the stand-in; our driver tells it the way there. */
async function neonAt(databaseUrl: string, origin: string) {
  const database = connect(databaseUrl, { driver: 'neon-http', endpoint: origin });
  await rows(database, 'select 1');
  const url = new URL(databaseUrl);
  const { hostname, port } = new URL(origin);
  url.hostname = hostname;
  url.port = port;
  return neon(url.href);
}
