/** Failed attempts: when the next one comes, when none comes, and what is kept of each. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import type { ClaimedJob } from '../src/core/claimed-job.ts';
import { createQueue, defineJob, RetryAfterError } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { claimOne, news, send } from './played-exchange.ts';
import { emptyTables, endLeases, makeDue, queueOf, rows, works } from './support.ts';

/** Seconds from the last failure to the next attempt, by the database's clock alone. */
async function waits(database: Database): Promise<number[]> {
  const found = await rows<{ wait: number }>(
    database,
    `select extract(epoch from due_at - (errors -> -1 ->> 'at')::timestamptz)::float8 as wait from jobqueue.jobs order by id`,
  );
  return found.map(({ wait }) => wait);
}

describeOnOneDriver('retries', (setup) => {
  beforeEach(() => emptyTables(setup.database));
  afterEach(() => void vi.useRealTimers());

  test('failed attempts are tried again after 2, 4 and 8 s, never earlier and at most a tenth later', async () => {
    const JOBS = 20;
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(JOBS, { mode: 'fail' }, { maxAttempts: 4 }));
    for (const seconds of [2, 4, 8]) {
      expect(await queue.drain({ budgetMs: 10_000, limit: JOBS })).toMatchObject({ retried: JOBS });
      const found = await waits(setup.database);
      expect(found).toHaveLength(JOBS);
      expect(Math.min(...found)).toBeGreaterThanOrEqual(seconds - 0.000_001); // microseconds round
      expect(Math.max(...found)).toBeLessThanOrEqual(seconds * 1.1);
      expect(new Set(found).size).toBeGreaterThan(JOBS / 2); // a burst does not come back as one
      await makeDue(setup.database);
    }
    expect(await queue.drain({ budgetMs: 10_000, limit: JOBS })).toMatchObject({ deadLettered: JOBS });
  });

  test('the database decides when, however wrong the clock of the function is', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', { mode: 'fail' });
    await queue.addJob('work', { mode: 'retry_after', ms: 60_000 });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    expect(await queue.drain({ budgetMs: 10_000, limit: 2 })).toMatchObject({ retried: 2 });
    vi.useRealTimers();
    const [backoff, asked] = await waits(setup.database);
    expect(backoff).toBeLessThanOrEqual(2.2);
    expect(asked).toBeCloseTo(60, 3);
  });

  test.for([
    ['RetryAfterError in ms', () => new RetryAfterError('busy', 90_000)],
    ['RetryAfterError until an instant', () => new RetryAfterError('busy', new Date(Date.now() + 90_000))],
    [
      'Retry-After in seconds',
      () => Object.assign(new Error('429'), { headers: new Headers({ 'retry-after': '90' }) }),
    ],
    [
      'Retry-After as a date',
      () => {
        const date = new Date(Date.now() + 91_000).toUTCString(); // whole seconds: up to one is cut off
        return Object.assign(new Error('503'), { response: new Response(null, { headers: { 'retry-after': date } }) });
      },
    ],
  ] as const)('%s: not before then', async ([, thrown]) => {
    const { queue, seen } = queueOf(setup.database);
    seen.results.set(0, thrown());
    await queue.addJob('work', { mode: 'throw', n: 0 });
    expect(await queue.drain({ budgetMs: 10_000, limit: 1 })).toMatchObject({ retried: 1 });
    const [wait] = await waits(setup.database);
    expect(wait).toBeGreaterThan(85); // from a moment after it was thrown
    expect(wait).toBeLessThanOrEqual(92);
  });

  test("a type's own policy decides when, and for good; where it fails, the log says so and the default decides", async () => {
    const errors: unknown[] = [];
    const told: [string, unknown][] = [];
    class Gone extends Error {}
    const job = defineJob({
      type: 'polls',
      payload: z.object({ gone: z.boolean() }),
      maxAttempts: 5,
      retry: {
        backoff: (attempt, error) => {
          errors.push(error);
          if (error instanceof Gone) return null;
          return attempt === 1 ? 60_000 : Number.NaN;
        },
      },
      handler: async () => ({
        run: async ({ payload }) => {
          throw payload.gone ? new Gone('gone') : new Error('not yet');
        },
      }),
    });
    const log = (_: string, event: string, fields: unknown) => void told.push([event, fields]);
    const queue = createQueue({ database: setup.database, jobs: [job], log, logJobs: 'none' });
    const [gone, again] = await queue.addJobs([
      { type: 'polls', payload: { gone: true } },
      { type: 'polls', payload: { gone: false } },
    ]);
    expect(await queue.drain({ budgetMs: 10_000, limit: 2 })).toMatchObject({ deadLettered: 1, retried: 1 });
    expect(await queue.getJob(gone?.id ?? '')).toMatchObject({
      status: 'DEAD_LETTER',
      errors: [{ attempt: 1, message: 'gone' }],
    });
    expect(await waits(setup.database)).toEqual([expect.closeTo(60, 3)]);
    await makeDue(setup.database);
    expect(await queue.drain({ budgetMs: 10_000, limit: 1 })).toMatchObject({ retried: 1 });
    const [wait] = await waits(setup.database);
    expect(wait).toBeGreaterThanOrEqual(4 - 0.000_001);
    expect(wait).toBeLessThanOrEqual(4.4);
    expect(errors.map(String)).toEqual(['Error: gone', 'Error: not yet', 'Error: not yet']);
    expect(told.filter(([event]) => event === 'retry_policy_failed')).toEqual([
      [
        'retry_policy_failed',
        expect.objectContaining({
          job: again?.id,
          type: 'polls',
          attempt: 2,
          errorName: 'TypeError',
          errorMessage: expect.stringMatching(/^retry\.backoff: expected null or ms from 0 .*got NaN$/),
        }),
      ],
    ]);
  });

  test('NonRetryableError is a dead letter at once, with attempts to spare', async () => {
    const { queue } = queueOf(setup.database);
    const added = await queue.addJob('work', { mode: 'fail_for_good' }, { maxAttempts: 10 });
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ deadLettered: 1, retried: 0, stopReason: 'empty' });
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({
      status: 'DEAD_LETTER',
      attempts: 1,
      errors: [{ name: 'NonRetryableError', message: 'no use', attempt: 1 }],
    });
  });

  test('maxAttempts 1 means one attempt', async () => {
    const { queue, seen } = queueOf(setup.database);
    const added = await queue.addJob('work', { mode: 'fail' }, { maxAttempts: 1 });
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ deadLettered: 1, retried: 0 });
    expect(seen.starts.get(added?.id ?? '')).toBe(1);
  });

  test('a dead letter keeps the error of every attempt, oldest first, with its stack and instant', async () => {
    const { queue, seen } = queueOf(setup.database);
    const added = await queue.addJob('work', { mode: 'fail' }, { maxAttempts: 5 });
    for (let attempt = 1; attempt <= 5; attempt++) {
      await queue.drain({ budgetMs: 10_000, limit: 1 });
      await makeDue(setup.database);
    }
    expect(seen.contexts.map(({ job }) => job.attempt)).toEqual([1, 2, 3, 4, 5]);
    const job = await queue.getJob(added?.id ?? '');
    expect(job).toMatchObject({ status: 'DEAD_LETTER', attempts: 5, maxAttempts: 5, fence: 5 });
    expect(job?.errors).toMatchObject(
      [1, 2, 3, 4, 5].map((attempt) => ({
        attempt,
        message: `failure of attempt ${attempt}`,
        stack: expect.stringContaining('support.ts'),
      })),
    );
    const instants = job?.errors.map(({ at }) => Date.parse(at)) ?? [];
    expect(instants).toEqual(instants.toSorted((a, b) => a - b));
    expect(job?.finishedAt?.getTime()).toBeGreaterThanOrEqual(job?.startedAt?.getTime() ?? 0);
  });

  test('of a hundred attempts a hundred errors are kept', { timeout: 60_000 }, async () => {
    const { queue } = queueOf(setup.database);
    const added = await queue.addJob('work', { mode: 'fail' }, { maxAttempts: 100 });
    await rows(
      setup.database,
      `update jobqueue.jobs set attempt = 98,
         errors = (select jsonb_agg(jsonb_build_object('name', 'E', 'message', n, 'attempt', n)) from generate_series(1, 98) n)`,
    );
    await queue.drain({ budgetMs: 10_000, limit: 1 });
    await makeDue(setup.database);
    await queue.drain({ budgetMs: 10_000, limit: 1 });
    const job = await queue.getJob(added?.id ?? '');
    expect(job).toMatchObject({ status: 'DEAD_LETTER', attempts: 100 });
    expect(job?.errors.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  });

  test('a retry that falls due within ten seconds is waited for and runs in the same drain', async () => {
    const { queue, seen } = queueOf(setup.database);
    seen.onStart = ({ job }) => {
      if (job.attempt === 1) throw new Error('once');
    };
    await queue.addJob('work', { mode: 'noop' });
    const startedAtMs = performance.now();
    const report = await queue.drain({ budgetMs: 20_000 });
    expect(report).toMatchObject({ claimed: 2, retried: 1, completed: 1, stopReason: 'empty' });
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(1_990);
  });

  test('an outcome sent again after others have run the job counts as recorded, unless a rescue overtook it', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', { mode: 'noop' });
    const continued = (job: ClaimedJob) => news(job, { to: 'continue', state: { fence: job.fence }, delayMs: 0 });
    const first = await claimOne(setup.database);
    await send(setup.database, { settlements: [continued(first)] }); // its answer is lost
    await send(setup.database, { settlements: [continued(await claimOne(setup.database))] });
    const again = { settlements: [continued(first)], drain: { again: true } };
    expect(await send(setup.database, again)).toMatchObject({ lost: [] });

    const third = await claimOne(setup.database);
    await endLeases(setup.database);
    await claimOne(setup.database); // a rescue
    const overtaken = { settlements: [continued(third)], drain: { again: true } };
    expect(await send(setup.database, overtaken)).toMatchObject({ lost: [third.place] });
    expect(await queue.getJob(third.id)).toMatchObject({ fence: 4, state: { fence: 2 } });
  });

  test('what falls due later than that, or than the deadline, is not waited for', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', { mode: 'noop' }, { delayMs: 30_000 });
    const report = await queue.drain({ budgetMs: 60_000 });
    expect(report).toMatchObject({ claimed: 0, steps: 1, stopReason: 'empty' });
    expect(report.nextDueInMs).toBeGreaterThan(25_000);
    await queue.addJob('work', { mode: 'noop' }, { delayMs: 9_000 });
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ claimed: 0, steps: 1, stopReason: 'empty' });
  });
});
