/** A drain ends in time, and what it did not finish loses nothing but the time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { CLAIM, claimOne, news, send } from './played-exchange.ts';
import { emptyTables, endLeases, makeDue, queueOf, rows, statuses, works } from './support.ts';

/** Long enough for a few exchanges on a loaded machine; a drain of it works for its first four fifths. */
const SHORT_MS = 1_500;
/** A time limit where the clock decides: a tenth is left for the last exchange, and 0.3 s are enough for it beside other tests. */
const ROOMY_MS = 3_000;
/** A drain that overlooks its deadline waits for handlers without end. One whose machine stands still returns a little late. */
const LATE_MS = 5_000;

async function took<T>(run: Promise<T>): Promise<{ value: T; ms: number }> {
  const startedAtMs = performance.now();
  const value = await run;
  return { value, ms: performance.now() - startedAtMs };
}

describeOnOneDriver('deadlines', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  const due = () =>
    rows<{ id: string; due: string; attempt: number; passes: number; interruptions: number }>(
      setup.database,
      'select id::text, due_at as due, attempt, passes, interruptions from jobqueue.jobs order by due_at, id',
    );

  test('jobs that sleep past the budget are aborted and given back, with their attempt and their place', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(works(8, { mode: 'wait' }));
    const before = await due();
    const { value: report, ms } = await took(queue.drain({ budgetMs: ROOMY_MS, concurrency: 3 }));
    expect(ms).toBeLessThan(ROOMY_MS + LATE_MS);
    expect(report).toMatchObject({ completed: 0, retried: 0, deadLettered: 0, stopReason: 'deadline' });
    expect(report.givenBack).toBe(report.claimed);
    expect(seen.contexts.map(({ signal }) => signal.aborted)).toEqual([true, true, true]);
    const interruptions = [1, 1, 1, 0, 0, 0, 0, 0]; // only what had started
    expect(await due()).toEqual(before.map((job, n) => ({ ...job, interruptions: interruptions[n] })));
    expect(await statuses(setup.database)).toEqual({ PENDING: 8 });
  });

  test('a handler knows its deadline, and what it returns in time after its signal counts', async () => {
    const { queue, seen } = queueOf(setup.database);
    let leftMs = Number.NaN;
    seen.onStart = ({ signal, deadline }) =>
      new Promise((resolve) => {
        leftMs = deadline.getTime() - Date.now();
        signal.addEventListener('abort', () => resolve());
      });
    await queue.addJob('work', { mode: 'noop' });
    const { value: report, ms } = await took(queue.drain({ budgetMs: ROOMY_MS }));
    expect(report).toMatchObject({ completed: 1, givenBack: 0 });
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThan(ROOMY_MS);
    expect(ms).toBeLessThan(ROOMY_MS + LATE_MS);
  });

  test('the state that a handler saves when it is told to end is committed', async () => {
    const { queue, seen } = queueOf(setup.database);
    seen.onStart = async ({ signal, checkpoint, job }) => {
      if (job.state !== null) return;
      await new Promise((told) => signal.addEventListener('abort', told));
      await checkpoint({ reached: 7 });
      throw signal.reason;
    };
    const added = await queue.addJob('work', { mode: 'noop' });
    const report = await queue.drain({ budgetMs: ROOMY_MS });
    const job = await queue.getJob(added?.id ?? '');
    expect({ report, job }).toMatchObject({
      report: { claimed: 1, givenBack: 1, lost: 0 },
      job: { status: 'PENDING', state: { reached: 7 }, attempts: 0 },
    });
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
  });

  test('a handler that ignores its signal holds nobody up, and no other drain starts its job before the lease ends', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJob('work', { mode: 'deaf', ms: 60_000 });
    await queue.addJob('work', { mode: 'noop' });
    const { value: report, ms } = await took(queue.drain({ budgetMs: ROOMY_MS }));
    expect(ms).toBeLessThan(ROOMY_MS + LATE_MS);
    expect(report).toMatchObject({ completed: 1, givenBack: 1, lost: 0, stopReason: 'deadline' });
    expect(await queueOf(setup.connect(), seen).queue.drain({ budgetMs: SHORT_MS })).toMatchObject({ claimed: 0 });
    expect(seen.contexts).toHaveLength(2);

    await endLeases(setup.database);
    expect(await queue.drain({ budgetMs: SHORT_MS })).toMatchObject({ claimed: 1, rescued: 0 }); // it was settled, not lost
    expect(seen.contexts).toHaveLength(3);
    const [first, , again] = seen.contexts;
    expect(again?.job.id).toBe(first?.job.id);
    expect(again?.job.fence).toBeGreaterThan(first?.job.fence ?? 0);
  });

  test('a job that never fits and never checkpoints ends as a dead letter, not as an endless loop', async () => {
    const { queue, seen } = queueOf(setup.database);
    const added = await queue.addJob('work', { mode: 'wait' }, { maxAttempts: 2 });
    const ends: string[] = [];
    const MOST = 8; // three free interruptions and two attempts are five; a slow start may pass a drain over
    for (let n = 0; n < MOST && ends.at(-1) !== 'dead'; n++) {
      const report = await queue.drain({ budgetMs: 1_000 });
      ends.push(report.deadLettered === 1 ? 'dead' : report.retried === 1 ? 'failed' : `back ${report.givenBack}`);
      await makeDue(setup.database);
    }
    expect(ends.filter((end) => end !== 'back 0')).toEqual(['back 1', 'back 1', 'back 1', 'failed', 'dead']);
    expect(seen.starts.get(added?.id ?? '')).toBe(5);
    const job = await queue.getJob(added?.id ?? '');
    expect(job).toMatchObject({ status: 'DEAD_LETTER', attempts: 2 });
    expect(job?.errors).toMatchObject([
      { name: 'InterruptedError', attempt: 1 },
      { name: 'InterruptedError', attempt: 2 },
    ]);
  });

  test('a checkpoint earns new interruptions, so that long work that is often cut is not buried', async () => {
    const { queue, seen } = queueOf(setup.database, undefined, { resumable: true });
    let cut = new AbortController();
    seen.onStart = async ({ checkpoint, job, signal }) => {
      const done = (job.state as { done: number } | null)?.done ?? 0;
      if (done === 5) return;
      await checkpoint({ done: done + 1 });
      cut.abort();
      await new Promise((_, refuse) => signal.addEventListener('abort', () => refuse(signal.reason)));
    };
    const added = await queue.addJob('work', { mode: 'noop' }, { maxAttempts: 1 });
    for (let run = 1; run <= 6; run++) {
      cut = new AbortController();
      expect(await queue.drain({ budgetMs: 10_000, signal: cut.signal })).toMatchObject({ claimed: 1, lost: 0 });
    }
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ status: 'COMPLETED', errors: [], state: { done: 5 } });
    expect(seen.starts.get(added?.id ?? '')).toBe(6);
  });

  test('a job whose type is known to need more time than is left is not started, and skipped', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJob('other', { mode: 'sleep', ms: 1_400 });
    await queue.drain({ budgetMs: 5_000 });
    await queue.addJob('other', { mode: 'noop' });
    await queue.addJob('work', { mode: 'noop' });
    const report = await queue.drain({ budgetMs: SHORT_MS });
    expect(report).toMatchObject({ claimed: 1, completed: 1, stopReason: 'deadline' });
    expect(seen.starts.size).toBe(2);
    expect(await due()).toMatchObject([{ attempt: 0, passes: 1 }]);
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1, stopReason: 'empty' });
  });

  test('what three drains had no time for is first in the next fresh drain, before urgent jobs', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJob('other', { mode: 'sleep', ms: 1_400 });
    await queue.drain({ budgetMs: 5_000 });
    await queue.addJob('other', { mode: 'noop', n: 1 });
    for (let drain = 1; drain <= 3; drain++) {
      expect(await queue.drain({ budgetMs: SHORT_MS })).toMatchObject({ claimed: 0, stopReason: 'deadline' });
      expect(await due()).toMatchObject([{ passes: drain }]);
    }
    await queue.addJobs(works(50, { mode: 'noop' }, { priority: 10 }));
    seen.order.length = 0;
    const report = await queue.drain({ budgetMs: 5_000, concurrency: 1 });
    expect(report).toMatchObject({ completed: 51, stopReason: 'empty' });
    expect(seen.contexts.slice(1)[0]?.job).toMatchObject({ type: 'other', priority: 0 });
  });

  test('a job that outlives its timeout is told to end, and has failed an attempt', async () => {
    const { queue, seen } = queueOf(setup.database, undefined, { timeout: 200 });
    const added = await queue.addJob('work', { mode: 'wait' });
    const report = await queue.drain({ budgetMs: 10_000, limit: 1 });
    expect(report).toMatchObject({ retried: 1, givenBack: 0 });
    expect(seen.contexts[0]?.signal.reason).toMatchObject({ name: 'TimeoutError' });
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({
      status: 'PENDING',
      attempts: 1,
      errors: [{ name: 'TimeoutError', message: expect.stringContaining('timeout of 200 ms') }],
    });
  });

  test('a job that ignores its timeout loses its slot to others, and is not started beside itself', async () => {
    const { queue, seen } = queueOf(setup.database, undefined, { timeout: 200 });
    await queue.addJob('work', { mode: 'deaf', ms: 60_000 }, { priority: 1 });
    const report = await queue.drain({ budgetMs: 20_000, limit: 1 });
    expect(report).toMatchObject({ retried: 1 });
    const [job] = await rows<{ wait: number }>(
      setup.database,
      'select extract(epoch from due_at - now())::float8 as wait from jobqueue.jobs',
    );
    expect(job?.wait).toBeGreaterThan(10); // the rest of its lease, not the 2 s of a backoff
    expect(seen.contexts).toHaveLength(1);
  });

  test('the retry of a deaf job is due when the lease ends that Postgres gave, however late the claim arrived', async () => {
    await queueOf(setup.database).queue.addJob('work', { mode: 'noop' });
    const claimed = await claimOne(setup.database);
    const [held] = await rows<{ lease: string }>(setup.database, 'select lease_until as lease from jobqueue.leases');
    const error = { name: 'TimeoutError', message: 'deaf', attempt: 1 };
    const retry = news(claimed, { to: 'retry', error, delayMs: 2_000, ranMs: 1, hold: true });
    expect(await send(setup.database, { settlements: [retry] })).toMatchObject({ lost: [] });
    const [job] = await rows<{ due: string; lease: string | null }>(
      setup.database,
      'select due_at as due, lease_until as lease from jobqueue.jobs',
    );
    expect(job).toEqual({ due: held?.lease, lease: null });
    expect(await send(setup.database, { claim: CLAIM })).toMatchObject({ jobs: [] });
  });

  test('a drain whose every slot is deaf stops instead of claiming what it cannot run', async () => {
    const { queue } = queueOf(setup.database, undefined, { timeout: 100 });
    await queue.addJob('work', { mode: 'deaf', ms: 60_000 });
    await queue.addJobs(works(5));
    const { value: report, ms } = await took(queue.drain({ budgetMs: 60_000, concurrency: 1 }));
    expect(report.stopReason).toBe('unresponsive');
    expect(ms).toBeLessThan(10_000);
    expect(await statuses(setup.database)).toEqual({ PENDING: 6 });
  });

  test('the limit is never exceeded, and nothing is claimed that is not run', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(works(500));
    for (const [limit, left] of [
      [1, 499],
      [137, 362],
    ] as const) {
      const report = await queue.drain({ budgetMs: 10_000, limit });
      expect(report).toMatchObject({ claimed: limit, completed: limit, givenBack: 0, stopReason: 'limit' });
      expect(await statuses(setup.database)).toMatchObject({ PENDING: left });
    }
    expect(seen.starts.size).toBe(138);
  });

  test('an abort gives back at once, running or not', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(works(20, { mode: 'wait' }));
    const before = await due();
    const controller = new AbortController();
    seen.onStart = () => {
      if (seen.contexts.length === 5) controller.abort();
    };
    const { value: report, ms } = await took(
      queue.drain({ budgetMs: 60_000, concurrency: 5, signal: controller.signal }),
    );
    expect(report).toMatchObject({ completed: 0, lost: 0, stopReason: 'stopped' });
    expect(report.givenBack).toBe(report.claimed);
    expect(ms).toBeLessThan(5_000);
    expect((await due()).map(({ id, due, attempt }) => [id, due, attempt])).toEqual(
      before.map(({ id, due, attempt }) => [id, due, attempt]),
    );
    expect(await statuses(setup.database)).toEqual({ PENDING: 20 });
  });

  test('a handler has as long to end after an abort by the caller as at the deadline', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJob('work', { mode: 'noop' });
    const controller = new AbortController();
    seen.onStart = async () => {
      controller.abort();
      await sleep(700); // longer than a function has after SIGTERM
    };
    expect(await queue.drain({ budgetMs: 60_000, signal: controller.signal })).toMatchObject({
      completed: 1,
      givenBack: 0,
      unconfirmed: 0,
      stopReason: 'stopped',
    });
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 1 });
  });

  test('a drain with no time at all claims nothing', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', { mode: 'noop' });
    expect(await queue.drain({ deadline: new Date(Date.now() - 1_000) })).toMatchObject({ claimed: 0 });
    expect(await queue.drain({ budgetMs: 150 })).toMatchObject({ claimed: 0, stopReason: 'deadline' });
    expect(await queue.drain({ signal: AbortSignal.abort() })).toMatchObject({ claimed: 0, stopReason: 'stopped' });
    expect(await statuses(setup.database)).toEqual({ PENDING: 1 });
  });

  test.for([
    ['budgetMs', { budgetMs: Number.NaN }],
    ['budgetMs', { budgetMs: 0 }],
    ['deadline', { deadline: new Date('never') }],
    ['limit', { limit: 0 }],
    ['concurrency', { concurrency: 1.5 }],
    ['maxBatch', { maxBatch: 5_000 }],
    ['types', { types: ['nonsense'] }, 'unknown_type'],
  ] as const)('a drain refuses a nonsensical %s', async ([option, options, code = 'option_invalid']) => {
    const { queue } = queueOf(setup.database);
    await expect(queue.drain(options)).rejects.toMatchObject({ code, issues: [{ path: option }] });
  });
});
