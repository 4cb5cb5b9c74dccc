/** Answers that the network loses after Postgres has committed: the same statement again finds its work done, and goes on. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { shorten } from '../../../tests/support/deadlines.ts';
import { describeEachDriver, describeOnOneDriver } from '../../../tests/support/drivers.ts';
import type { Log } from '../src/core/log.ts';
import { connect, type Database } from '../src/postgres/connect.ts';
import { CLAIM, claimOne, outcome, send } from './played-exchange.ts';
import { emptyTables, queueOf, rows, statuses, type Witness, witness, works } from './support.ts';

const BATCH = 100;
const DRAIN = { budgetMs: 20_000, concurrency: BATCH, maxBatch: BATCH };

/** The exchange that settles the whole first batch and claims the whole second. */
const settlesAndClaims = (request: string) =>
  request.includes('step_2') &&
  new RegExp(`\\{\\{\\d+,1{${BATCH}},`).test(request) &&
  request.includes(`"limit":${BATCH}`);

/** Two batches; all of the first end as one, so that one exchange settles them. */
async function twoBatches(
  database: Database,
): Promise<{ seen: Witness; drain: ReturnType<typeof queueOf>['queue']['drain'] }> {
  const seen = witness();
  const { queue } = queueOf(database, seen);
  await queue.addJobs(
    Array.from({ length: 2 * BATCH }, (_, n) => ({ type: 'work' as const, payload: { mode: 'noop' as const, n } })),
  );
  let open: () => void = () => undefined;
  const gate = new Promise<void>((opens) => {
    open = opens;
  });
  seen.onStart = () => {
    if (seen.order.length === BATCH) open();
    return gate;
  };
  return { seen, drain: queue.drain };
}

function expectAllOnce(seen: Witness): void {
  expect(seen.starts.size).toBe(2 * BATCH);
  expect(new Set(seen.starts.values())).toEqual(new Set([1]));
}

const ALL_GOOD = { claimed: 2 * BATCH, completed: 2 * BATCH, lost: 0, rescued: 0, retried: 0, givenBack: 0 };

describeEachDriver('a lost answer', (setup) => {
  let observer: Database;

  beforeEach(async () => {
    await emptyTables(setup.database);
    observer = connect(setup.directUrl);
  });
  afterEach(() => observer.close());

  /** The sessions that wait as told, once there are some. */
  const waiting = (how: string) =>
    vi.waitFor(
      async () => {
        const text = `select pid from pg_stat_activity where datname = current_database() and ${how}`;
        const sessions = await rows<{ pid: number }>(observer, text);
        expect(sessions).not.toEqual([]);
        return sessions.map(({ pid }) => pid);
      },
      { timeout: 10_000, interval: 10 },
    );

  test('of an exchange that settled 100 and claimed 100: the drain goes on at once with those 100', async () => {
    const { seen, drain } = await twoBatches(setup.database);
    const lost = setup.faults.loseAnswer(settlesAndClaims);
    const report = await drain(DRAIN);
    await lost;
    expect(report).toMatchObject(ALL_GOOD); // nothing was rescued: no lease was waited for
    expectAllOnce(seen);
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 2 * BATCH });
  });

  test('without a word: the drain waits for a part of its time, then goes on with those 100', async () => {
    const { seen, drain } = await twoBatches(setup.database);
    const lost = setup.faults.loseAnswer(settlesAndClaims, { silently: true });
    const report = await drain({ ...DRAIN, budgetMs: 9_000 });
    await lost;
    expect(report).toMatchObject(ALL_GOOD);
    expectAllOnce(seen);
  });

  test('of the first claim: the drain starts what its lost twin claimed', async () => {
    const { seen, drain } = await twoBatches(setup.database);
    const lost = setup.faults.loseAnswer('step_2');
    const report = await drain(DRAIN);
    await lost;
    expect(report).toMatchObject(ALL_GOOD);
    expectAllOnce(seen);
    const fences = 'select distinct fence from jobqueue.finished_jobs';
    expect(await rows(setup.database, fences)).toEqual([{ fence: 1 }]);
  });

  test('while the lost twin is still uncommitted: the retry waits for it, then goes on', async () => {
    const { seen, drain } = await twoBatches(setup.database);
    const locker = connect(setup.directUrl, { driver: 'postgres' });
    let report: Promise<unknown> = Promise.resolve();
    await locker.transaction(async (tx) => {
      await tx.execute({ text: 'lock table jobqueue.settlements in share mode', params: [] });
      report = drain(DRAIN);
      const twins = await waiting(`wait_event_type = 'Lock'`);
      setup.faults.cutConnections();
      // Neon's HTTP endpoint cancels what its client has hung up on: there the retry waits in the twin's place.
      const retried = setup.driver === 'neon-http' ? `wait_event_type = 'Lock'` : `wait_event = 'advisory'`;
      await waiting(`${retried} and pid <> all('{${twins}}')`);
    });
    await locker.close();
    expect(await report).toMatchObject(ALL_GOOD);
    expectAllOnce(seen);
  });

  test('of a claim: jobs that arrived since do not take the place of those that the lost twin claimed', async () => {
    const { queue } = queueOf(setup.database);
    const [first] = await queue.addJobs([{ type: 'work', payload: { mode: 'noop' } }]);
    const repeated = { drain: { id: randomUUID(), claim: randomUUID() }, claim: { ...CLAIM, limit: 1 } };
    await send(setup.database, repeated);
    await queue.addJob('work', { mode: 'noop' }, { priority: 10 });
    const { jobs } = await send(setup.database, { ...repeated, drain: { ...repeated.drain, again: true } });
    expect(jobs).toMatchObject([{ id: first?.id, fence: 1 }]);
  });

  test('of a claim: sent again, it does not answer with what an operator has cancelled meanwhile', async () => {
    const { queue } = queueOf(setup.database);
    const added = await queue.addJobs(works(3));
    const lost = { claim: CLAIM, drain: { id: randomUUID(), claim: randomUUID() } };
    await send(setup.database, lost);
    await queue.cancel({ ids: [added[1]?.id ?? ''] }, { actor: 'ann', reason: 'wrong template' });
    const { jobs } = await send(setup.database, { ...lost, drain: { ...lost.drain, again: true } });
    expect(jobs.map(({ id, position }) => [id, position])).toEqual([
      [added[0]?.id, 1],
      [added[2]?.id, 3],
    ]);
  });

  test('of a checkpoint: sent again, it does not overwrite the one after it', async () => {
    const { queue, seen } = queueOf(setup.database);
    const added = await queue.addJob('work', { mode: 'noop' });
    seen.onStart = async ({ checkpoint }) => {
      const lost = setup.faults.loseAnswer('"state":{"done":1}', { silently: true });
      const first = checkpoint({ done: 1 });
      await lost;
      await Promise.all([first, checkpoint({ done: 2 })]);
    };
    expect(await queue.drain({ budgetMs: 9_000 })).toMatchObject({ completed: 1 });
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ status: 'COMPLETED', state: { done: 2 } });
  });

  test('of an enqueue: the same call again finds its own job by the idempotency key', async () => {
    const { queue } = queueOf(setup.database);
    const lost = setup.faults.loseAnswer('add_jobs');
    await expect(queue.addJob('work', { mode: 'noop' }, { idempotencyKey: 'k' })).rejects.toThrow('no answer from');
    await lost;
    expect(await queue.addJob('work', { mode: 'noop' }, { idempotencyKey: 'k' })).toBeNull();
    const holder = await queue.findJob({ type: 'work', idempotencyKey: 'k' });
    const again = { type: 'work' as const, payload: { mode: 'noop' as const }, options: { idempotencyKey: 'k' } };
    expect(await queue.addJobs([again])).toEqual([{ id: holder?.id, duplicate: true }]);
    expect(await statuses(setup.database)).toEqual({ PENDING: 1 });
  });

  test('that never comes, of an enqueue and of a look-up: both end by their deadlines, and the error says what is known', async () => {
    const DEADLINE_MS = 2_000; // a busy machine sends within it what is never answered
    const { queue } = queueOf(setup.database);
    const lost = setup.faults.loseAnswer('add_jobs', { silently: true });
    const enqueues = shorten('enqueue', DEADLINE_MS);
    const error = await queue
      .addJob('work', { mode: 'noop' }, { idempotencyKey: 'k' })
      .catch((thrown) => thrown)
      .finally(enqueues);
    await lost;
    expect(error).toMatchObject({ code: 'outcome_unknown', cause: { name: 'ConnectionError' } });
    expect(error.message).toMatch(/may or may not have been enqueued.*safe for jobs with an idempotency key/);
    expect(await queue.addJob('work', { mode: 'noop' }, { idempotencyKey: 'k' })).toBeNull();

    const unheard = setup.faults.loseAnswer('ended_1', { silently: true });
    const reads = shorten('read', DEADLINE_MS);
    await expect(queue.getJob('999999999').finally(reads)).rejects.toThrow('no answer from');
    await unheard;
    expect(await queue.getJob('999999999')).toBeNull();
  });

  test.each([
    { to: 'completed', result: 1, ranMs: 1 },
    { to: 'dead_letter', error: { name: 'Error', message: 'm', attempt: 1 }, ranMs: 1 },
    { to: 'cancelled', error: { name: 'Cancelled', message: 'm', attempt: 1 }, ranMs: 1 },
    { to: 'retry', error: { name: 'Error', message: 'm', attempt: 1 }, delayMs: 0, ranMs: 1 },
    { to: 'continue', state: { done: 1 }, delayMs: 0, ranMs: 1 },
    { to: 'give_back', interrupted: true, passed: false, hold: false },
    { to: 'give_back', interrupted: true, passed: false, hold: true },
  ])('an outcome that was recorded as $to answers as settled, and is not recorded again', async (ending) => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const added = await queue.addJob('work', { mode: 'noop' });
    const id = added?.id ?? '';
    const settles = outcome(await claimOne(database), ending);

    expect(await send(database, settles)).toMatchObject({ lost: [] });
    const recorded = await queue.getJob(id);
    expect(await send(database, settles)).toMatchObject({ lost: [] });
    expect(await queue.getJob(id)).toEqual(recorded);
  });
});

/** Every driver refuses and times out as drivers/failures.test.ts shows. These drains have time enough to begin on a machine that is busy. */
describeOnOneDriver('an outcome that is not recorded', (setup) => {
  let observer: Database;

  beforeEach(async () => {
    await emptyTables(setup.database);
    observer = connect(setup.directUrl);
  });
  afterEach(() => observer.close());

  test('because Postgres has no room is counted as not confirmed, by the report, the log and the ledger', async () => {
    const full = "begin raise 'could not extend file: No space left on device' using errcode = '53100'; end";
    await rows(observer, `create function full_disk() returns trigger language plpgsql as $$ ${full} $$`);
    await rows(
      observer,
      'create trigger full_disk before insert on jobqueue.settlements for each row execute function full_disk()',
    );
    try {
      const lines: string[] = [];
      const log: Log = (level, event) => void lines.push(`${level} ${event}`);
      const { queue, seen } = queueOf(setup.database, undefined, { log, logJobs: 'failures' });
      await queue.addJobs(works(300));
      const report = await queue.drain({ budgetMs: 10_000, maxBatch: 10 });
      expect(report).toMatchObject({ completed: 0, retried: 0 });
      // which of the two it notices first depends on how long each try takes
      expect(['database_unreachable', 'deadline']).toContain(report.stopReason);
      // what was claimed too late to run could not be given back either
      expect(report.unconfirmed).toBe(report.claimed);
      expect(seen.order).not.toEqual([]);
      expect(report.claimed).toBeGreaterThanOrEqual(seen.order.length);
      expect(report.claimed).toBeLessThanOrEqual(50); // nothing more is claimed meanwhile: it would only run in vain
      expect(lines.filter((line) => line === 'warn job_unconfirmed')).toHaveLength(report.unconfirmed);
      expect(lines.at(-1)).toBe('warn drain_ended');
      expect(await statuses(observer)).toEqual({ PENDING: 300 - report.claimed, PROCESSING: report.claimed });
      const [drain] = await queue.drains({ id: report.id });
      expect(drain).toMatchObject({
        state: 'finished',
        stopReason: report.stopReason,
        report: { completed: 0, unconfirmed: report.unconfirmed },
      });
    } finally {
      await rows(observer, 'drop trigger full_disk on jobqueue.settlements');
      await rows(observer, 'drop function full_disk');
    }
  });

  test('because it is still on its way when the drain ends is told of too', async () => {
    const lines: string[] = [];
    const log: Log = (level, event) => void lines.push(`${level} ${event}`);
    let refused: Promise<unknown> = Promise.resolve();
    const late: Database = {
      ...setup.database,
      execute: (statement, options) => {
        const answer = setup.database.execute<never>(statement, options);
        return answer.catch((error) => {
          refused = new Promise((done) => setTimeout(done, 100)); // a busy machine notices its timers in any order
          return refused.then(() => Promise.reject(error));
        });
      },
    };
    const { queue } = queueOf(late, undefined, { log, logJobs: 'failures' });
    await queue.addJobs(works(3));
    const report = await observer.transaction(async (holder) => {
      await holder.execute({ text: 'lock table jobqueue.settlements in share mode', params: [] });
      return queue.drain({ budgetMs: 8_000 });
    });
    expect(report).toMatchObject({ completed: 0, unconfirmed: 3 });
    await refused;
    expect(lines).toEqual([...Array(3).fill('warn job_unconfirmed'), 'warn drain_ended']);
  });
});
