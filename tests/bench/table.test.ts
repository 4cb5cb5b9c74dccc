/** The benchmark's table: what it calls ahead, behind and a tie. The measurement itself is no test: it needs a quiet machine. */
import { expect, test } from 'vitest';
import { median, type Run, table } from '../../bench/table.ts';

const run = (queue: Run['queue'], round: number, figures: Partial<Run['sample']>): Run => ({
  row: 'drain',
  queue,
  round,
  sample: {
    jobsPerSecond: 100,
    roundTripsPerJob: 1,
    walBytesPerJob: 100,
    cpuMicrosPerJob: 10,
    clientCpuMicrosPerJob: 10,
    ...figures,
  },
});

const rowsOf = (report: string, title: string) =>
  report
    .slice(report.indexOf(`### ${title}`))
    .split('\n')
    .find((line) => line.startsWith('| drain |'));

test('more jobs and less CPU both count as ahead, and falling behind is said in words', () => {
  const report = table([
    run('ours', 1, { jobsPerSecond: 200, cpuMicrosPerJob: 20 }),
    run('pg-boss', 1, { jobsPerSecond: 100, cpuMicrosPerJob: 10 }),
  ]);
  expect(rowsOf(report, 'Jobs per second')).toBe('| drain | 200 | 100 | 2.00 |');
  expect(rowsOf(report, 'Database CPU')).toBe('| drain | 20.0 | 10.0 | **0.50, behind** |');
  expect(rowsOf(report, 'Round trips')).toBe('| drain | 1.0000 | 1.0000 | 1.00 |');
});

test('a machine that slows down between rounds does not enter the ratio', () => {
  const report = table([
    run('ours', 1, { jobsPerSecond: 300 }),
    run('ours', 2, { jobsPerSecond: 30 }),
    run('ours', 3, { jobsPerSecond: 150 }),
    run('pg-boss', 1, { jobsPerSecond: 200 }),
    run('pg-boss', 2, { jobsPerSecond: 20 }),
    run('pg-boss', 3, { jobsPerSecond: 75 }),
  ]);
  expect(rowsOf(report, 'Jobs per second')).toBe('| drain | 150 | 75 | 1.50 (1.50–2.00) |');
});

test('a figure that could not be read is a dash, not a zero', () => {
  const report = table([run('ours', 1, { cpuMicrosPerJob: null }), run('pg-boss', 1, { cpuMicrosPerJob: null })]);
  expect(rowsOf(report, 'Database CPU')).toBe('| drain | – | – | – |');
});

test.each([
  [[], null],
  [[null], null],
  [[3, null, 1], 2],
  [[5, 1, 3], 3],
  [[4, 1, 3, 2], 2.5],
])('the median of %j is %j', (values, expected) => {
  expect(median(values)).toBe(expected);
});
