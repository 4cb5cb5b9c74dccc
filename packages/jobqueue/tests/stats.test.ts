/** queue.stats(): sums of rollups over drains, types and time, and percentiles of what their histograms hold. */
import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { emptied } from '../../../tests/support/empty.ts';
import { countRun, emptyRollup, rollupRow } from '../src/core/rollup.ts';
import type { Database } from '../src/postgres/connect.ts';
import { queueOf, rows } from './support.ts';

const HOUR_MS = 3_600_000;
const NOON = Date.parse('2026-03-29T12:00:00Z'); // on a day on which Berlin has no 02:30

interface Runs {
  readonly at: number;
  readonly type?: string;
  readonly waitMs: number;
  readonly runMs: number;
}

/** Written as a drain of its own would, but at any time. */
async function write(database: Database, ...runs: Runs[]): Promise<void> {
  for (const { at, type = 'work', waitMs, runMs } of runs) {
    const rollup = emptyRollup();
    countRun(rollup, { to: 'completed', waitMs, runMs }, 1);
    const [, , completed, , , , waitSum, runSum, waits, runBins] = rollupRow(0, type, rollup);
    const text = `insert into jobqueue.rollups (minute, type, drain, completed, wait_ms, run_ms, waits, runs)
                  values (date_trunc('minute', $1::timestamptz), $2, $3, $4, $5, $6, $7, $8)`;
    const at_ = new Date(at).toISOString();
    await rows(database, text, at_, type, randomUUID(), completed, waitSum, runSum, waits, runBins);
  }
}

describeOnOneDriver('stats', (setup) => {
  beforeEach(async () => {
    await rows(setup.database, emptied('jobqueue.rollups'));
  });

  test('percentiles of a known distribution are never too small, and at most 1.42 times too large', async () => {
    const { database } = setup;
    const waits = Array.from({ length: 200 }, (_, n) => ({ at: NOON, waitMs: 5 * (n + 1), runMs: 60_000 / (n + 1) }));
    await write(database, ...waits);
    const [total] = await queueOf(database).queue.stats({
      from: new Date(NOON),
      to: new Date(NOON + 60_000),
      by: 'total',
    });
    expect(total).toMatchObject({ from: new Date(NOON), type: 'work', completed: 200, wait: { count: 200 } });
    const sorted = (pick: (run: Runs) => number) => waits.map(pick).sort((a, b) => a - b);
    for (const [spread, durations] of [
      [total?.wait, sorted(({ waitMs }) => waitMs)],
      [total?.run, sorted(({ runMs }) => runMs)],
    ] as const) {
      for (const [p, ms] of [
        [0.5, spread?.p50Ms],
        [0.95, spread?.p95Ms],
        [0.99, spread?.p99Ms],
      ] as const) {
        const exact = durations[Math.ceil(p * durations.length) - 1] as number;
        expect(ms).toBeGreaterThanOrEqual(exact);
        expect(ms).toBeLessThanOrEqual(exact * 1.42);
      }
      const mean = durations.reduce((sum, ms) => sum + ms, 0) / durations.length;
      expect(Math.abs((spread?.meanMs as number) - mean)).toBeLessThan(1); // rows hold whole ms
    }
  });

  test('by minute and by hour each bucket and type has its own sums, from the first instant on, up to the last', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await write(
      database,
      { at: NOON - 1, waitMs: 1, runMs: 1 }, // before
      { at: NOON, waitMs: 1, runMs: 10 },
      { at: NOON, waitMs: 3, runMs: 30 },
      { at: NOON, type: 'other', waitMs: 5, runMs: 50 },
      { at: NOON + 60_000, waitMs: 7, runMs: 70 },
      { at: NOON + HOUR_MS, waitMs: 9, runMs: 90 },
      { at: NOON + 2 * HOUR_MS, waitMs: 9, runMs: 90 }, // behind
    );
    const between = { from: new Date(NOON), to: new Date(NOON + 2 * HOUR_MS) };
    const short = (found: Awaited<ReturnType<typeof queue.stats>>) =>
      found.map(({ from, type, completed, wait, run }) => [
        from.getTime() - NOON,
        type,
        completed,
        wait?.meanMs,
        run?.meanMs,
      ]);
    expect(short(await queue.stats({ ...between, by: 'minute' }))).toEqual([
      [0, 'other', 1, 5, 50],
      [0, 'work', 2, 2, 20],
      [60_000, 'work', 1, 7, 70],
      [HOUR_MS, 'work', 1, 9, 90],
    ]);
    expect(short(await queue.stats({ ...between, by: 'hour', types: ['work'] }))).toEqual([
      [0, 'work', 3, 11 / 3, 110 / 3],
      [HOUR_MS, 'work', 1, 9, 90],
    ]);
    expect(short(await queue.stats({ ...between, by: 'total' }))).toEqual([
      [0, 'other', 1, 5, 50],
      [0, 'work', 4, 5, 50],
    ]);
  });

  test('what was counted without a run has no times', async () => {
    const { database } = setup;
    await rows(
      database,
      "insert into jobqueue.rollups (minute, type, drain, dead) values (date_trunc('minute', now()), 'work', gen_random_uuid(), 1)",
    );
    const { queue } = queueOf(database);
    expect(await queue.stats({ by: 'hour' })).toMatchObject([{ type: 'work', dead: 1, wait: null, run: null }]);
    expect(await queue.stats({ by: 'hour', types: ['other'] })).toEqual([]);
  });

  test.for([
    ['more than 1,500 minutes', { from: new Date(0), by: 'minute' }],
    ['more than 1,500 hours', { from: new Date(NOON - 1_501 * HOUR_MS), to: new Date(NOON), by: 'hour' }],
    ['an end before the beginning', { from: new Date(1), to: new Date(0), by: 'total' }],
    ['no date', { from: new Date('soon'), by: 'total' }],
    ['no types at all', { types: [], by: 'total' }],
    ['days', { by: 'day' as 'hour' }],
  ] as const)('refuses %s', async ([, options]) => {
    const { queue } = queueOf(setup.database);
    await expect(queue.stats(options)).rejects.toMatchObject({
      code: 'option_invalid',
      message: expect.stringMatching(/expected .*, got /),
    });
  });
});
