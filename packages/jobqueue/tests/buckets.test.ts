/** The arithmetic of token buckets, without a database. */
import { describe, expect, test } from 'vitest';
import fc from '../../../tests/support/property.ts';
import {
  askAfterMs,
  blockMs,
  checkKey,
  checkLimit,
  comeBackMs,
  holdMs,
  maxWaitMs,
  permitBatch,
  usableMs,
  worthReturning,
} from '../src/core/bucket.ts';
import { handOut, newBucket, newWaiter, putBack } from '../src/rate-limits/waiters.ts';

const limits = fc.record({
  perSecond: fc.double({ min: 0.001, max: 10_000, noNaN: true }),
  burst: fc.integer({ min: 1, max: 100_000 }),
});

describe('a hold', () => {
  test.each([
    ['a WhatsApp number', { perSecond: 80, burst: 80 }, 5, 250],
    ['a WhatsApp pair', { perSecond: 1 / 6, burst: 1 }, 5, 500],
    ['a Bitrix24 portal', { perSecond: 2, burst: 50 }, 5, 1_000],
    ['a slow bucket', { perSecond: 0.01, burst: 1 }, 5, 1_000],
    ['a small burst', { perSecond: 80, burst: 4 }, 5, 50],
    ['a small burst far from its database', { perSecond: 80, burst: 4 }, 100, 300],
  ])('of %s takes a quarter of the burst at most, or a few round trips', (_name, limit, roundTripMs, ms) => {
    expect(holdMs(limit, roundTripMs)).toBeCloseTo(ms);
  });

  test('is never longer than Postgres reserves, and its usable part always ends before it', () => {
    fc.assert(
      fc.property(limits, fc.double({ min: 0, max: 60_000, noNaN: true }), (limit, roundTripMs) => {
        const hold = holdMs(limit, roundTripMs);
        expect(hold).toBeLessThanOrEqual(1_000);
        expect(usableMs(hold)).toBeLessThan(hold);
      }),
    );
  });
});

test('a lump holds who waits and who will probably come, at most a quarter of the burst, at least one', () => {
  expect(permitBatch(10, 0, { perSecond: 80, burst: 80 })).toEqual({ want: 10, spare: 0 });
  expect(permitBatch(1, 7, { perSecond: 80, burst: 80 })).toEqual({ want: 1, spare: 7 });
  expect(permitBatch(1, 100, { perSecond: 80, burst: 80 })).toEqual({ want: 1, spare: 19 });
  expect(permitBatch(100, 100, { perSecond: 80, burst: 80 })).toEqual({ want: 20, spare: 0 });
  expect(permitBatch(3, 3, { perSecond: 1, burst: 1 })).toEqual({ want: 1, spare: 0 });
});

test('nobody asks before a token can be there, nor more than a hundred times a second', () => {
  const chance = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(limits, fc.double({ min: 0, max: 1e6, noNaN: true }), chance, (limit, retryInMs, random) => {
      const ms = askAfterMs(limit, retryInMs, random);
      expect(ms).toBeGreaterThanOrEqual(Math.max(retryInMs, 10));
      expect(ms).toBeLessThanOrEqual(Math.max(retryInMs, 50) + 10);
    }),
  );
});

test('jobs come back in the order in which they were sent away, the last of any number after five and a half minutes', () => {
  const times = fc.record({
    postponeMs: fc.double({ min: 0, max: 300_000, noNaN: true }),
    spacingMs: fc.double({ min: 0.1, max: 1e6, noNaN: true }),
  });
  fc.assert(
    fc.property(times, fc.integer({ min: 0, max: 100_000 }), (first, place) => {
      expect(comeBackMs(first, place + 1)).toBeGreaterThanOrEqual(comeBackMs(first, place));
      expect(comeBackMs(first, place)).toBeLessThanOrEqual(330_000);
    }),
  );
  expect(comeBackMs({ postponeMs: 100, spacingMs: 50 }, 3)).toBe(250);
});

test('a pass hands each token out once, although whoever is told of one finds it too old and puts it back', () => {
  const bucket = newBucket('k', { perSecond: 10, burst: 10 });
  bucket.grants.push({ tokens: 3, takenAt: '', askedAtMs: 0, untilMs: 300 });
  let told = 0;
  for (let n = 0; n < 2; n++) {
    const changed = () => {
      told++;
      if (told > 100) throw new Error('told of the same token again and again');
      putBack(bucket, ticket);
      ticket.state = 'waiting';
      bucket.waiters.unshift(ticket);
    };
    const ticket = newWaiter({ key: 'k', limit: bucket.limit, returning: false, maxWaitMs: 2_000, changed }, 0);
    bucket.waiters.push(ticket);
  }
  handOut(bucket, 299);
  expect(told).toBe(2);
  expect(bucket.grants).toMatchObject([{ tokens: 3 }]);
});

test('tokens go back only if something of them arrives', () => {
  expect(worthReturning(12, 500, { perSecond: 2, burst: 50 })).toBe(true);
  expect(worthReturning(3, 500, { perSecond: 2, burst: 50 })).toBe(false);
  expect(worthReturning(1, 300, { perSecond: 1 / 6, burst: 1 })).toBe(true);
  expect(worthReturning(20, 100, { perSecond: 80, burst: 80 })).toBe(false);
});

test('a handler waits two seconds at most, and never most of its time', () => {
  expect(maxWaitMs(60_000)).toBe(2_000);
  expect(maxWaitMs(2_000)).toBe(500);
  expect(maxWaitMs(-5)).toBe(0);
});

test.each([[{ perSecond: 0.001, burst: 1 }], [{ perSecond: 10_000, burst: 100_000 }]])('%o is a limit', (limit) => {
  expect(() => checkLimit(limit)).not.toThrow();
});

test.each([
  [{ perSecond: 0.0009, burst: 1 }, /perSecond.*got 0.0009/],
  [{ perSecond: 10_001, burst: 1 }, /perSecond/],
  [{ perSecond: Number.NaN, burst: 1 }, /perSecond/],
  [{ perSecond: '5' as unknown as number, burst: 1 }, /perSecond/],
  [{ perSecond: 1, burst: 0 }, /burst.*got 0/],
  [{ perSecond: 1, burst: 2.5 }, /burst/],
  [{ perSecond: 1, burst: 100_001 }, /burst/],
  [undefined as unknown as { perSecond: number; burst: number }, /perSecond/],
])('%o is none', (limit, words) => {
  expect(() => checkLimit(limit)).toThrow(words);
});

test('a key is a text of 1 to 512 characters that Postgres can store, and errors do not repeat it', () => {
  expect(() => checkKey('wa:971')).not.toThrow();
  expect(() => checkKey('x'.repeat(512))).not.toThrow();
  for (const wrong of ['', 'x'.repeat(513), 'a\0b', 'a\ud800', 5, null, undefined])
    expect(() => checkKey(wrong)).toThrow(/1 to 512/);
  expect(() => checkKey(`secret${'x'.repeat(600)}`)).not.toThrow(/secret/);
});

test('a block lasts from now to an instant, or for a while; the past is no block', () => {
  expect(blockMs(new Date(5_000), 2_000)).toBe(3_000);
  expect(blockMs(new Date(1_000), 2_000)).toBe(0);
  expect(blockMs({ delayMs: 1_500 }, 2_000)).toBe(1_500);
  for (const wrong of [new Date(Number.NaN), { delayMs: Number.NaN }, { delayMs: Number.POSITIVE_INFINITY }])
    expect(() => blockMs(wrong, 0)).toThrow(/until/);
});
