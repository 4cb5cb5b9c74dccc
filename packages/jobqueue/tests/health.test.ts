/** Health: each check green and red, by rows that look like what went wrong, and probes that stay small. */
import pg from 'pg';
import { beforeEach, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { emptied } from '../../../tests/support/empty.ts';
import { continueWith } from '../src/index.ts';
import { CLAIM, send } from './played-exchange.ts';
import { queueOf, rows, works } from './support.ts';
import { aMinuteLater, calm, dayOf, deadLetters, dueFor, noTickFor, rollup, ticked, watchedQueue } from './watched.ts';

const ANN = { actor: 'ann' };

const NAMES = [
  'database',
  'protocol',
  'ticks',
  'oldest_due',
  'dead_letters',
  'retries',
  'run_time',
  'deadlines',
  'unhandled',
  'slices',
  'snapshot',
  'sequences',
];

describeOnOneDriver('health', (setup) => {
  beforeEach(() => calm(setup.database));

  /** The names of red checks, and the checks themselves. */
  const reds = async (queue = watchedQueue(setup.database).queue) => {
    const { status, checks } = await queue.health();
    const red = checks.filter(({ ok }) => !ok);
    expect(status).toBe(red.length === 0 ? 'ok' : 'failing');
    return red;
  };
  const names = async (queue?: ReturnType<typeof watchedQueue>['queue']) => (await reds(queue)).map(({ name }) => name);

  test('of a queue without work is green in each check, and says what it measured', async () => {
    const { status, checks } = await watchedQueue(setup.database).queue.health();
    expect(checks.map(({ name }) => name)).toEqual(NAMES);
    expect(status).toBe('ok');
    for (const { detail } of checks) expect(detail).toMatch(/^\S.*[^.]$/);
    expect(checks.find(({ name }) => name === 'ticks')).toMatchObject({ limit: 180_000, value: expect.any(Number) });
  });

  test('ticks: none for three intervals is red, whatever kicks and operators drain', async () => {
    await noTickFor(setup.database, '179 seconds');
    expect(await names()).toEqual([]);
    await noTickFor(setup.database, '3 minutes');
    const { queue } = watchedQueue(setup.database);
    await queue.drain({ source: 'kick' });
    await queue.drain({ source: 'operator' });
    expect(await reds()).toEqual([
      {
        name: 'ticks',
        ok: false,
        detail: expect.stringContaining('(limit 3 min)'),
        value: expect.any(Number),
        limit: 180_000,
        next: expect.stringContaining('/api/cron/drain'),
        page: '/ticks',
        url: null,
      },
    ]);
    await queue.drain({ source: 'cron' });
    expect(await names()).toEqual([]);
  });

  test('sequences: each that a restore left behind is named, until they are raised', async () => {
    const { queue } = watchedQueue(setup.database);
    await queue.addJob('work', {});
    await queue.pause({ type: 'work' }, ANN);
    await queue.resume({ type: 'work' }, ANN);
    expect(await names()).toEqual([]);
    await rows(
      setup.database,
      "select setval('jobqueue.jobs_id_seq', 1, false), setval('jobqueue.audit_log_id_seq', 1)",
    );
    expect(await reds()).toEqual([
      {
        name: 'sequences',
        ok: false,
        detail:
          'jobqueue.audit_log_id_seq, jobqueue.jobs_id_seq would hand out ids that rows already have, as after a restore without sequences',
        next: 'run select jobqueue.raise_sequences_1() in that database',
        page: '/',
        url: null,
        value: 2,
        limit: 1,
      },
    ]);
    expect(await rows(setup.database, 'select jobqueue.raise_sequences_1() as raised')).toEqual([{ raised: 2 }]);
    expect(await names()).toEqual([]);
  });

  test('ticks: before the first one it is red', async () => {
    await rows(setup.database, emptied('jobqueue.drains'));
    expect(await reds()).toMatchObject([{ name: 'ticks', value: null, detail: 'no tick has succeeded yet' }]);
  });

  test('ticks: those that are killed, or lose Postgres, do not count; one that works right now does', async () => {
    await noTickFor(setup.database, '10 minutes');
    await ticked(setup.database, '1 minute', null); // killed: no exchange since, and never finished
    await ticked(setup.database, '2 minutes', 'database_unreachable');
    expect(await names()).toEqual(['ticks']);
    await ticked(setup.database, '1 second', null);
    expect(await names()).toEqual([]);
  });

  test('ticks: where they come daily, a day without one is green', async () => {
    const { queue } = watchedQueue(setup.database, { health: { tickEvery: '1d', missedTicks: 2 } });
    await noTickFor(setup.database, '30 hours');
    await dueFor(setup.database, 'work', '20 hours'); // nobody expects it earlier
    expect(await names(queue)).toEqual([]);
    await noTickFor(setup.database, '49 hours');
    expect(await names(queue)).toEqual(['ticks']);
  });

  test('oldest due: a job that waits longer than its type allows is red', async () => {
    const { queue } = watchedQueue(setup.database, { startWithin: '1h' });
    await dueFor(setup.database, 'work', '4 minutes');
    await dueFor(setup.database, 'calm', '59 minutes');
    expect(await names(queue)).toEqual([]);
    await dueFor(setup.database, 'work', '5 minutes', 'another');
    expect(await reds(queue)).toMatchObject([
      { name: 'oldest_due', limit: 300_000, detail: expect.stringMatching(/^oldest due work job has waited 5 min/) },
    ]);
  });

  test('oldest due: what is paused, planned, held or just given back does not count', async () => {
    const { queue } = watchedQueue(setup.database);
    await dueFor(setup.database, 'work', '1 hour', 'paused');
    await queue.pause({ queue: 'paused' }, ANN);
    await dueFor(setup.database, 'work', '-1 hour');
    await dueFor(setup.database, 'work', '1 hour', 'held');
    await send(setup.database, { claim: { ...CLAIM, queues: ['held'] } });
    expect(await rows(setup.database, 'select from jobqueue.leases')).toHaveLength(1);
    await dueFor(setup.database, 'work', '1 hour', 'returned');
    await rows(setup.database, "update jobqueue.jobs set started_at = now() where queue = 'returned'");
    expect(await names()).toEqual([]);
    await rows(setup.database, "update jobqueue.leases set lease_until = now() - interval '6 minutes'");
    expect(await names()).toEqual(['oldest_due']);
  });

  test('dead letters: it is red when they come faster than they used to, not because there are some', async () => {
    await deadLetters(setup.database, 500, '26 hours');
    await deadLetters(setup.database, 2, '10 minutes');
    expect(await names()).toEqual([]);
    await deadLetters(setup.database, 1, '50 minutes');
    expect(await reds()).toMatchObject([{ name: 'dead_letters', value: 3, limit: 3 }]);
    await deadLetters(setup.database, 48, '5 hours'); // two an hour: three times as many are still usual
    expect(await names()).toEqual([]);
    await deadLetters(setup.database, 2_000, '1 minute', 'calm');
    expect(await reds()).toMatchObject([
      {
        name: 'dead_letters',
        value: 1000,
        detail: expect.stringMatching(/^1000\+ calm dead letters in the last hour/),
      },
    ]);
  });

  /** Rollups become a past by the looks that ticks take. */
  const lookBack = async () => {
    await aMinuteLater(setup.database);
    await watchedQueue(setup.database).queue.drain();
  };

  test('retries: a type that fails three times as often as in the day before is red, with little traffic never', async () => {
    await dayOf(setup.database, { completed: 90, failed: 10 });
    await rollup(setup.database, '1 minute', { failed: 19 });
    await lookBack();
    expect(await names()).toEqual([]);
    await rollup(setup.database, '2 minutes', { completed: 45 });
    await rollup(setup.database, '16 minutes', { completed: 1_000 }); // too long ago
    expect(await names()).toEqual([]);
    await rollup(setup.database, '5 minutes', { dead: 2 });
    expect(await reds()).toMatchObject([
      {
        name: 'retries',
        limit: 0.3,
        detail: expect.stringMatching(/^21 of 66 work .*\(limit 30 %; the day before: 10 %\)$/),
      },
    ]);
    await rollup(setup.database, '5 minutes', { completed: 100 });
    expect(await names()).toEqual([]);
  });

  test('retries: a type without a past is not compared, one that always fails much must fail even more', async () => {
    await rollup(setup.database, '1 minute', { failed: 1_000 });
    await lookBack();
    expect(await names()).toEqual([]);
    await dayOf(setup.database, { completed: 50, failed: 50 });
    await rows(setup.database, "update jobqueue.watch set folded_until = now() - interval '1 day'");
    await rollup(setup.database, '1 minute', { completed: 400 });
    await lookBack();
    expect(await names()).toEqual([]); // 71 % of 1,400, the limit is 75 %
    await rollup(setup.database, '1 minute', { failed: 300 });
    expect(await names()).toEqual(['retries']);
  });

  test('run time: a p95 three times that of the day before is red, by a second at least', async () => {
    await dayOf(setup.database, { completed: 200, bin: 18 }); // up to 0.72 s
    await dayOf(setup.database, { type: 'calm', completed: 200, bin: 4 });
    await rollup(setup.database, '1 minute', { completed: 100, bin: 20 });
    await rollup(setup.database, '1 minute', { type: 'calm', completed: 100, bin: 18 }); // a hundredfold, but below a second
    await lookBack();
    expect(await names()).toEqual([]);
    await rollup(setup.database, '1 minute', { completed: 10, bin: 24 }); // 9 % of all
    expect(await reds()).toMatchObject([
      { name: 'run_time', detail: expect.stringMatching(/^p95 run time of work was [5-6]/) },
    ]);
    await rollup(setup.database, '1 minute', { completed: 200, bin: 18 }); // 3 % of all
    expect(await names()).toEqual([]);
  });

  test('run time: it is not compared with too few runs', async () => {
    await dayOf(setup.database, { completed: 200, bin: 18 });
    await rollup(setup.database, '1 minute', { completed: 19, bin: 30 });
    await lookBack();
    expect(await names()).toEqual([]);
    await rollup(setup.database, '1 minute', { completed: 1, bin: 30 });
    expect(await names()).toEqual(['run_time']);
  });

  test('deadlines: five ticks in a row that ended for lack of time are red, one between them is not', async () => {
    for (const seconds of [10, 20, 30, 40]) await ticked(setup.database, `-${seconds} seconds`, 'deadline');
    expect(await names()).toEqual([]); // before them stands a tick that ended empty
    await ticked(setup.database, '-50 seconds', 'deadline');
    await ticked(setup.database, '-60 seconds', null); // still running
    expect(await reds()).toMatchObject([{ name: 'deadlines', value: 5, limit: 5 }]);
    await ticked(setup.database, '-70 seconds', 'limit');
    expect(await names()).toEqual([]);
  });

  test('unhandled: due jobs of a type that no handler here can run are red once somebody else should have', async () => {
    await dueFor(setup.database, 'nobody', '4 minutes');
    await dueFor(setup.database, 'of_another_app', '-1 hour');
    expect(await names()).toEqual([]);
    await dueFor(setup.database, 'of_another_app', '5 minutes');
    expect(await reds()).toMatchObject([{ name: 'unhandled', detail: expect.stringContaining('of_another_app') }]);
    await watchedQueue(setup.database).queue.pause({ type: 'of_another_app' }, ANN);
    expect(await names()).toEqual([]);
  });

  test('slices: a job that goes on without end is named, until it ends', async () => {
    const { queue, seen } = queueOf(setup.database);
    seen.results.set(0, continueWith({ page: 1 }, { delayMs: 60_000 }));
    const added = await queue.addJob('work', { mode: 'return', n: 0 });
    await queue.addJobs(works(3));
    const after = async (claims: number) => {
      await rows(setup.database, 'update jobqueue.jobs set fence = $1::int, due_at = now()', claims - 1); // moved, not waited for
      return queue.drain({ budgetMs: 5_000 });
    };
    expect(await after(9_999)).toMatchObject({ mostSlices: { job: added?.id, type: 'work', slices: 9_999 } });
    expect(await names()).toEqual([]);
    await after(10_000);
    expect(await reds()).toMatchObject([
      { name: 'slices', value: 10_000, limit: 10_000, detail: expect.stringContaining(`job ${added?.id} of work`) },
    ]);
    expect(await names(watchedQueue(setup.database, { health: { slices: 10_001 } }).queue)).toEqual([]);
    await queue.cancel({ ids: [added?.id ?? ''] }, { actor: 'ann', reason: 'it goes in circles' });
    expect(await names()).toEqual([]);
    const { checks } = await queue.health();
    expect(checks.find(({ name }) => name === 'slices')?.page).toBe('/jobs'); // nobody to point at
  });

  test('snapshot: it names who holds back vacuum, and never what they run', async () => {
    const holder = new pg.Client({ connectionString: setup.directUrl, application_name: 'report of the month' });
    await holder.connect();
    try {
      await holder.query('begin isolation level repeatable read');
      await holder.query("select 'a secret of the report', count(*) from jobqueue.jobs");
      const { queue } = watchedQueue(setup.database, { health: { snapshotAge: 1 } });
      const [red] = await reds(queue);
      expect(red).toMatchObject({ name: 'snapshot', limit: 1, detail: expect.stringContaining('report of the month') });
      expect(red?.detail).not.toContain('secret');
      expect(await names()).toEqual([]); // not yet a quarter of an hour
    } finally {
      await holder.end();
    }
  });

  test('snapshot: a transaction that wrote and then idles holds back vacuum without a snapshot', async () => {
    const holder = new pg.Client({ connectionString: setup.directUrl, application_name: 'forgotten' });
    await holder.connect();
    try {
      await holder.query('begin');
      await holder.query("insert into jobqueue.audit_log (actor, action) values ('a', 'b')");
      const { queue } = watchedQueue(setup.database, { health: { snapshotAge: 1 } });
      expect(await reds(queue)).toMatchObject([
        { name: 'snapshot', detail: expect.stringContaining('idle in transaction') },
      ]);
    } finally {
      await holder.end();
    }
  });

  test('protocol: a function that is not there is named, with the command that brings it', async () => {
    const { queue } = watchedQueue(setup.database);
    const watch = 'alter function jobqueue.watch_1(jsonb) rename to watch_0';
    const health = 'alter function jobqueue.health_1(jsonb) rename to health_0';
    await rows(setup.database, watch);
    try {
      expect(await reds(queue)).toMatchObject([
        {
          name: 'protocol',
          detail: expect.stringContaining('watch_1'),
          next: 'run npx jobqueue migrate on this database',
        },
      ]);
      await rows(setup.database, health);
      try {
        expect(await reds(queue)).toMatchObject([{ name: 'protocol', detail: expect.stringContaining('health_1') }]);
      } finally {
        await rows(setup.database, 'alter function jobqueue.health_0(jsonb) rename to health_1');
      }
    } finally {
      await rows(setup.database, 'alter function jobqueue.watch_0(jsonb) rename to watch_1');
    }
    expect(await names()).toEqual([]);
  });

  test('a day of many drains is summed once: every look reads hours', async () => {
    await rows(
      setup.database,
      `insert into jobqueue.rollups (minute, type, drain, completed, failed, runs)
       select date_trunc('minute', now()) - m * interval '1 minute', 'work', gen_random_uuid(), 2, 1, '{0,1,2}'
       from generate_series(60, 759) as m, generate_series(1, 20)`,
    );
    for (let looks = 0; looks < 3; looks++) await lookBack(); // some 5,000 rows each
    const sums =
      'select sum(completed)::int as completed, sum(failed)::int as failed, sum(runs[3])::int as slow from jobqueue.trends';
    expect(await rows(setup.database, sums)).toEqual([{ completed: 28_000, failed: 14_000, slow: 28_000 }]);
    await lookBack();
    expect(await rows(setup.database, sums)).toEqual([{ completed: 28_000, failed: 14_000, slow: 28_000 }]);
    const [{ hours } = { hours: 0 }] = await rows<{ hours: number }>(
      setup.database,
      'select count(*)::int as hours from jobqueue.trends',
    );
    expect(hours).toBeLessThanOrEqual(13);
  });
});
