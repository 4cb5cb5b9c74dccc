/** Long work in parts: slices, checkpoints, progress, and what becomes of them when something goes wrong. */
import { EventEmitter, once } from 'node:events';
import { beforeEach, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { continueWith, LIMITS } from '../src/index.ts';
import { connect, type Database } from '../src/postgres/connect.ts';
import type { ExchangeReply } from '../src/postgres/statements/exchange.ts';
import { claimOne, news, send } from './played-exchange.ts';
import { emptyTables, endLeases, makeDue, queueOf, rows, works } from './support.ts';

async function waitingForLocks(observer: Database): Promise<number> {
  const found = await rows(
    observer,
    `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return found.length;
}

describeOnOneDriver('checkpoints and slices', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('a job continues slice by slice from its state, each behind its equals', async () => {
    const { queue, seen } = queueOf(setup.database);
    const added = await queue.addJobs(
      works(2).map((entry, n) => ({ ...entry, payload: { mode: 'slices', n: 2 + n } })),
    );
    const report = await queue.drain({ budgetMs: 10_000, concurrency: 1 });
    expect(report).toMatchObject({ claimed: 5, continued: 3, completed: 2, retried: 0 });
    expect(seen.order).toEqual([2, 3, 2, 3, 3]); // in turns: a long job does not hold its lane
    expect(await queue.getJob(added[1]?.id ?? '')).toMatchObject({
      status: 'COMPLETED',
      attempts: 1,
      result: { slices: 3 },
      errors: [],
    });
  });

  test('a drain looks for more only when what goes back to the queue is stored', async () => {
    const news = new EventEmitter();
    const until = (event: string, mostMs: number) =>
      once(news, event, { signal: AbortSignal.timeout(mostMs) }).catch(() => undefined);
    const database: Database = {
      ...setup.database,
      async execute(statement, options) {
        const [, , , settlements, , claim] = statement.params as (string | null)[];
        const isStep = statement.text.includes('step_2');
        if (isStep && !claim && settlements !== '[]') {
          news.emit('settles alone');
          await until('looked', 150); // on a slow network, so that a claim could overtake it
        }
        const answer = await setup.database.execute<never>(statement, options);
        if (isStep && claim?.includes('"alone":true')) news.emit('looked');
        else if (isStep && claim) await until('settles alone', 50); // one by one, an outcome then goes out without a claim
        return answer;
      },
    };
    const { queue } = queueOf(database);
    await queue.addJobs(works(3).map((entry) => ({ ...entry, payload: { mode: 'slices', n: 3 } })));
    const report = await queue.drain({ budgetMs: 10_000, concurrency: 1, maxBatch: 2 });
    expect(report).toMatchObject({ completed: 3, continued: 6, stopReason: 'empty' });
  });

  test('a slice may ask for a pause', async () => {
    const { queue, seen } = queueOf(setup.database);
    seen.results.set(0, continueWith({ cursor: 'x' }, { delayMs: 60_000 }));
    const added = await queue.addJob('work', { mode: 'return', n: 0 });
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ continued: 1, stopReason: 'empty' });
    const [job] = await rows<{ wait: number }>(
      setup.database,
      'select extract(epoch from due_at - now())::float8 as wait from jobqueue.jobs',
    );
    expect(job?.wait).toBeGreaterThan(50);
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ status: 'PENDING', state: { cursor: 'x' } });
  });

  test('a checkpoint is committed when it resolves, and read by the next run after a failure', async () => {
    const { queue, seen } = queueOf(setup.database);
    const states: unknown[] = [];
    seen.onStart = async ({ job, checkpoint }) => {
      states.push(job.state);
      if (job.state !== null) return;
      await checkpoint({ row: 500 });
      expect(await queue.getJob(job.id)).toMatchObject({ status: 'PROCESSING', state: { row: 500 } });
      throw new Error('the network is down');
    };
    const added = await queue.addJob('work', { mode: 'noop' });
    await queue.drain({ budgetMs: 10_000, limit: 1 });
    await makeDue(setup.database);
    await queue.drain({ budgetMs: 10_000, limit: 1 });
    expect(states).toEqual([null, { row: 500 }]);
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({
      status: 'COMPLETED',
      errors: [{ message: 'the network is down' }],
    });
  });

  test('a committed checkpoint sets the attempts back, so that rare errors of long work do not add up', async () => {
    const { queue, seen } = queueOf(setup.database);
    const attempts: number[] = [];
    seen.onStart = async ({ job, checkpoint }) => {
      attempts.push(job.attempt);
      const done = (job.state as { done: number } | null)?.done ?? 0;
      if (attempts.length % 2 === 1) throw new Error('now and then');
      if (done === 4) return;
      await checkpoint({ done: done + 1 });
      throw new Error('and after a checkpoint');
    };
    const added = await queue.addJob('work', { mode: 'noop' }, { maxAttempts: 3 });
    for (let run = 0; run < 12 && (await queue.getJob(added?.id ?? ''))?.status === 'PENDING'; run++) {
      await queue.drain({ budgetMs: 10_000, limit: 1 });
      await makeDue(setup.database);
    }
    const job = await queue.getJob(added?.id ?? '');
    expect(job).toMatchObject({ status: 'COMPLETED', state: { done: 4 } });
    expect(job?.errors).toHaveLength(9); // far more than its three attempts
    expect(Math.max(...attempts)).toBeLessThanOrEqual(3);
  });

  test('without checkpoints the same errors bury it', async () => {
    const { queue } = queueOf(setup.database);
    const added = await queue.addJob('work', { mode: 'fail' }, { maxAttempts: 3 });
    for (let run = 0; run < 3; run++) {
      await queue.drain({ budgetMs: 10_000, limit: 1 });
      await makeDue(setup.database);
    }
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ status: 'DEAD_LETTER', attempts: 3 });
  });

  test('many checkpoints in a row take one round trip each', async () => {
    const { queue } = queueOf(setup.database);
    const added = await queue.addJob('work', { mode: 'checkpoints', n: 50 });
    const report = await queue.drain({ budgetMs: 20_000 });
    expect(report).toMatchObject({ completed: 1 });
    expect(report.steps).toBeGreaterThanOrEqual(50);
    expect(report.steps).toBeLessThanOrEqual(60);
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ state: { done: 50 }, result: { resumedFrom: 0 } });
  });

  test('checkpoints of many jobs share their exchanges', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(40).map((entry) => ({ ...entry, payload: { mode: 'checkpoints', n: 10 } })));
    const report = await queue.drain({ budgetMs: 20_000, concurrency: 40 });
    expect(report).toMatchObject({ completed: 40 });
    expect(report.steps).toBeLessThan(80); // not 400
  });

  test('progress is seen while the job runs, with its note cut at a code point', async () => {
    const { queue, seen } = queueOf(setup.database);
    seen.onStart = async ({ job, progress }) => {
      progress({ done: 1, total: 3 });
      progress({ done: 2, total: 3, note: `${'x'.repeat(499)}🙂` });
      const shown = async () => (await queue.getJob(job.id))?.progress;
      await expect.poll(shown, { timeout: 5_000, interval: 100 }).toMatchObject({ done: 2, total: 3 });
      expect((await shown())?.note?.isWellFormed()).toBe(true);
      expect(await queue.getJob(job.id)).toMatchObject({
        status: 'PROCESSING',
        attempts: 1,
        startedAt: expect.any(Date),
      });
    };
    await queue.addJob('work', { mode: 'noop' });
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: 1 });
  });

  test('a state of exactly 64 KiB is kept, one byte more is refused for good', async () => {
    const { queue, seen } = queueOf(setup.database);
    const ofBytes = (bytes: number) => 'x'.repeat(bytes - 2); // and two quotes
    seen.onStart = ({ checkpoint, payload }) => checkpoint(ofBytes(LIMITS.stateBytes + (payload.n ?? 0)));
    seen.results.set(2, continueWith(ofBytes(LIMITS.stateBytes + 1)));
    const added = await queue.addJobs(works(2));
    await queue.drain({ budgetMs: 10_000 });
    seen.onStart = () => undefined;
    const sliced = await queue.addJob('work', { mode: 'return', n: 2 });
    await queue.drain({ budgetMs: 10_000 });
    const jobs = await Promise.all([...added, sliced].map((job) => queue.getJob(job?.id ?? '')));
    expect(jobs.map((job) => job?.status)).toEqual(['COMPLETED', 'DEAD_LETTER', 'DEAD_LETTER']);
    expect(jobs[0]?.state).toHaveLength(LIMITS.stateBytes - 2);
    for (const job of jobs.slice(1)) expect(job?.errors[0]?.message).toContain(`${LIMITS.stateBytes} bytes`);
  });

  test.for([undefined, null])('a checkpoint of %s is a mistake, told to the handler', async (state) => {
    const { queue, seen } = queueOf(setup.database);
    seen.onStart = ({ checkpoint }) => checkpoint(state);
    const added = await queue.addJob('work', { mode: 'noop' }, { maxAttempts: 1 });
    await queue.drain({ budgetMs: 10_000 });
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ errors: [{ name: 'TypeError' }] });
  });

  test('cancelJob ends the job as cancelled, with its reason', async () => {
    const { queue } = queueOf(setup.database);
    const added = await queue.addJob('work', { mode: 'cancel' });
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ cancelled: 1, completed: 0, stopReason: 'empty' });
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({
      status: 'CANCELLED',
      attempts: 1,
      errors: [{ name: 'Cancelled', message: 'not wanted any more' }],
    });
  });

  test('two exchanges that tell of one job at once do not take it for revoked', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', { mode: 'noop' });
    const claimed = await claimOne(setup.database);
    const locker = connect(setup.directUrl, { driver: 'postgres' });
    const waiting = (steps: number) =>
      expect.poll(() => waitingForLocks(locker), { timeout: 10_000, interval: 10 }).toBe(steps);
    let checkpoint: Promise<ExchangeReply> | undefined;
    let mark: Promise<ExchangeReply> | undefined;
    await locker.transaction(async (tx) => {
      await tx.execute({ text: 'select from jobqueue.leases for update', params: [] });
      checkpoint = send(setup.database, { running: [news(claimed, { state: { done: 1 } })] });
      await waiting(1);
      mark = send(setup.database, { running: [news(claimed)] });
      await waiting(2); // it saw the job before the checkpoint was committed
    });
    expect(await checkpoint).toMatchObject({ revoked: [] });
    expect(await mark).toMatchObject({ revoked: [] });
    expect(await queue.getJob(claimed.id)).toMatchObject({ status: 'PROCESSING', attempts: 1, state: { done: 1 } });
    await locker.close();
  });

  test('a job that is no longer ours is told so by its signal and its checkpoint, and changes nothing', async () => {
    const { queue, seen } = queueOf(setup.database);
    const refusals: unknown[] = [];
    seen.onStart = async ({ checkpoint, signal }) => {
      await endLeases(setup.database);
      await claimOne(setup.database);
      await checkpoint({ mine: true }).catch((error: unknown) => refusals.push(error));
      expect(signal.aborted).toBe(true);
    };
    const added = await queue.addJob('work', { mode: 'noop' });
    const report = await queue.drain({ budgetMs: 10_000 });
    expect(report).toMatchObject({ completed: 0, lost: 1 });
    expect(refusals).toEqual([expect.objectContaining({ message: expect.stringContaining('no longer held') })]);
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ status: 'PROCESSING', state: null, fence: 2 });
  });
});
