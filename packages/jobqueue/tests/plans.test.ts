/** The plans of the statements that every tick and every enqueue sends: what they read depends on what they answer, not on what is stored. */
import { afterEach, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { type ExplainingDatabase, explaining, type Scan } from '../../../tests/support/plans.ts';
import { takeTurns } from '../../../tests/support/take-turns.ts';
import { connect, type Database } from '../src/postgres/connect.ts';
import { takeTokens } from '../src/postgres/statements/buckets.ts';
import { BATCHES, FINISHED_IN_BATCHES } from './finished.ts';
import { report, scheduledQueue, silence } from './scheduled.ts';
import { queueOf, rows } from './support.ts';

takeTurns();

/** Far more than any statement may read. CI's second run, on another server, needs no more than that either. */
const MANY = process.env.TEST_DRIVERS === 'one' ? 200_000 : 1_000_000;
/** Most of it goes into writing those rows, beside other files. */
const FILL_MS = 300_000;
const STORED = ['jobs', 'job_history', 'idempotency_keys', ...BATCHES];
const BATCH = 100;
/** The most rows of one scan. Usual are up to 300 (a claim's batch, its neighbours, the lanes), or one of the small tables as a whole. */
const MOST_ROWS = 2_500;

let home: TestDatabase;
let explained: ExplainingDatabase;

afterEach(async () => {
  await explained.close();
  await home.drop();
});

/** To fill a table takes as long as the machine is busy. */
const store = (database: Database, text: string, ...params: unknown[]) =>
  database.execute({ text, params }, { timeoutMs: 170_000 });

/** Live jobs in 24 lanes, a third of them due later; as many finished ones, each with a key; and as many in batches. */
async function fill(url: string, stored: number): Promise<void> {
  const database = connect(url);
  const lane = `(array['work', 'other', 'nobody', 'nobody_knows'])[1 + n % 4], n % 6`;
  await store(
    database,
    `insert into jobqueue.jobs (type, priority, due_at, payload, payload_bytes, idempotency_key)
     select ${lane}, now() + (n % 3 - 1) * interval '1 hour' + n * interval '1 ms', '{"mode": "noop"}', 16, 'live' || n
     from generate_series(1, $1::int) n`,
    stored,
  );
  await store(
    database,
    `insert into jobqueue.job_history (id, created_at, due_at, finished_at, fence, status, attempt, max_attempts, priority, queue,
       type, payload, idempotency_key)
     select nextval('jobqueue.jobs_id_seq'), now(), now(), now(), 1, (array['COMPLETED', 'DEAD_LETTER'])[1 + (n % 50 = 0)::int]::jobqueue.terminal_status,
       1, 3, 0, 'default', 'work', '{"mode": "noop"}', 'finished' || n
     from generate_series(1, $1::int) n`,
    stored,
  );
  await store(database, FINISHED_IN_BATCHES, stored, 200);
  for (const table of ['jobs', 'job_history'])
    await store(
      database,
      `insert into jobqueue.idempotency_keys (type, key, job_id) select type, idempotency_key, id from jobqueue.${table}
       on conflict do nothing`,
    );
  for (const table of STORED) await store(database, `vacuum analyze jobqueue.${table}`);
  // Once a day a slice of it reads a hundred pages of keys, and the drain of a busy machine lasts long enough to begin it.
  await store(database, "update jobqueue.sweeps set due_at = now() + interval '1 day'");
  await database.close();
}

/** Many jobs are held, though when the table was analysed none was: a planner that trusts that pairs each of them with each of a batch. */
test.each([2_000, 20_000])(
  'what %i jobs held by other drains cost an exchange does not grow with their number',
  async (held) => {
    const batch = 500;
    home = await freshDatabase();
    const database = connect(home.url);
    const insert =
      'insert into jobqueue.jobs (type, payload, payload_bytes) select $1, $2::jsonb, 16 from generate_series(1, $3::int)';
    await rows(database, insert, 'other', '{"mode": "noop"}', held);
    await rows(database, insert, 'work', '{"mode": "noop"}', 2 * batch);
    await rows(database, 'vacuum analyze jobqueue.jobs');
    await rows(
      database,
      "update jobqueue.jobs set lease_until = now() + interval '1 hour', fence = 1, claim = 1 where type = 'other'",
    );
    await database.close();
    explained = await explaining(home.url);
    const { queue } = queueOf(explained.database);
    expect(await queue.drain({ budgetMs: 60_000, maxBatch: batch })).toMatchObject({ completed: 2 * batch });
    const settles = explained.joins.filter(({ statement }) => /delete from jobqueue.jobs/.test(statement));
    expect(explained.scans.some(({ statement }) => /delete from jobqueue.jobs/.test(statement))).toBe(true); // it did settle
    expect(settles.filter(({ refused }) => refused > 10 * batch)).toEqual([]);
    expect(explained.joins.filter(({ refused }) => refused > held + 10 * batch)).toEqual([]);
  },
);

const LANES = 5_000;
const LATER = `
  insert into jobqueue.jobs (type, queue, payload, payload_bytes, due_at)
  select 'work', 'tenant-' || n, '{}', 2, now() + interval '30 days' from generate_series(1, $1::int) n`;

/** Sessions plan when autovacuum has seen a page without rows, as on a quiet night, and then `jobs` fall due later, each in a lane. */
async function burstAfterPlanning(plan: (queue: ReturnType<typeof queueOf>['queue']) => Promise<unknown>) {
  home = await freshDatabase();
  explained = await explaining(home.url);
  const { database } = explained;
  const { queue } = queueOf(database);
  await rows(database, 'alter table jobqueue.jobs set (autovacuum_enabled = off)');
  await rows(database, LATER, 1);
  await rows(database, 'delete from jobqueue.jobs');
  await rows(database, 'analyze jobqueue.jobs');
  expect(
    await rows(database, "select reltuples::int, relpages from pg_class where oid = 'jobqueue.jobs'::regclass"),
  ).toEqual([{ reltuples: 0, relpages: 1 }]);
  for (let times = 0; times < 7; times++) await plan(queue); // Postgres keeps a plan after five
  await rows(database, LATER, LANES);
  explained.scans.length = 0;
  return queue;
}

const scansOfJobs = () => explained.scans.filter(({ table }) => table === 'jobs');

test('a tick probes each of many lanes once, also by a plan that was made when the table was empty', async () => {
  const drain = (queue: ReturnType<typeof queueOf>['queue']) => queue.drain({ budgetMs: 20_000 });
  const queue = await burstAfterPlanning(drain);
  expect(await drain(queue)).toMatchObject({ claimed: 0, stopReason: 'empty' });
  expect(scansOfJobs().some(({ rows: read }) => read >= LANES - 1)).toBe(true); // it did look
  expect(described(scansOfJobs().filter(({ rows: read }) => read > 2 * LANES))).toEqual([]);
});

const ANN = { actor: 'ann', reason: 'a burst' };
const ALL = { type: 'work' } as const;

test.each<[string, (queue: ReturnType<typeof queueOf>['queue']) => Promise<unknown>]>([
  ['a change of priorities', (queue) => queue.setPriority(ALL, { ...ANN, priority: 3 })],
  ['a change of due times', (queue) => queue.reschedule(ALL, { ...ANN, to: { delayMs: 86_400_000 } })],
  ['a cancel', (queue) => queue.cancel(ALL, ANN)],
])('%s reads a slice at a time, also by plans that were made when the table was empty', async (_, act) => {
  const queue = await burstAfterPlanning(act);
  await act(queue);
  expect(scansOfJobs().length).toBeGreaterThan(0);
  expect(described(scansOfJobs().filter(({ rows: read }) => read > MOST_ROWS))).toEqual([]);
});

test('the overview probes each of many lanes once, also by a plan that was made when the table was empty', async () => {
  const queue = await burstAfterPlanning((queue) => queue.overview());
  await queue.overview();
  expect(scansOfJobs().length).toBeGreaterThan(0);
  expect(described(scansOfJobs().filter(({ rows: read }) => read > 2 * LANES))).toEqual([]);
});

const described = (scans: readonly Scan[]) => [
  ...new Set(
    scans.map(
      ({ node, table, index, rows: read, statement }) => `${node} ${index ?? table}: ${read} rows: ${statement}`,
    ),
  ),
];

test.each([1_000, MANY])(
  'with %i live and as many finished jobs no statement reads more than it needs',
  async (stored) => {
    home = await freshDatabase();
    await fill(home.url, stored);
    explained = await explaining(home.url);
    const { queue } = queueOf(explained.database);

    const work = (mode: 'noop' | 'fail' | 'fail_for_good' | 'cancel', n: number) => ({
      type: 'work' as const,
      payload: { mode, n },
      options: { priority: 9, idempotencyKey: `new${n}` },
    });
    const added = await queue.addJobs(
      Array.from({ length: 2 * BATCH }, (_, n) =>
        work((['noop', 'noop', 'fail', 'fail_for_good', 'cancel'] as const)[n % 5] ?? 'noop', n),
      ),
    );
    const report = await queue.drain({ budgetMs: 60_000, maxBatch: BATCH, limit: 3 * BATCH });
    expect(report).toMatchObject({
      claimed: 3 * BATCH,
      deadLettered: 40,
      cancelled: 40,
      retried: 40,
      stopReason: 'limit',
    });
    for (const { id } of added.slice(0, 4)) expect(await queue.getJob(id)).not.toBeNull();
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'new0' })).toMatchObject({ status: 'COMPLETED' });
    const scans = explained.scans.filter(({ table }) => STORED.includes(table));
    expect(new Set(scans.map(({ table }) => table))).toEqual(new Set(STORED)); // it did look
    expect(described(scans.filter(({ rows: read }) => read > MOST_ROWS))).toEqual([]);

    // Statements of operators and screens: bounded, but by more than a batch.
    await queue.preview();
    await queue.health();
    await queue.metrics();
    await queue.stats({ by: 'total' });
    await queue.drains({ limit: 10 });
    await queue.prune({ budgetMs: 1 });
    const by = { actor: 'tester' };
    const ids = (await queue.addJobs([work('noop', -1), work('noop', -2)])).map(({ id }) => id);
    expect(await queue.setPriority({ ids }, { ...by, priority: 8 })).toMatchObject({ changed: 2 });
    expect(await queue.cancel({ ids }, { ...by, reason: 'a test' })).toMatchObject({ changed: 2 });
    expect(await queue.previewReplay({ type: 'work' })).toMatchObject({ total: expect.any(Number) });
    expect(await queue.replay({ type: 'work', errorName: 'NonRetryableError' }, { ...by, maxJobs: 10 })).toMatchObject({
      changed: 10,
    });
    const all = explained.scans.filter(({ table }) => STORED.includes(table));
    if (stored > 1_000) expect(described(all.filter(({ node }) => node === 'Seq Scan'))).toEqual([]);
  },
  FILL_MS,
);

test.each([1_000, MANY])(
  'with %i slots and buckets a tick that fires and a take of tokens read a few of them',
  async (stored) => {
    home = await freshDatabase();
    const database = connect(home.url);
    await store(
      database,
      `insert into jobqueue.schedule_slots (schedule, slot, job_id)
     select 'schedule' || n % 100, timestamptz '2026-01-01' + n * interval '1 minute', n from generate_series(1, $1::int) n`,
      stored,
    );
    await store(
      database,
      `insert into jobqueue.buckets (key, refilled_at, tokens, per_second, burst)
     select 'key' || n, now(), 1, 1, 10 from generate_series(1, $1::int) n`,
      stored,
    );
    for (const table of ['schedule_slots', 'buckets']) await store(database, `vacuum analyze jobqueue.${table}`);
    explained = await explaining(home.url);
    const held = "insert into jobqueue.jobs (type, payload, payload_bytes) values ('nobody', '{}', 2)";
    for (let n = 0; n < 3; n++) await rows(database, held); // else Postgres need not look whose jobs are unfinished

    const { queue, seen } = scheduledQueue(explained.database, [
      report({ name: 'all', misfire: { all: 5 } }),
      report({ name: 'alone', overlap: 'skip' }),
    ]);
    await queue.drain({ source: 'cron', budgetMs: 20_000 });
    await silence(database, '5 hours');
    expect(await queue.drain({ source: 'cron', budgetMs: 20_000 })).toMatchObject({ completed: 6 });
    expect(seen).toHaveLength(6);
    const asked = { perSecond: 1, burst: 10, want: 1, spare: 0, waiting: 1, returning: 0, patienceMs: 0, holdMs: 100 };
    const taken = await takeTokens(
      explained.database,
      [
        { key: 'key7', ...asked },
        { key: 'a new one', ...asked },
      ],
      10_000,
    );
    expect(taken).toHaveLength(2);
    await database.close();

    const scans = explained.scans.filter(({ table }) => ['schedule_slots', 'buckets'].includes(table));
    expect(new Set(scans.map(({ table }) => table)).size).toBe(2);
    expect(described(scans.filter(({ rows: read }) => read > MOST_ROWS))).toEqual([]);
    if (stored > 1_000) expect(described(scans.filter(({ node }) => node === 'Seq Scan'))).toEqual([]);
  },
  FILL_MS,
);
