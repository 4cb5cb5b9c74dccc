/** Times that a person types and reads in their own zone. */
import { expect, test } from 'vitest';
import { duration } from '../../packages/console/src/ui/words.ts';
import { instantIn, inZone } from '../../packages/console/src/ui/zoned.ts';

test.each([
  ['2026-11-25T10:00', 'Asia/Dubai', '2026-11-25T06:00:00.000Z'],
  ['2026-07-01T00:30', 'Europe/Berlin', '2026-06-30T22:30:00.000Z'],
  ['2026-03-29T02:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'], // there was no such time: an hour later
  ['2026-10-25T02:30', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'], // there were two: the first
  ['2026-11-25T10:00:30Z', 'Asia/Dubai', '2026-11-25T10:00:30.000Z'],
])('%s in %s is %s', (text, zone, instant) => {
  expect(instantIn(text, zone)?.toISOString()).toBe(instant);
});

test.each([undefined, '', 'yesterday', '2026-13-45T99:99', '2026-11-25', '0000-01-01T00:00Z'])(
  '%s is no time',
  (text) => {
    expect(instantIn(text, 'UTC')).toBeUndefined();
  },
);

test('a time of another year says so', () => {
  expect(inZone(new Date('2001-02-03T04:05:06Z'), 'Asia/Dubai')).toBe('03 Feb 2001 08:05:06');
});

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1_500, '1.5 s'],
  [59_999, '59 s'],
  [200_000, '3 min 20 s'],
  [3_600_000, '1 h'],
  [90_000_000, '1 d 1 h'],
  [null, '–'],
])('%s ms are %s', (ms, words) => {
  expect(duration(ms)).toBe(words);
});
