/** Order of claims: priorities and due times decide, whatever else is in the table. */
import pg from 'pg';
import { beforeEach, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { emptyTables, queueOf, rows, statuses, works } from './support.ts';

const ANN = { actor: 'ann' };

const noop = { mode: 'noop' } as const;

describeOnOneDriver('order', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  /** Rows as addJobs writes them, by the hundred thousand. */
  const fill = (count: number, type: string, queue: string, due: string) =>
    rows(
      setup.database,
      `insert into jobqueue.jobs (type, queue, priority, payload, payload_bytes, due_at)
       select $2, ${queue}, 0, '{"mode": "noop"}', 16, ${due} from generate_series(1, $1::int) n`,
      count,
      type,
    );

  test('an urgent job behind 10,000 others of 100 ms starts within two seconds', { timeout: 60_000 }, async () => {
    const { queue, seen } = queueOf(setup.database);
    const others = setup.driver === 'postgres' ? 10_000 : 2_000;
    await queue.addJobs(works(others, { mode: 'sleep', ms: 100 }));
    const controller = new AbortController();
    const URGENT = -7;
    let addedAtMs = Number.NaN;
    let waitedMs = Number.NaN;
    seen.onStart = async ({ payload }) => {
      // in mid-drain: batches have grown to what a second takes, and the next ones are claimed ahead
      if (seen.order.length === 150) {
        await queue.addJob('work', { ...noop, n: URGENT }, { priority: 10 });
        addedAtMs = performance.now();
      }
      if (payload.n !== URGENT) return;
      waitedMs = performance.now() - addedAtMs;
      controller.abort();
    };
    await queue.drain({ budgetMs: 20_000, concurrency: 10, signal: controller.signal });
    expect(waitedMs).toBeLessThan(2_000);
  });

  test('priorities, then due times, then ids decide, exactly', async () => {
    const { queue, seen } = queueOf(setup.database);
    const JOBS = 300;
    const entries = Array.from({ length: JOBS }, (_, n) => ({
      type: 'work' as const,
      payload: { ...noop, n },
      options: { priority: (n * 7) % 11, scheduledFor: new Date(Date.UTC(2020, 0, 1 + ((n * 13) % 5))) },
    }));
    await queue.addJobs(entries);
    await rows(
      setup.database, // addJob clamps the past to now: here the due times of long ago are meant
      `update jobqueue.jobs set due_at = now() - ((payload ->> 'n')::int * 13 % 5) * interval '1 minute'`,
    );
    const report = await queue.drain({ budgetMs: 20_000, concurrency: 1 });
    expect(report).toMatchObject({ completed: JOBS, stopReason: 'empty' });
    const place = (n: number) => [-((n * 7) % 11), -((n * 13) % 5), n] as const;
    const expected = Array.from({ length: JOBS }, (_, n) => n).toSorted((a, b) => {
      const [one, other] = [place(a), place(b)];
      return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
    });
    expect(seen.order).toEqual(expected);
  });

  test('a job for now is not overtaken by one that was planned and falls due after it', async () => {
    const { queue, seen } = queueOf(setup.database);
    const planned = await queue.addJob('work', { ...noop, n: 2 }, { delayMs: 60_000 });
    await queue.addJob('work', { ...noop, n: 1 });
    await rows(setup.database, 'update jobqueue.jobs set due_at = now() where id = $1::bigint', planned?.id);
    expect(await queue.drain({ budgetMs: 20_000, concurrency: 1 })).toMatchObject({ completed: 2 });
    expect(seen.order).toEqual([1, 2]);
  });

  test('a row that somebody holds keeps no drain from the rows behind it', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(works(50));
    const somebody = new pg.Client(setup.directUrl);
    await somebody.connect();
    try {
      await somebody.query('begin');
      await somebody.query("select from jobqueue.jobs where payload ->> 'n' = '0' for update");
      expect(await queue.drain({ budgetMs: 20_000, limit: 49, concurrency: 1 })).toMatchObject({ completed: 49 });
      expect(seen.order).toEqual(Array.from({ length: 49 }, (_, n) => n + 1));
    } finally {
      await somebody.end();
    }
    expect(await queue.drain({ budgetMs: 20_000 })).toMatchObject({ completed: 1 });
  });

  test('ten thousand jobs are claimed in steps of hundreds, not one at a poll', { timeout: 60_000 }, async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(10_000));
    const report = await queue.drain({ budgetMs: 50_000, concurrency: 100 });
    expect(report).toMatchObject({ completed: 10_000, stopReason: 'empty' });
    expect(report.steps).toBeLessThan(100);
  });

  test('a lane is taken in order by drains that follow each other, through limits and claims ahead', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(works(1_000));
    for (const limit of [1, 10, 389, 600]) await queue.drain({ budgetMs: 20_000, concurrency: 1, limit });
    expect(seen.order).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
  });

  test('100,000 future jobs and 100,000 of an unknown type change neither the order nor the cost of a claim', async () => {
    const { queue, seen } = queueOf(setup.database);
    await fill(100_000, 'work', "'default'", "now() + interval '1 day' + n * interval '1 s'");
    await fill(100_000, 'unknown_here', "'default'", "now() - interval '1 day'");
    await rows(setup.database, 'analyze jobqueue.jobs');
    await queue.addJobs([
      ...Array.from({ length: 100 }, (_, n) => ({
        type: 'work' as const,
        payload: { ...noop, n },
        options: { priority: 3 },
      })),
      { type: 'other', payload: { ...noop, n: 100 }, options: { priority: 4 } },
      { type: 'other', payload: { ...noop, n: 101 }, options: { priority: 0 } },
    ]);
    const pages = await pagesOfAClaim();
    expect(pages).toBeLessThan(1_500); // the table and its index have some 8,000

    const report = await queue.drain({ budgetMs: 20_000, concurrency: 1 });
    expect(report).toMatchObject({ completed: 102, stopReason: 'empty', unhandled: ['unknown_here'] });
    expect(seen.order).toEqual([100, ...Array.from({ length: 100 }, (_, n) => n), 101]);
    expect(report.nextDueInMs).toBeGreaterThan(86_000_000);
    expect(await statuses(setup.database)).toEqual({ PENDING: 200_000, COMPLETED: 102 });
  });

  /** Pages that Postgres reads to find lanes, claim ten jobs and look for the next due time. */
  async function pagesOfAClaim(): Promise<number> {
    const client = new pg.Client(setup.directUrl);
    await client.connect();
    const claim = {
      limit: 10,
      free: 10,
      maxBytes: 4_194_304,
      types: { work: 60_000, other: 60_000 },
      excluded: [],
      lanes: null,
      first: true,
      idle: true,
      alone: true,
      suspects: true,
      includePaused: false,
    };
    const drain = {
      id: '00000000-0000-4000-8000-000000000001',
      step: 2,
      source: 'test',
      deadlineMs: 60_000,
      claim: '00000000-0000-4000-8000-000000000002',
      keyWindowMs: 1,
      lingerMs: 0,
      report: {},
      running: [],
      stopReason: null,
    };
    const call = 'explain (analyze, buffers, format json) select jobqueue.step_2($1, $2, $3, $4, $5, $6)';
    const params = [JSON.stringify(drain), '{}', '[]', '[]', '[]', JSON.stringify(claim)];
    try {
      await client.query('begin');
      await client.query(call, params); // plans it, and reads the catalogue
      await client.query('rollback');
      await client.query('begin');
      const { rows } = await client.query(call, params);
      await client.query('rollback');
      const { Plan } = rows[0]['QUERY PLAN'][0];
      return Plan['Shared Hit Blocks'] + Plan['Shared Read Blocks'];
    } finally {
      await client.end();
    }
  }

  test('behind more lanes than an exchange probes, every lane gets its turn', async () => {
    const LANES = 450;
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(
      works(LANES * 2).map((entry, n) => ({ ...entry, options: { queue: `tenant-${n % LANES}`, priority: n % 2 } })),
    );
    expect(await queue.drain({ budgetMs: 20_000 })).toMatchObject({ completed: LANES * 2, stopReason: 'empty' });
    expect(seen.starts.size).toBe(LANES * 2);
  });

  test('a due job is found behind hundreds of lanes that hold only future jobs, or are paused', async () => {
    const { queue } = queueOf(setup.database);
    await fill(3_000, 'work', "'a-tenant-' || n % 300", "now() + interval '1 hour'");
    await fill(3_000, 'work', "'b-paused-' || n % 300", 'now()');
    for (let n = 0; n < 300; n++) await queue.pause({ queue: `b-paused-${n}` }, ANN);
    await queue.addJob('work', noop, { queue: 'z-last', priority: 0 });
    expect(await queue.drain({ budgetMs: 20_000 })).toMatchObject({ completed: 1, stopReason: 'empty' });
    const report = await queue.drain({ budgetMs: 20_000 });
    expect(report).toMatchObject({ claimed: 0, steps: 1, stopReason: 'empty' });
    expect(report.nextDueInMs).toBeGreaterThan(3_000_000);
  });

  test('an urgent job in the last of 6,000 queues starts with the next tick, which knows when the next falls due', async () => {
    const { queue, seen } = queueOf(setup.database);
    await fill(6_000, 'work', "'tenant-' || n", "now() + interval '30 days' - n * interval '1 minute'");
    const idle = await queue.drain({ budgetMs: 20_000 });
    expect(idle).toMatchObject({ claimed: 0, steps: 1, stopReason: 'empty' });
    const firstMs = 30 * 86_400_000 - 6_000 * 60_000; // behind 5,999 that fall due later
    expect(Math.abs((idle.nextDueInMs ?? 0) - firstMs)).toBeLessThan(60_000);
    await fill(1_000, 'work', "'tenant-' || 2 * n", 'now()');
    await queue.addJob('work', { ...noop, n: 1 }, { queue: 'tenant-999', priority: 10 });
    expect(await queue.drain({ budgetMs: 20_000 })).toMatchObject({ completed: 1_001, stopReason: 'empty' });
    expect(seen.order[0]).toBe(1);
    await queue.addJob('work', noop, { queue: 'tenant-asked-for' });
    expect(await queue.drain({ budgetMs: 20_000, queue: 'tenant-asked-for' })).toMatchObject({ completed: 1 });
  });

  test('a tick looks at as many parts of 100,000 lanes as there are, and calls no part empty', {
    timeout: 60_000,
  }, async () => {
    const { queue } = queueOf(setup.database);
    await fill(100_500, 'work', "'tenant-' || n", "now() + interval '30 days'");
    await fill(1, 'work', "'z-next'", "now() + interval '1 hour'");
    expect(await queue.drain({ budgetMs: 40_000 })).toMatchObject({ claimed: 0, steps: 3, stopReason: 'empty' });
    await queue.addJob('work', noop, { queue: 'z-last', priority: 10 });
    const report = await queue.drain({ budgetMs: 40_000 });
    expect(report).toMatchObject({ completed: 1, stopReason: 'empty' });
    expect(report.nextDueInMs).toBeLessThan(3_600_000);
  });

  test('of more lanes than an exchange probes, the most urgent is still first', async () => {
    const { queue, seen } = queueOf(setup.database);
    await fill(1_000, 'work', "'tenant-' || n", "now() - interval '1 hour'");
    await queue.addJob('work', { ...noop, n: 1 }, { queue: 'zz', priority: 9 });
    await queue.drain({ budgetMs: 20_000, concurrency: 1, limit: 2 });
    expect(seen.order[0]).toBe(1);
  });

  test('a type without handler here stays pending, costs no attempt, and is reported', async () => {
    const { queue } = queueOf(setup.database);
    const added = await queue.addJob('nobody', {});
    await rows(setup.database, `select jobqueue.add_job('from_the_future', '{}')`);
    await queue.addJob('work', noop);
    const report = await queue.drain({ budgetMs: 10_000 });
    expect(report).toMatchObject({ claimed: 1, completed: 1, stopReason: 'empty' });
    expect(report.unhandled.toSorted()).toEqual(['from_the_future', 'nobody']);
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ status: 'PENDING', attempts: 0, fence: 0 });
  });

  test('paused types, queues and everything stay, until they are resumed or included on purpose', async () => {
    const { queue } = queueOf(setup.database);
    const add = () =>
      queue.addJobs([
        { type: 'work', payload: noop },
        { type: 'work', payload: noop, options: { queue: 'vip' } },
        { type: 'other', payload: noop },
      ]);
    for (const [target, taken] of [
      [{ type: 'work' }, 1],
      [{ queue: 'vip' }, 2],
      [{ type: 'work', queue: 'vip' }, 2],
      [{}, 0],
    ] as const) {
      await emptyTables(setup.database);
      await add();
      await queue.pause(target, { ...ANN, reason: 'incident 7' });
      expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: taken, stopReason: 'empty' });
      const left = await queue.drain({ budgetMs: 10_000, includePaused: true });
      expect(left.completed).toBe(3 - taken);
      await add();
      await queue.resume(target, ANN);
      expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: 3 });
    }
  });

  test('a drain takes only the queue and the types that it is told to', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs([
      { type: 'work', payload: noop },
      { type: 'work', payload: noop, options: { queue: 'vip' } },
      { type: 'other', payload: noop, options: { queue: 'vip' } },
    ]);
    expect(await queue.drain({ budgetMs: 10_000, queue: 'vip', types: ['work'] })).toMatchObject({ completed: 1 });
    expect(await queue.drain({ budgetMs: 10_000, queue: 'vip' })).toMatchObject({ completed: 1 });
    expect(await queue.drain({ budgetMs: 10_000, types: ['other'] })).toMatchObject({ completed: 0 });
    expect(await queue.drain({ budgetMs: 10_000, types: [] })).toMatchObject({ completed: 0, stopReason: 'empty' });
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 2, PENDING: 1 });
  });
});
