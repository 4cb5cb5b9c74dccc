import { expect, test } from 'vitest';
import { binOf, counted, type Histogram, percentileMs, summed, upperMs } from '../src/core/histogram.ts';

const of = (...durations: number[]) => durations.reduce<Histogram>(counted, []);

test('a duration lies below the limit of its bin, and not below that of the bin before', () => {
  for (const ms of [1.5, 2, 3, 10, 999, 60_000, 86_400_000]) {
    expect(ms).toBeLessThan(upperMs(binOf(ms)));
    expect(ms).toBeGreaterThanOrEqual(upperMs(binOf(ms) - 1) * (1 - 1e-12));
  }
});

test('whatever is shorter than a millisecond or longer than a week has a bin', () => {
  expect([binOf(0), binOf(-5), binOf(1)]).toEqual([0, 0, 0]);
  expect(binOf(Number.MAX_SAFE_INTEGER)).toBe(binOf(1e12));
});

test('percentiles are never too small, and at most 1.42 times too large', () => {
  const durations = Array.from({ length: 1_000 }, (_, n) => n + 1);
  for (const p of [0.5, 0.95, 0.99]) {
    const answer = percentileMs(of(...durations), p) as number;
    expect(answer).toBeGreaterThan(p * 1_000);
    expect(answer).toBeLessThanOrEqual(p * 1_000 * Math.SQRT2);
  }
});

test('histograms sum to the histogram of all', () => {
  expect(summed([of(1, 5, 9), of(100), []])).toEqual(of(1, 5, 9, 100));
  expect(percentileMs([], 0.5)).toBeNull();
});
