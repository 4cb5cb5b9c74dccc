/** Declaring jobs and a queue: a mistake is told when the code is loaded, not when the first job is due. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createQueue, defineJob } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';

const payload = z.object({});
/** Nothing here sends a statement. */
const database = (): Database => {
  throw new Error('a declaration must not touch the database');
};

describe('defineJob', () => {
  test('without options a job has three attempts of a minute each, in the default queue', () => {
    expect(defineJob({ type: 'mail', payload })).toEqual({
      type: 'mail',
      payload,
      handler: null,
      maxAttempts: 3,
      retry: null,
      onDeadLetter: null,
      onCompleted: null,
      timeoutMs: 60_000,
      resumable: false,
      priority: 0,
      queue: 'default',
      startWithinMs: null,
      guard: null,
      rateLimit: null,
    });
  });

  test.each([
    ['2m', 120_000],
    ['1.5h', 5_400_000],
    [250, 250],
  ] as const)('a timeout of %s is %i ms', (timeout, timeoutMs) => {
    expect(defineJob({ type: 'mail', payload, timeout }).timeoutMs).toBe(timeoutMs);
  });

  test.each<[string, object]>([
    ['a type with a blank', { type: 'send mail' }],
    ['an empty type', { type: '' }],
    ['a type of 101 characters', { type: 'x'.repeat(101) }],
    ['no attempts', { maxAttempts: 0 }],
    ['101 attempts', { maxAttempts: 101 }],
    ['a priority of 11', { priority: 11 }],
    ['half a priority', { priority: 0.5 }],
    ['a queue with a slash', { queue: 'a/b' }],
    ['a timeout of no time', { timeout: 0 }],
    ['a timeout of more than a day', { timeout: '25h' }],
    ['a timeout that is no duration', { timeout: 'soon' }],
    ['an empty timeout', { timeout: '' }],
    ['a rate limit of no tokens', { rateLimit: { perSecond: 0, burst: 1 } }],
    ['a rate limit without a burst', { rateLimit: { perSecond: 1 } }],
    ['a burst beyond all bounds', { rateLimit: { perSecond: 1, burst: 100_001 } }],
    ['a timeout that is no number', { timeout: Number.NaN }],
    ['a start within no time', { startWithin: 0 }],
    ['a start within what is no duration', { startWithin: 'soon' }],
  ])('refuses %s', (_name, wrong) => {
    const declare = () => defineJob({ type: 'mail', payload, ...wrong });
    expect(declare).toThrow(expect.objectContaining({ code: 'job_definition_invalid' }));
    expect(declare).toThrow(/expected .*, got /);
  });
});

describe('createQueue', () => {
  test('opens no database', () => {
    expect(() => createQueue({ database, jobs: [defineJob({ type: 'mail', payload })] })).not.toThrow();
  });

  test('refuses two jobs of one type', () => {
    const jobs = [defineJob({ type: 'mail', payload }), defineJob({ type: 'mail', payload })];
    expect(() => createQueue({ database, jobs })).toThrow("two jobs declare the type 'mail'");
  });

  test('refuses a timeout that no invocation can hold, unless the job resumes', () => {
    const create = (resumable: boolean) =>
      createQueue({
        database,
        maxDurationMs: 60_000,
        jobs: [defineJob({ type: 'import', payload, timeout: '2m', resumable })],
      });
    expect(() => create(false)).toThrow(expect.objectContaining({ code: 'job_definition_invalid' }));
    expect(() => create(true)).not.toThrow();
  });

  test.each([
    ['maxDurationMs', { maxDurationMs: Number.NaN }],
    ['maxDurationMs', { maxDurationMs: 0 }],
    ['keyWindowMs', { keyWindowMs: -1 }],
    ['keyWindowMs', { keyWindowMs: Number.POSITIVE_INFINITY }],
    ['health.tickEvery', { health: { tickEvery: 0 } }],
    ['health.tickEvery', { health: { tickEvery: 'often' as '1m' } }],
    ['health.missedTicks', { health: { missedTicks: 0 } }],
    ['health.startWithin', { health: { startWithin: Number.NaN } }],
    ['health.deadLetters', { health: { deadLetters: 0 } }],
    ['health.retryRatio', { health: { retryRatio: 20 } }],
    ['health.deadlineTicks', { health: { deadlineTicks: 101 } }],
    ['health.snapshotAge', { health: { snapshotAge: -1 } }],
    ['alerts.webhookUrl', { alerts: { webhookUrl: 'hooks.slack.com/services/x' } }],
    ['alerts.timeoutMs', { alerts: { timeoutMs: 60_000 } }],
  ])('refuses a nonsensical %s', (option, wrong) => {
    expect(() => createQueue({ database, jobs: [], ...wrong })).toThrow(
      expect.objectContaining({ code: 'option_invalid', issues: [expect.objectContaining({ path: option })] }),
    );
  });
});
