/** A scrape agrees with the events, costs one statement, and is bounded. */
import { beforeEach, describe, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { readScrape } from '../../../tests/support/prometheus.ts';
import { counted, type Histogram } from '../src/core/histogram.ts';
import { prometheusText } from '../src/monitoring/prometheus.ts';
import { counting, emptyTables, queueOf, rows, works } from './support.ts';

const ANN = { actor: 'ann' };

const noop = { mode: 'noop' } as const;
const histogramOf = (...durations: number[]) => durations.reduce<Histogram>(counted, []);

describe('the text format', () => {
  test('escapes what a label may hold', () => {
    const value = 'a "quoted" \\ path,\nand={braces}';
    const text = prometheusText([
      { name: 'x', help: 'two\nlines \\', type: 'gauge', samples: [{ labels: { value }, value: 1 }] },
    ]);
    expect(readScrape(text).all('x')).toEqual([{ name: 'x', labels: { value }, value: 1 }]);
    expect(text.split('\n')).toHaveLength(4);
  });

  test('writes numbers as scrapers read them', () => {
    const numbers = [0, 0.002, 1e21, 5e-7, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -3];
    const samples = numbers.map((value, n) => ({ labels: { n: String(n) }, value }));
    const scrape = readScrape(prometheusText([{ name: 'x', help: 'x', type: 'gauge', samples }]));
    expect(scrape.all('x').map(({ value }) => value)).toEqual(numbers);
  });

  test.each([
    ['a series twice', '# TYPE x gauge\nx 1\nx 2\n'],
    ['no end of line', '# TYPE x gauge\nx 1'],
    ['a raw quote', '# TYPE x gauge\nx{a="b"c"} 1\n'],
    ['a number of words', '# TYPE x gauge\nx undefined\n'],
    ['a bucket that falls', '# TYPE x histogram\nx_bucket{le="1"} 3\nx_bucket{le="+Inf"} 2\nx_sum 1\nx_count 2\n'],
  ])('is read strictly: %s is refused', (_, text) => {
    expect(() => readScrape(text)).toThrow();
  });
});

describeOnOneDriver('metrics', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  const scrape = async (queue: { metrics(): Promise<string> }) => readScrape(await queue.metrics());
  const rollup = (
    minute: string,
    type: string,
    counts: [number, number, number, number],
    waits: Histogram,
    runs: Histogram,
  ) =>
    rows(
      setup.database,
      `insert into jobqueue.rollups (minute, type, drain, completed, failed, dead, cancelled, wait_ms, run_ms, waits, runs)
       values (${minute}, $1, gen_random_uuid(), $2, $3, $4, $5, $6, $7, $8::int[], $9::int[])`,
      type,
      ...counts,
      3_000,
      1_500,
      `{${waits.join(',')}}`,
      `{${runs.join(',')}}`,
    );

  test('an empty queue has its zeros: a counter that appears with its first count would lose it', async () => {
    const { queue } = queueOf(setup.database);
    const found = await scrape(queue);
    for (const outcome of ['completed', 'retried', 'dead_letter', 'cancelled'])
      expect(found.value('jobqueue_runs_total', { type: 'work', outcome })).toBe(0);
    expect(found.value('jobqueue_run_seconds_count', { type: 'other' })).toBe(0);
    expect(found.value('jobqueue_oldest_due_age_seconds')).toBe(0);
    expect(found.value('jobqueue_last_tick_age_seconds')).toBe(Number.POSITIVE_INFINITY);
    expect(found.value('jobqueue_protocol')).toBe(1);
    expect(found.types.get('jobqueue_due_jobs')).toBe('gauge');
  });

  test('what is due, what waits for later, what is dead and what is paused are told apart', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(3, noop, { priority: 7 }));
    await queue.addJobs(works(2, noop, { priority: 1, delayMs: 60_000 }));
    await queue.addJob('other', noop);
    await rows(setup.database, "update jobqueue.jobs set due_at = now() - interval '90 s' where type = 'other'");
    await queue.pause({ type: 'other' }, ANN);
    const before = await scrape(queue);
    const lane = (type: string, priority: number) => ({ queue: 'default', type, priority: String(priority) });
    expect(before.value('jobqueue_due_jobs', lane('work', 7))).toBe(3);
    expect(before.value('jobqueue_due_jobs', lane('work', 1))).toBe(0);
    expect(before.value('jobqueue_due_jobs', lane('other', 0))).toBe(1);
    expect(before.value('jobqueue_due_age_seconds', lane('other', 0))).toBeGreaterThan(89);
    expect(before.value('jobqueue_oldest_due_age_seconds')).toBeLessThan(89); // a paused lane ages on purpose
    expect(before.value('jobqueue_paused', { queue: '*', type: 'other' })).toBe(1);

    await queue.addJob('work', { mode: 'fail_for_good' });
    expect(await queue.drain({ source: 'cron' })).toMatchObject({ completed: 3, deadLettered: 1 });
    const after = await scrape(queue);
    expect(after.all('jobqueue_due_jobs').reduce((sum, { value }) => sum + value, 0)).toBe(1);
    expect(after.value('jobqueue_dead_letters', { type: 'work' })).toBe(1);
    expect(after.value('jobqueue_drains_last_hour', { stop_reason: 'empty' })).toBe(1);
    expect(after.value('jobqueue_last_tick_age_seconds')).toBeLessThan(60);
    expect(after.value('jobqueue_running_jobs')).toBe(0);
  });

  test('what runs is counted while it runs', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(works(2));
    seen.onStart = async ({ checkpoint }) => {
      await checkpoint({ so: 'far' }); // committed with the ledger row that says what runs
      const found = await scrape(queue);
      expect(found.value('jobqueue_running_jobs')).toBeGreaterThan(0);
      expect(found.value('jobqueue_open_drains')).toBe(1);
    };
    expect(await queue.drain()).toMatchObject({ completed: 2 });
    expect((await scrape(queue)).value('jobqueue_open_drains')).toBe(0);
  });

  test('rollups of several drains are summed: runs of the day, histograms of the hour', async () => {
    const { queue } = queueOf(setup.database);
    const thisMinute = `date_trunc('minute', now())`;
    await rollup(thisMinute, 'work', [5, 2, 1, 0], histogramOf(10, 10, 300), histogramOf(1, 50));
    await rollup(thisMinute, 'work', [3, 0, 0, 4], histogramOf(5_000), histogramOf(70_000, 1));
    await rollup(
      `date_trunc('day', now(), 'UTC') - interval '1 minute'`,
      'work',
      [100, 0, 0, 0],
      histogramOf(1),
      histogramOf(1),
    );
    await rollup(thisMinute, 'stranger', [1, 0, 0, 0], [], []);
    const found = await scrape(queue);
    const outcome = (of: string, type = 'work') => found.value('jobqueue_runs_total', { type, outcome: of });
    expect([outcome('completed'), outcome('retried'), outcome('dead_letter'), outcome('cancelled')]).toEqual([
      8, 2, 1, 4,
    ]);
    expect(outcome('completed', 'stranger')).toBe(1);
    const bucket = (name: string, le: string) => found.value(`jobqueue_${name}_seconds_bucket`, { type: 'work', le });
    expect([
      bucket('wait', '0.008'),
      bucket('wait', '0.016'),
      bucket('wait', '0.512'),
      bucket('wait', '8.192'),
    ]).toEqual([0, 2, 3, 4]);
    expect([bucket('run', '0.002'), bucket('run', '0.064'), bucket('run', '131.072'), bucket('run', '+Inf')]).toEqual([
      2, 3, 4, 4,
    ]);
    expect(found.value('jobqueue_wait_seconds_sum', { type: 'work' })).toBe(6);
    expect(found.value('jobqueue_run_seconds_sum', { type: 'work' })).toBe(3);
  });

  test('a counter never falls when old minutes are pruned or folded into one row', async () => {
    const { queue } = queueOf(setup.database);
    const thisMinute = `date_trunc('minute', now())`;
    await rollup(thisMinute, 'work', [5, 0, 0, 0], histogramOf(10), histogramOf(1));
    await rollup(thisMinute, 'work', [2, 0, 0, 0], histogramOf(10), histogramOf(1));
    await rollup(`now() - interval '60 days'`, 'work', [100, 0, 0, 0], histogramOf(10), histogramOf(1));
    const before = await queue.metrics();
    await rows(setup.database, "delete from jobqueue.rollups where minute < now() - interval '30 days'");
    await rows(
      setup.database,
      `with gone as (delete from jobqueue.rollups returning *)
       insert into jobqueue.rollups (minute, type, drain, completed, wait_ms, run_ms, waits, runs)
       select minute, type, '00000000-0000-0000-0000-000000000000', sum(completed), sum(wait_ms), sum(run_ms),
              '${`{${histogramOf(10, 10).join(',')}}`}', '${`{${histogramOf(1, 1).join(',')}}`}'
       from gone group by minute, type`,
    );
    const counters = (text: string) => text.split('\n').filter((line) => /^jobqueue_(runs_total|wait|run_)/.test(line));
    expect(counters(await queue.metrics())).toEqual(counters(before));
  });

  test('a lane counts up to 1,000, lanes up to 200, dead letters up to 10,000', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(1_200));
    await rows(
      setup.database,
      `select count(*) from jobqueue.add_jobs((
         select jsonb_agg(jsonb_build_object('type', 'type_' || n)) from generate_series(1, 250) n))`,
    );
    await rows(
      setup.database,
      `insert into jobqueue.job_history (id, status, created_at, due_at, fence, attempt, max_attempts, priority, queue, type, payload)
       select nextval('jobqueue.jobs_id_seq'), 'DEAD_LETTER', now(), now(), 1, 3, 3, 0, 'default', 'work', '{}'
       from generate_series(1, 10200)`,
    );
    const found = await scrape(queue);
    expect(found.all('jobqueue_due_jobs')).toHaveLength(200);
    expect(found.value('jobqueue_lanes_left_out')).toBe(51);
    expect(found.value('jobqueue_due_jobs', { queue: 'default', type: 'work', priority: '0' })).toBe(1_000);
    expect(found.value('jobqueue_dead_letters', { type: 'work' })).toBe(10_000);
  });

  test('a scrape is one statement', async () => {
    const { database, statements } = counting(setup.database);
    await queueOf(database).queue.metrics();
    expect(statements).toHaveLength(1);
  });
});
