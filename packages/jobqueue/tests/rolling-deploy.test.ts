/** A deployment under way: functions of the release before hold jobs in the live table, those of this one in batches, of one database. */
import { beforeEach, expect, test } from 'vitest';
import { describeEachDriver } from '../../../tests/support/drivers.ts';
import type { Database } from '../src/postgres/connect.ts';
import { type ClaimedBefore, claimOne, news, outcome, send, sendBefore } from './played-exchange.ts';
import { emptyTables, endLeases, makeDue, queueOf, rows, statuses, witness, works } from './support.ts';

const named = ([id, fence]: ClaimedBefore, said: object = {}) => ({ id, fence, ...said });

/**
 * Drains as a function of the release before until nothing is due. Of each large claim it completes most, has one tried again, gives one
 * back, and forgets one, as if it had died. Answers how many it forgot.
 */
async function drainBefore(database: Database, onStart: (job: ClaimedBefore) => void): Promise<number> {
  const error = { name: 'Error', message: 'once more', attempt: 1 };
  let forgotten = 0;
  for (;;) {
    const { jobs } = await sendBefore(database, { claim: { limit: 20 } });
    if (jobs.length === 0) return forgotten;
    const odd = jobs.length > 3 ? 1 : 0;
    const retried = jobs.slice(0, odd);
    const returned = jobs.slice(odd, 2 * odd);
    const completed = jobs.slice(3 * odd);
    forgotten += odd;
    for (const job of [...retried, ...completed]) onStart(job);
    const settlements = [
      ...retried.map((job) => named(job, { to: 'retry', error, delayMs: 0, ranMs: 1, endedAgoMs: 0 })),
      ...returned.map((job) => named(job, { to: 'give_back', interrupted: false, passed: false, hold: false })),
    ];
    expect(await sendBefore(database, { completed, settlements })).toMatchObject({ lost: [] });
  }
}

describeEachDriver('a deployment under way', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('drains of both releases run each of many jobs once under a fence, whatever they leave to each other', {
    timeout: 60_000,
  }, async () => {
    const JOBS = 1_000;
    const starts: string[] = [];
    const seen = witness();
    seen.onStart = async ({ job }) => {
      starts.push(`${job.id} ${job.fence}`);
      if (job.attempt === 1 && Number(job.id) % 17 === 0) throw new Error('once more');
    };
    const { queue } = queueOf(setup.database, seen);
    await queue.addJobs(works(JOBS, { mode: 'noop' }, { maxAttempts: 20 }));
    const before = Array.from({ length: 3 }, () =>
      drainBefore(setup.connect(), ([id, fence]) => starts.push(`${id} ${fence}`)),
    );
    const now = Array.from({ length: 3 }, () =>
      queueOf(setup.connect(), seen).queue.drain({ budgetMs: 60_000, maxBatch: 20 }),
    );
    const forgotten = (await Promise.all(before)).reduce((sum, one) => sum + one, 0);
    for (const report of await Promise.all(now)) expect(report).toMatchObject({ lost: 0, deadLettered: 0 });
    expect(await statuses(setup.database)).toMatchObject({ PROCESSING: forgotten });

    await endLeases(setup.database);
    await makeDue(setup.database);
    expect(await queue.drain({ budgetMs: 60_000 })).toMatchObject({ rescued: forgotten, lost: 0, deadLettered: 0 });
    expect(await statuses(setup.database)).toEqual({ COMPLETED: JOBS });
    expect(new Set(starts).size).toBe(starts.length);
    const [kept] = await rows<{ inRows: number; inBatches: number }>(
      setup.database,
      `select (select count(*)::int from jobqueue.job_history) as "inRows",
              (select sum(bit_count(done))::int from jobqueue.settlements) as "inBatches"`,
    );
    expect(kept?.inRows).toBeGreaterThan(0); // both took part
    expect(kept?.inBatches).toBeGreaterThan(0);
  });

  test('a drain of either release can neither settle nor report what one of the other has taken over', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const id = (await queue.addJob('work', { mode: 'noop' }, { idempotencyKey: 'k' }))?.id ?? '';

    const { jobs: first } = await sendBefore(database, { claim: {} });
    expect(await queue.getJob(id)).toMatchObject({ status: 'PROCESSING', fence: 1 });
    await endLeases(database);
    const second = await claimOne(database);
    expect(second).toMatchObject({ id, fence: 2 });
    const late = await sendBefore(database, { completed: first, running: first.map((job) => named(job)), claim: {} });
    expect(late).toMatchObject({ lost: [id], revoked: [id], jobs: [] });

    await send(database, { running: [news(second, { state: { done: 1 } })] });
    await send(database, outcome(second, { to: 'give_back', ...{ hold: false, interrupted: true } }));
    const { jobs: third } = await sendBefore(database, { claim: {} });
    expect(third.map(([job, fence]) => [job, fence])).toEqual([[id, 3]]);
    expect(await send(database, outcome(second, { to: 'completed' }))).toMatchObject({ lost: [second.place] });
    expect(await send(database, { running: [news(second)] })).toMatchObject({ revoked: [second.place] });
    expect(await queue.getJob(id)).toMatchObject({ status: 'PROCESSING', fence: 3, state: { done: 1 } });

    expect(await sendBefore(database, { completed: third })).toMatchObject({ lost: [] });
    expect(await queue.getJob(id)).toMatchObject({ status: 'COMPLETED', fence: 3, state: { done: 1 } });
    expect(await queue.addJob('work', { mode: 'noop' }, { idempotencyKey: 'k' })).toBeNull(); // for its window
  });

  test('an operator cancels what drains of either release hold: both hear of it, and their outcomes are lost', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await queue.addJobs(works(2));
    const { jobs: before } = await sendBefore(database, { claim: { limit: 1 } });
    const now = await claimOne(database);
    expect(await queue.cancel({ status: 'PROCESSING' }, { actor: 'ann', reason: 'wrong template' })).toMatchObject({
      changed: 2,
      done: true,
    });
    const [id] = before[0] as ClaimedBefore;
    const running = before.map((job) => named(job));
    expect(await sendBefore(database, { running })).toMatchObject({ revoked: [id] });
    expect(await sendBefore(database, { completed: before })).toMatchObject({ lost: [id] });
    expect(await send(database, { running: [news(now)] })).toMatchObject({ revoked: [now.place] });
    expect(await send(database, outcome(now, { to: 'completed' }))).toMatchObject({ lost: [now.place] });
    for (const one of [id, now.id])
      expect(await queue.getJob(one)).toMatchObject({ status: 'CANCELLED', fence: 2, attempts: 0 });
  });

  test('the release before takes over what a batch held when its drain died, as it must after a roll-back', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const id = (await queue.addJob('work', { mode: 'noop' }))?.id ?? '';
    const held = await claimOne(database);
    await endLeases(database);
    const answer = await sendBefore(database, { claim: {} });
    expect(answer).toMatchObject({ rescued: 1, jobs: [expect.arrayContaining([id, 2])] });
    expect(await send(database, outcome(held, { to: 'completed' }))).toMatchObject({ lost: [held.place] });
    expect(await sendBefore(database, { completed: answer.jobs })).toMatchObject({ lost: [] });
    expect(await queue.getJob(id)).toMatchObject({ status: 'COMPLETED', fence: 2 });
  });

  test('a retry that the release before sends twice is no lost outcome, although a batch has the job by then', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await queue.addJob('work', { mode: 'noop' });
    const { jobs } = await sendBefore(database, { claim: {} });
    const error = { name: 'Error', message: 'once', attempt: 1 };
    const settlements = jobs.map((job) => named(job, { to: 'retry', error, delayMs: 0, ranMs: 1, endedAgoMs: 0 }));
    expect(await sendBefore(database, { settlements })).toMatchObject({ lost: [] });
    const now = await claimOne(database);
    expect(await sendBefore(database, { settlements, again: true })).toMatchObject({ lost: [] }); // while it is held
    expect(await send(database, outcome(now, { to: 'completed' }))).toMatchObject({ lost: [] });
    expect(await sendBefore(database, { settlements, again: true })).toMatchObject({ lost: [] }); // when it has completed
    expect(await statuses(database)).toEqual({ COMPLETED: 1 });
  });
});
