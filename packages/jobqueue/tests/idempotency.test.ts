/** A key admits one job while it holds, with any number of concurrent callers. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { connect } from '../src/postgres/connect.ts';
import { emptyTables, queueOf, rows, statuses } from './support.ts';

const noop = { mode: 'noop' } as const;

describeOnOneDriver('idempotency keys', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('a hundred concurrent calls with one key add one job, and ninety-nine hear null', async () => {
    const queues = Array.from({ length: 5 }, () => queueOf(setup.connect()).queue);
    const added = await Promise.all(
      Array.from({ length: 100 }, (_, n) => queues[n % 5]?.addJob('work', noop, { idempotencyKey: 'k' })),
    );
    expect(added.filter((job) => job === null)).toHaveLength(99);
    const [winner] = added.filter((job) => job !== null);
    expect(await queues[0]?.findJob({ type: 'work', idempotencyKey: 'k' })).toMatchObject({ id: winner?.id });
    expect(await statuses(setup.database)).toEqual({ PENDING: 1 });
  });

  test('the key is held while its job runs, and after completion until its window has passed', async () => {
    const { queue, seen } = queueOf(setup.database);
    const first = await queue.addJob('work', noop, { idempotencyKey: 'k' });
    seen.onStart = async () => {
      expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).toBeNull();
    };
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).toBeNull();
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'k' })).toMatchObject({
      id: first?.id,
      status: 'COMPLETED',
    });
    const window = await rows<{ days: number }>(
      setup.database,
      'select extract(epoch from expires_at - now())::float8 / 86400 as days from jobqueue.idempotency_keys',
    );
    expect(window[0]?.days).toBeCloseTo(7, 2);

    await rows(setup.database, "update jobqueue.idempotency_keys set expires_at = now() - interval '1 second'");
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'k' })).toBeNull();
    const second = await queue.addJob('work', noop, { idempotencyKey: 'k' });
    expect(second?.id).not.toBe(first?.id);
    expect(second).not.toBeNull();
  });

  test('an expired key is taken once by a hundred concurrent calls', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', noop, { idempotencyKey: 'k' });
    await queue.drain({ budgetMs: 5_000 });
    await rows(setup.database, "update jobqueue.idempotency_keys set expires_at = now() - interval '1 second'");
    const added = await Promise.all(
      Array.from({ length: 100 }, () => queue.addJob('work', noop, { idempotencyKey: 'k' })),
    );
    expect(added.filter((job) => job === null)).toHaveLength(99);
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 1, PENDING: 1 });
  });

  test.for([
    ['a dead letter', 'fail_for_good', 'DEAD_LETTER'],
    ['a last failed attempt', 'fail', 'DEAD_LETTER'],
    ['a cancel', 'cancel', 'CANCELLED'],
  ] as const)('%s frees the key, which its successor then holds', async ([, mode, status]) => {
    const { queue } = queueOf(setup.database);
    const first = await queue.addJob('work', { mode }, { idempotencyKey: 'k', maxAttempts: 1 });
    await queue.drain({ budgetMs: 5_000 });
    expect(await queue.getJob(first?.id ?? '')).toMatchObject({ status, idempotencyKey: 'k' });
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'k' })).toBeNull();
    const second = await queue.addJob('work', noop, { idempotencyKey: 'k' });
    expect(second).not.toBeNull();
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'k' })).toMatchObject({ id: second?.id });
  });

  test('a failed attempt that will be tried again keeps the key', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', { mode: 'fail' }, { idempotencyKey: 'k' });
    expect(await queue.drain({ budgetMs: 5_000, limit: 1 })).toMatchObject({ retried: 1 });
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).toBeNull();
  });

  test('two batches with the same keys in opposite order neither deadlock nor add twice', async () => {
    const KEYS = 200;
    const ROUNDS = 15;
    const queues = [queueOf(setup.connect()).queue, queueOf(setup.connect()).queue] as const;
    for (let round = 0; round < ROUNDS; round++) {
      const entries = Array.from({ length: KEYS }, (_, n) => ({
        type: 'work' as const,
        payload: noop,
        options: { idempotencyKey: `${round}-${n}` },
      }));
      const [forth, back] = await Promise.all([queues[0].addJobs(entries), queues[1].addJobs(entries.toReversed())]);
      const pairs = forth.map((added, n) => [added, back[KEYS - 1 - n]] as const);
      expect(pairs.every(([one, other]) => one.id === other?.id && one.duplicate !== other.duplicate)).toBe(true);
    }
    expect(await statuses(setup.database)).toEqual({ PENDING: KEYS * ROUNDS });
    const deadlocks = await rows<{ n: number }>(
      setup.database,
      'select deadlocks::int as n from pg_stat_database where datname = current_database()',
    );
    expect(deadlocks).toEqual([{ n: 0 }]); // none that a retry hid
  });

  describe('a key in a transaction that stays open', () => {
    let taker: pg.Client;
    const TAKE = `select jobqueue.add_job('work', '{"mode": "noop"}', idempotency_key => 'k')`;

    beforeEach(async () => {
      taker = new pg.Client(setup.directUrl);
      await taker.connect();
      await taker.query('begin');
      await taker.query(TAKE);
    });
    afterEach(() => taker.end());

    const isWaitedFor = () =>
      vi.waitFor(
        async () => {
          const waiting = `select from pg_stat_activity where datname = current_database() and wait_event = 'transactionid'`;
          expect((await taker.query(waiting)).rowCount).toBeGreaterThan(0);
        },
        { timeout: 10_000, interval: 5 },
      );

    test('is refused after three seconds with its cause, and meanwhile keeps nobody else in the process waiting', async () => {
      const { queue } = queueOf(setup.database);
      const inSql = connect(setup.directUrl, { driver: 'postgres' });
      const atOnce = performance.now();
      const refused = Array.from({ length: 12 }, () => queue.addJob('work', noop, { idempotencyKey: 'k' }));
      const waitedMs = Promise.all(refused.map((one) => one.catch(() => performance.now() - atOnce)));
      const ended = Promise.allSettled([
        ...refused,
        inSql.transaction((tx) => queue.addJob('work', noop, { idempotencyKey: 'k', transaction: tx })),
      ]);
      await rows(
        setup.database,
        `insert into jobqueue.job_history (id, status, created_at, due_at, fence, attempt, max_attempts, priority, queue, type, payload, idempotency_key)
         values (nextval('jobqueue.jobs_id_seq'), 'DEAD_LETTER', now(), now(), 1, 1, 1, 0, 'default', 'work', '{"mode": "noop"}', 'k')`,
      );
      const replayed = queue.replay({ type: 'work' }, { actor: 'ann' }).catch((error: unknown) => error);
      await isWaitedFor();

      const since = performance.now();
      expect(await queue.addJob('work', noop, { idempotencyKey: 'another' })).not.toBeNull();
      expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
      await queue.health();
      expect(performance.now() - since).toBeLessThan(2_000); // twelve waits of three seconds on four connections took nine

      for (const one of await ended) {
        expect(one).toMatchObject({ status: 'rejected', reason: { code: 'lock_timeout', cause: { code: '55P03' } } });
      }
      expect(Math.min(...(await waitedMs).map(Number))).toBeGreaterThan(2_950); // as long as the message says
      expect(await replayed).toMatchObject({ code: '55P03' });
      expect(performance.now() - atOnce).toBeLessThan(8_000);
      await taker.query('rollback');
      expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).not.toBeNull();
      await inSql.close();
    });

    test('is a duplicate for those who wait as soon as that transaction has committed', async () => {
      const { queue } = queueOf(setup.database);
      const flow = { type: 'work' as const, payload: noop, options: { idempotencyKey: 'k' } };
      const waiting = Promise.all([
        ...Array.from({ length: 6 }, () => queue.addJob('work', noop, { idempotencyKey: 'k' })),
        queue.addFlow({ ...flow, children: [{ type: 'work', payload: noop }] }),
      ]);
      await isWaitedFor();
      await taker.query('commit');
      expect(await waiting).toEqual(Array(7).fill(null));
      expect(await statuses(setup.database)).toEqual({ PENDING: 1 });
    });
  });

  test('of duplicates within one batch the first is the job, and the others name it', async () => {
    const { queue } = queueOf(setup.database);
    const entry = (idempotencyKey: string, n: number) => ({
      type: 'work' as const,
      payload: { ...noop, n },
      options: { idempotencyKey },
    });
    const added = await queue.addJobs([entry('a', 0), entry('b', 1), entry('a', 2), entry('b', 3), entry('a', 4)]);
    expect(added.map(({ duplicate }) => duplicate)).toEqual([false, false, true, true, true]);
    expect(added.map(({ id }) => id)).toEqual([0, 1, 0, 1, 0].map((n) => added[n]?.id));
    expect(await queue.getJob(added[0]?.id ?? '')).toMatchObject({ payload: { n: 0 } });
    expect(await statuses(setup.database)).toEqual({ PENDING: 2 });
  });

  test('a key belongs to its type', async () => {
    const { queue } = queueOf(setup.database);
    const one = await queue.addJob('work', noop, { idempotencyKey: 'k' });
    const other = await queue.addJob('other', noop, { idempotencyKey: 'k' });
    expect(other).not.toBeNull();
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'k' })).toMatchObject({ id: one?.id });
    expect(await queue.findJob({ type: 'other', idempotencyKey: 'k' })).toMatchObject({ id: other?.id });
  });

  test('keys that differ in case, in a trailing blank or beyond ASCII are different keys', async () => {
    const { queue } = queueOf(setup.database);
    const keys = ['k', 'K', 'k ', 'ﬁ', 'fi', 'é', 'e\u0301', '🙂', 'x'.repeat(512)];
    const added = await queue.addJobs(
      keys.map((idempotencyKey) => ({ type: 'work', payload: noop, options: { idempotencyKey } })),
    );
    expect(added.every(({ duplicate }) => !duplicate)).toBe(true);
  });

  test('a key that comes again with another payload is told, while its job lives and after it has completed', async () => {
    const logged: unknown[] = [];
    const { queue } = queueOf(setup.database, undefined, {
      log: (level, event, fields) => void (event.startsWith('idempotency') && logged.push([level, event, fields])),
    });
    const options = { idempotencyKey: 'k' };
    const entry = (payload: { mode: 'noop'; n?: number; ms?: number }) => ({ type: 'work' as const, payload, options });
    const [first] = await queue.addJobs([entry({ mode: 'noop', n: 1, ms: 2 })]);
    const id = first?.id;
    expect(first).toEqual({ id, duplicate: false });
    const again = () => queue.addJobs([entry({ ms: 2, n: 1, mode: 'noop' }), entry({ mode: 'noop', n: 2, ms: 2 })]);
    const told = [
      { id, duplicate: true },
      { id, duplicate: true, differs: true },
    ];
    expect(await again()).toEqual(told);
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
    expect(await again()).toEqual(told);
    expect(await queue.addJob('work', { mode: 'noop', n: 1, ms: 2 }, options)).toBeNull();
    expect(logged).toEqual([]);
    expect(await queue.addJob('work', noop, options)).toBeNull();
    expect(logged).toEqual([['warn', 'idempotency_key_reused', { type: 'work', holder: id }]]);
  });

  test('two payloads for one key in one batch differ', async () => {
    const { queue } = queueOf(setup.database);
    const entry = (n: number) => ({ type: 'work' as const, payload: { ...noop, n }, options: { idempotencyKey: 'k' } });
    const added = await queue.addJobs([entry(0), entry(0), entry(1)]);
    expect(added.map(({ differs }) => differs)).toEqual([undefined, undefined, true]);
  });

  test("add_job from SQL names the holder's id", async () => {
    const { queue } = queueOf(setup.database);
    const added = await queue.addJob('work', noop, { idempotencyKey: 'k' });
    const call = `select id::text as id, duplicate from jobqueue.add_job('work', '{"mode": "noop"}', idempotency_key => 'k')`;
    expect(await rows(setup.database, call)).toEqual([{ id: added?.id, duplicate: true }]);
  });

  test('the key of a live job that somebody deleted is free in every way to take it', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const keys = ['enqueued', 'replayed', 'in a flow', 'batched'];
    for (const idempotencyKey of keys) await queue.addJob('work', noop, { idempotencyKey });
    await rows(database, 'delete from jobqueue.jobs');
    await rows(
      database,
      `insert into jobqueue.job_history (id, status, created_at, due_at, finished_at, fence, attempt, max_attempts, priority, queue, type,
         idempotency_key, payload)
       values (nextval('jobqueue.jobs_id_seq'), 'DEAD_LETTER', now(), now(), now() - interval '1 s', 1, 3, 3, 0, 'default', 'work', 'replayed', '{"mode": "noop"}')`,
    );
    const added = await Promise.all(
      Array.from({ length: 20 }, () => queue.addJob('work', noop, { idempotencyKey: 'enqueued' })),
    );
    expect(added.filter((job) => job !== null)).toHaveLength(1);
    expect(await queue.replay({ type: 'work' }, { actor: 'ann' })).toMatchObject({ changed: 1, skipped: 0 });
    const child = { type: 'work', payload: noop } as const;
    const root = { ...child, options: { idempotencyKey: 'in a flow' }, children: [child] };
    expect(await queue.addFlow(root)).not.toBeNull();
    const twice = { ...child, options: { idempotencyKey: 'batched' } };
    expect((await queue.addJobs([twice, twice])).map(({ duplicate }) => duplicate)).toEqual([false, true]);
    expect(await statuses(database)).toEqual({ PENDING: 5 });
    for (const idempotencyKey of keys) expect(await queue.addJob('work', noop, { idempotencyKey })).toBeNull();
  });

  test('a completed job’s key holds although its history was truncated, and is freed by an operator', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const first = await queue.addJob('work', noop, { idempotencyKey: 'k' });
    await queue.drain({ budgetMs: 5_000 });
    await rows(database, 'truncate jobqueue.job_history');
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).toBeNull();
    const key = { type: 'work', idempotencyKey: 'k' };
    expect(await queue.freeKey(key, { actor: 'ann', reason: 'again' })).toEqual({ freed: true, holder: first?.id });
    expect(await queue.freeKey(key, { actor: 'ann' })).toEqual({ freed: false, holder: null });
    expect(await queue.auditLog({ limit: 5 })).toMatchObject([
      {
        actor: 'ann',
        action: 'key.freed',
        details: { ...{ type: 'work', key: 'k' }, jobId: first?.id, reason: 'again' },
      },
    ]);
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).not.toBeNull();
    await expect(queue.freeKey(key, { actor: '' })).rejects.toThrow('actor: expected text of 1 to 200');
    await expect(queue.freeKey({ ...key, idempotencyKey: '' }, { actor: 'ann' })).rejects.toThrow('idempotencyKey');
  });

  test('a freed key does not end its holder, whose outcome leaves the next one’s key alone', async () => {
    const { database } = setup;
    const { queue, seen } = queueOf(database);
    await queue.addJob('work', noop, { idempotencyKey: 'k' });
    let second: { id: string } | null = null;
    seen.onStart = async () => {
      seen.onStart = () => undefined;
      await queue.freeKey({ type: 'work', idempotencyKey: 'k' }, { actor: 'ann' });
      second = await queue.addJob('work', noop, { idempotencyKey: 'k', delayMs: 60_000 });
    };
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'k' })).toMatchObject({
      id: (second as unknown as { id: string }).id,
      status: 'PENDING',
    });
  });
});
