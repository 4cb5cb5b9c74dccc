/** The pure core: what becomes of a job after a run, and how much a drain holds and starts. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import fc from '../../../tests/support/property.ts';
import {
  batchSize,
  exchangesInFlight,
  maxClaimed,
  type Throughput,
  timeLearntMs,
  timeNeededMs,
} from '../src/core/capacity.ts';
import { byPlace } from '../src/core/lane-order.ts';
import { LIMITS } from '../src/core/limits.ts';
import { meanAfter } from '../src/core/mean.ts';
import { type Backoff, DEFAULT_RETRY, LONGEST_WAIT_MS, type Retry, retryOf, waitAfter } from '../src/core/retry.ts';
import { type Counters, type Outcome, retryAfterMs, settle } from '../src/core/settle.ts';
import { Deadlines } from '../src/drain/deadlines.ts';
import { defineJob, RetryAfterError, type RetryOptions } from '../src/index.ts';

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const error = { name: 'Error', message: 'no', attempt: 1 };
const failed = { kind: 'failed', error, retryAfterMs: 0, forGood: false } as const;
const interrupted = { kind: 'interrupted', error } as const;

const backoffMs = (attempt: number, random: () => number) => waitAfter(DEFAULT_RETRY, attempt, error, random).ms;

describe('backoff', () => {
  test.each([
    [1, 2_000],
    [2, 4_000],
    [3, 8_000],
    [10, 1_024_000],
    [12, 3_600_000],
    [100, 3_600_000],
  ])('after attempt %i it is %i ms, and up to a tenth more', (attempt, ms) => {
    expect(backoffMs(attempt, () => 0)).toBe(ms);
    expect(backoffMs(attempt, () => 1)).toBeCloseTo(ms * 1.1);
  });

  test('is never earlier, at most 10 % later, and never shrinks with attempts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: LIMITS.maxAttempts }), chance, (attempt, random) => {
        const exact = Math.min(2 ** attempt * 1000, 3_600_000);
        const ms = backoffMs(attempt, () => random);
        expect(ms).toBeGreaterThanOrEqual(exact);
        expect(ms).toBeLessThanOrEqual(exact * 1.1);
      }),
    );
  });

  test.each<[string, object, readonly number[]]>([
    ['exponential from its base to its longest', { baseMs: 500, maxMs: 3_000 }, [500, 1_000, 2_000, 3_000, 3_000]],
    ['fixed', { backoff: 'fixed', baseMs: 700 }, [700, 700, 700]],
    ['a base beyond an hour is its own longest', { baseMs: 7_200_000 }, [7_200_000, 7_200_000]],
    ['a function', { backoff: (attempt: number) => attempt * 10 }, [10, 20, 30]],
    ['a function of no wait', { backoff: () => 0 }, [0]],
    ['a function beyond its longest', { backoff: () => 5_000, maxMs: 400 }, [400]],
    ['a function of a year', { backoff: () => LONGEST_WAIT_MS }, [LONGEST_WAIT_MS]],
  ])('of a type: %s', (_name, options, expected) => {
    const retry = retryOf(options, {});
    const waits = expected.map((_, n) => waitAfter(retry, n + 1, error, () => 0));
    expect(waits).toEqual(expected.map((ms) => ({ ms })));
    const { jitter } = retry;
    expect(jitter).toBe('backoff' in options && typeof options.backoff === 'function' ? 0 : 0.1);
    expect(waitAfter({ ...retry, jitter: 1 }, 1, error, () => 1).ms).toBe(
      Math.min(2 * (expected[0] ?? 0), LONGEST_WAIT_MS),
    );
  });

  const throwsUnreadable = () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    throw proxy;
  };
  const promised: () => unknown = () => Promise.reject(new Error('later'));
  test.each<[string, () => unknown, string]>([
    ['throws', () => (undefined as unknown as { ms: number }).ms, 'TypeError'],
    ['throws what cannot be read', throwsUnreadable, 'Error'],
    ['answers NaN', () => Number.NaN, 'TypeError'],
    ['answers less than nothing', () => -1, 'TypeError'],
    ['answers infinity', () => Number.POSITIVE_INFINITY, 'TypeError'],
    ['answers more than a year', () => LONGEST_WAIT_MS + 1, 'TypeError'],
    ['answers undefined', () => undefined, 'TypeError'],
    ['answers text', () => '5s', 'TypeError'],
    ['answers a promise', promised, 'TypeError'],
  ])('a function that %s: the default decides, and the problem is told', (_name, backoff, name) => {
    const retry = retryOf({ backoff: backoff as Backoff, maxMs: 1 }, {});
    const { ms, problem } = waitAfter(retry, 3, error, () => 0);
    expect(ms).toBe(8_000);
    expect(problem).toMatchObject({ name, attempt: 3 });
  });

  test.each<[string, unknown, string]>([
    ['no object', 5, 'retry: expected an object, got 5'],
    ['a name that it has not', { backof: 'fixed' }, 'retry.backof: there is no such option; the nearest: backoff'],
    [
      'a backoff of another name',
      { backoff: 'linear' },
      "retry.backoff: expected 'exponential' or 'fixed', got 'linear'",
    ],
    ['a base of no time', { baseMs: 0 }, 'retry.baseMs: expected a number from 1 to'],
    ['a base as text', { baseMs: '5s' }, 'retry.baseMs: expected a number'],
    ['a longest wait of ten years', { maxMs: 10 * LONGEST_WAIT_MS }, 'retry.maxMs: expected a number'],
    [
      'a longest wait below the base',
      { baseMs: 500, maxMs: 400 },
      'retry.maxMs: expected at least baseMs, 500, got 400',
    ],
    ['a base beside a function', { backoff: () => 1, baseMs: 5 }, 'retry.baseMs: expected none beside a backoff'],
    ['jitter of more than all', { jitter: 1.5 }, 'retry.jitter: expected a number from 0 to 1, got 1.5'],
    ['jitter that is no number', { jitter: Number.NaN }, 'retry.jitter: expected a number from 0 to 1'],
  ])('defineJob refuses %s', (_name, retry, message) => {
    const declare = () => defineJob({ type: 'mail', payload: z.object({}), retry: retry as RetryOptions });
    expect(declare).toThrow(expect.objectContaining({ code: 'job_definition_invalid' }));
    expect(declare).toThrow(message);
  });
});

describe('settle', () => {
  const random = () => 0;
  test.each<[string, Counters, Outcome, object]>([
    [
      'a first failure of three is tried again',
      { attempt: 1, maxAttempts: 3, interruptions: 0 },
      failed,
      { to: 'retry', delayMs: 2_000, error },
    ],
    ['the last failure buries', { attempt: 3, maxAttempts: 3, interruptions: 0 }, failed, { to: 'dead_letter', error }],
    [
      'a failure for good buries at once',
      { attempt: 1, maxAttempts: 3, interruptions: 0 },
      { ...failed, forGood: true },
      { to: 'dead_letter', error },
    ],
    [
      'a longer Retry-After wins over the backoff',
      { attempt: 1, maxAttempts: 3, interruptions: 0 },
      { ...failed, retryAfterMs: 90_000 },
      { to: 'retry', delayMs: 90_000, error },
    ],
    [
      'a shorter Retry-After does not',
      { attempt: 2, maxAttempts: 3, interruptions: 0 },
      { ...failed, retryAfterMs: 1 },
      { to: 'retry', delayMs: 4_000, error },
    ],
    [
      'an interruption is free',
      { attempt: 3, maxAttempts: 3, interruptions: 2 },
      interrupted,
      { to: 'give_back', interrupted: true, skippedForTime: false },
    ],
    [
      'the fourth interruption is a failed attempt',
      { attempt: 1, maxAttempts: 3, interruptions: 3 },
      interrupted,
      { to: 'retry', delayMs: 2_000, error },
    ],
    [
      'and the last attempt may be one',
      { attempt: 3, maxAttempts: 3, interruptions: 3 },
      interrupted,
      { to: 'dead_letter', error },
    ],
    [
      'what never started goes back free, whatever its counters',
      { attempt: 3, maxAttempts: 3, interruptions: 3 },
      { kind: 'unstarted', skippedForTime: true },
      { to: 'give_back', interrupted: false, skippedForTime: true },
    ],
  ])('%s', (_name, counters, outcome, expected) => {
    expect(settle(counters, outcome, random)).toEqual(expected);
  });

  describe("with its type's own policy", () => {
    const first = { attempt: 1, maxAttempts: 3, interruptions: 0 };
    const withBackoff = (backoff: Backoff): Retry => ({ ...DEFAULT_RETRY, backoff, jitter: 0 });

    test('null is for good, and beats a wait that the error asks for', () => {
      const outcome = { ...failed, retryAfterMs: 90_000 };
      expect(
        settle(
          first,
          outcome,
          random,
          withBackoff(() => null),
        ),
      ).toEqual({ to: 'dead_letter', error });
      expect(
        settle(
          first,
          outcome,
          random,
          withBackoff(() => 5),
        ),
      ).toEqual({ to: 'retry', delayMs: 90_000, error });
    });

    test('it hears of the number of the attempt and of the very error, or of what is stored of it', () => {
      const heard: unknown[][] = [];
      const policy = withBackoff((...given) => heard.push(given));
      const thrown = new Error('very');
      settle({ ...first, attempt: 2 }, { ...failed, thrown }, random, policy);
      settle(first, { ...failed, thrown: undefined }, random, policy);
      settle(first, failed, random, policy);
      settle({ ...first, interruptions: 3 }, interrupted, random, policy);
      expect(heard).toEqual([
        [2, thrown],
        [1, undefined],
        [1, error],
        [1, error],
      ]);
      expect(heard[0]?.[1]).toBe(thrown);
    });

    test('it is not asked where no attempt is left, nor about outcomes that are no failures', () => {
      const policy = withBackoff(() => expect.fail('it was asked'));
      expect(settle({ ...first, attempt: 3 }, failed, random, policy).to).toBe('dead_letter');
      expect(settle(first, { ...failed, forGood: true }, random, policy).to).toBe('dead_letter');
      expect(settle(first, interrupted, random, policy).to).toBe('give_back');
      expect(settle(first, { kind: 'postponed', delayMs: 5 }, random, policy).to).toBe('give_back');
    });

    test('a function that fails loses nothing: the job is retried as by default', () => {
      const policy = withBackoff(() => Number.NaN);
      expect(settle(first, failed, random, policy)).toMatchObject({ to: 'retry', delayMs: 2_000, problem: {} });
    });
  });

  test('whatever is thrown and cut, a job ends after at most maxAttempts + 3 runs', () => {
    const outcome = fc.constantFrom<Outcome>(failed, interrupted);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.array(outcome, { minLength: 13, maxLength: 13 }),
        (maxAttempts, outcomes) => {
          let job: Counters = { attempt: 1, maxAttempts, interruptions: 0 };
          let runs = 0;
          for (const outcome of outcomes) {
            runs++;
            const { to } = settle(job, outcome, Math.random);
            if (to === 'dead_letter') break;
            if (to === 'retry') job = { ...job, attempt: job.attempt + 1 };
            if (to === 'give_back') job = { ...job, interruptions: job.interruptions + 1 };
          }
          expect(runs).toBeLessThanOrEqual(maxAttempts + 3);
        },
      ),
    );
  });
});

describe('how long an error asks to wait', () => {
  const NOW = Date.parse('2026-11-23T12:00:00Z');
  const later = 'Mon, 23 Nov 2026 12:01:30 GMT';
  test.each<[string, unknown, number]>([
    ['RetryAfterError in ms', new RetryAfterError('busy', 1_500), 1_500],
    ['RetryAfterError until an instant', new RetryAfterError('busy', new Date(NOW + 9_000)), 9_000],
    ['RetryAfterError until the past', new RetryAfterError('busy', new Date(NOW - 9_000)), 0],
    ['RetryAfterError of no time', new RetryAfterError('busy', Number.NaN), 0],
    ['Headers, seconds', { headers: new Headers({ 'Retry-After': '90' }) }, 90_000],
    ['Headers, a date', { headers: new Headers({ 'retry-after': later }) }, 90_000],
    ['plain headers in any case', { headers: { 'RETRY-AFTER': '7' } }, 7_000],
    ['responseHeaders (the AI SDK)', { responseHeaders: { 'retry-after': '7' } }, 7_000],
    ["a response's headers (fetch, axios)", { response: { headers: { 'retry-after': '7' } } }, 7_000],
    ['a header that is no time', { headers: { 'retry-after': 'soon' } }, 0],
    ['a negative one', { headers: { 'retry-after': '-7' } }, 0],
    ['an error without any', new Error('no'), 0],
    ['no error at all', undefined, 0],
  ])('%s', (_name, thrown, ms) => {
    expect(retryAfterMs(thrown, NOW)).toBe(ms);
  });

  test('is never longer than a year', () => {
    const outcome = { ...failed, retryAfterMs: 1e300 };
    const settlement = settle({ attempt: 1, maxAttempts: 2, interruptions: 0 }, outcome, () => 0);
    expect(settlement).toMatchObject({ to: 'retry', delayMs: 365 * 24 * 3_600_000 });
  });
});

describe('how much a drain holds', () => {
  const pace = fc.record<Throughput>({
    concurrency: fc.integer({ min: 1, max: 1000 }),
    maxBatch: fc.integer({ min: 1, max: 1000 }),
    meanRunMs: fc.option(fc.double({ min: 0, max: 1e7, noNaN: true })),
  });

  test.each<[string, Throughput, number, number]>([
    ['before the first has ended: what can run', { concurrency: 10, maxBatch: 1000, meanRunMs: null }, 10, 10],
    ['jobs of no time: full exchanges', { concurrency: 10, maxBatch: 1000, meanRunMs: 0 }, 1000, 2000],
    ['jobs of 100 ms: a second of them', { concurrency: 10, maxBatch: 1000, meanRunMs: 100 }, 100, 200],
    ['jobs of ten seconds: only what runs', { concurrency: 10, maxBatch: 1000, meanRunMs: 10_000 }, 1, 10],
  ])('%s', (_name, pace, batch, hold) => {
    expect([batchSize(pace), maxClaimed(pace, 2)]).toEqual([batch, hold]);
  });

  test('a batch is 1 to 1000 jobs, and what waits takes about a second to run', () => {
    fc.assert(
      fc.property(pace, (pace) => {
        expect(batchSize(pace)).toBeGreaterThanOrEqual(1);
        expect(batchSize(pace)).toBeLessThanOrEqual(Math.min(pace.maxBatch, LIMITS.exchangeJobs));
        expect(maxClaimed(pace, 4)).toBeGreaterThanOrEqual(Math.min(pace.concurrency, batchSize(pace)));
        const waiting = maxClaimed(pace, 4) - pace.concurrency;
        if (pace.meanRunMs) expect((waiting * pace.meanRunMs) / pace.concurrency).toBeLessThanOrEqual(2_000);
      }),
    );
  });

  test.each([
    ['beside its database', { onTheWayMs: 0.4, tookMs: 3, peers: 0 }, 2],
    ['beside its database, with one other', { onTheWayMs: 0.4, tookMs: 3, peers: 1 }, 2],
    ['beside its database, among four', { onTheWayMs: 0.4, tookMs: 3, peers: 3 }, 1],
    ['in the same region, batches of 100', { onTheWayMs: 5.5, tookMs: 3, peers: 0 }, 3],
    ['in the same region, among four', { onTheWayMs: 5.5, tookMs: 3, peers: 3 }, 2],
    ['far away', { onTheWayMs: 80, tookMs: 10, peers: 3 }, 4],
    ['before the first answer', { onTheWayMs: 0, tookMs: 0, peers: 0 }, 2],
  ])('%s it has as many exchanges on their way as fit into it', (_name, exchange, inFlight) => {
    expect(exchangesInFlight(exchange)).toBe(inFlight);
  });

  test('the mean follows from slow to quick within some ten runs', () => {
    let mean: number | null = null;
    for (let n = 0; n < 100; n++) mean = meanAfter(mean, 1_000);
    for (let n = 0; n < 25; n++) mean = meanAfter(mean, 1);
    expect(mean).toBeLessThan(100);
  });
});

describe('what is started', () => {
  test('a job needs its timeout, or less where its type is known to be quicker or resumes', () => {
    expect(timeNeededMs({ timeoutMs: 60_000, resumable: false }, 0)).toBe(0); // nothing known: try it
    expect(timeNeededMs({ timeoutMs: 60_000, resumable: false }, 2_000)).toBe(2_000);
    expect(timeNeededMs({ timeoutMs: 60_000, resumable: false }, 90_000)).toBe(60_000);
    expect(timeNeededMs({ timeoutMs: 600_000, resumable: true }, 90_000)).toBe(5_000);
  });

  test('what a cut run teaches never keeps the next drain of that length from starting it', () => {
    const ms = fc.double({ min: 1, max: 800_000, noNaN: true });
    fc.assert(
      fc.property(ms, ms, (runMs, workMs) => {
        expect(timeLearntMs(runMs, true, workMs)).toBeLessThan(workMs);
        expect(timeLearntMs(runMs, false, workMs)).toBe(runMs);
      }),
    );
  });

  test('jobs start by priority, then due time, then id', () => {
    const place = fc.record({
      priority: fc.integer({ min: 0, max: 10 }),
      dueAt: fc.constantFrom(
        '2026-11-23T12:00:00+00:00',
        '2026-11-23T12:00:00.12+00:00',
        '2026-11-23T12:00:00.123+00:00',
      ),
      id: fc.bigInt({ min: 1n, max: 2n ** 62n }).map(String),
    });
    const instant = (text: string) => Number(text.slice(17).split('+')[0]);
    fc.assert(
      fc.property(fc.array(place, { maxLength: 30 }), (jobs) => {
        const sorted = jobs.toSorted(byPlace);
        for (const [n, job] of sorted.slice(1).entries()) {
          const before = sorted[n] as typeof job;
          expect(before.priority).toBeGreaterThanOrEqual(job.priority);
          if (before.priority > job.priority) continue;
          expect(instant(before.dueAt)).toBeLessThanOrEqual(instant(job.dueAt));
          if (before.dueAt === job.dueAt) expect(BigInt(before.id) <= BigInt(job.id)).toBe(true);
        }
      }),
    );
  });
});

describe('the instants of a drain', () => {
  test.each([
    ['with a minute left', 60_000],
    ['with no more than the platform’s half second', 300],
  ])('%s, a shutdown leaves its handlers 200 ms and all of it 450', (_name, totalMs) => {
    const timetable = new Deadlines(totalMs);
    const before = performance.now();
    const { endAtMs, settleAtMs } = timetable;
    timetable.shutDown();
    const after = performance.now();
    const within = (instant: number, was: number, ms: number) => {
      expect(instant).toBeLessThanOrEqual(Math.min(was, after + ms));
      expect(instant).toBeGreaterThanOrEqual(Math.min(was, before + ms));
    };
    within(timetable.settleAtMs, settleAtMs, 200);
    within(timetable.endAtMs, endAtMs, 450);
  });
});
