/** A drain that lost its lease: whatever it still says changes nothing, and its handlers learn that the job is another's. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { connect, type Database } from '../src/postgres/connect.ts';
import { CLAIM, claimOne, news, outcome, send } from './played-exchange.ts';
import { emptyTables, endLeases, queueOf, rows, type WorkContext, witness } from './support.ts';

/** A heartbeat every two seconds, and a loaded machine. */
const NOTICE_MS = 5_000;

const OUTCOMES = [
  { to: 'completed', result: { stale: true }, ranMs: 1 },
  { to: 'retry', error: { name: 'Error', message: 'stale', attempt: 1 }, delayMs: 0, ranMs: 1 },
  { to: 'dead_letter', error: { name: 'Error', message: 'stale', attempt: 1 }, ranMs: 1 },
  { to: 'cancelled', error: { name: 'Cancelled', message: 'stale', attempt: 1 }, ranMs: 1 },
  { to: 'continue', state: { stale: true }, delayMs: 0, ranMs: 1 },
  { to: 'give_back', interrupted: true, passed: true, hold: false },
] as const;

/** Everything that the database holds about the job and its key. */
async function everything(database: Database): Promise<unknown[]> {
  return rows(
    database,
    `select to_jsonb(j) as row from jobqueue.live_jobs j
     union all select to_jsonb(h) from jobqueue.finished_jobs h
     union all select to_jsonb(k) from jobqueue.idempotency_keys k`,
  );
}

describeOnOneDriver('a stale fence', (setup) => {
  beforeEach(() => emptyTables(setup.database));
  afterEach(() => {
    setup.faults.latencyMs = 0;
  });

  test.each(OUTCOMES)('cannot settle as $to, whatever became of the job since', async (ending) => {
    const { database } = setup;
    await queueOf(database).queue.addJob('work', { mode: 'noop' }, { idempotencyKey: 'k' });
    const stale = await claimOne(database);
    await endLeases(database);
    const expectNothing = async () => {
      const before = await everything(database);
      const answer = await send(database, outcome(stale, ending));
      expect(answer).toMatchObject({ lost: [stale.place] });
      expect(await everything(database)).toEqual(before);
    };

    const successor = await claimOne(database);
    expect(successor).toMatchObject({ id: stale.id, fence: stale.fence + 1 });
    await expectNothing(); // while the successor holds it

    expect(await send(database, { running: [news(successor)] })).toMatchObject({ revoked: [] });
    await expectNothing(); // while it runs

    const givenBack = outcome(successor, { to: 'give_back', ...{ hold: false } });
    expect(await send(database, givenBack)).toMatchObject({ lost: [] });
    await expectNothing(); // while it waits anew

    const third = await claimOne(database);
    const completed = outcome(third, { to: 'completed', ranMs: 1 });
    expect(await send(database, completed)).toMatchObject({ lost: [] });
    await expectNothing(); // when it has ended
  });

  test('cannot report a run, a progress or a checkpoint', async () => {
    const { database } = setup;
    await queueOf(database).queue.addJob('work', { mode: 'noop' });
    const stale = await claimOne(database);
    await endLeases(database);
    await claimOne(database);
    const before = await everything(database);
    const running = [news(stale, { progress: { done: 1 }, state: { done: 1 } })];
    expect(await send(database, { running })).toMatchObject({ revoked: [stale.place] });
    expect(await everything(database)).toEqual(before);
  });

  test('an outcome that comes after its lease, but before a successor, still counts', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const added = await queue.addJob('work', { mode: 'noop' });
    const late = await claimOne(database);
    await endLeases(database);
    const completed = outcome(late, { to: 'completed', result: 'late', ranMs: 1 });
    expect(await send(database, completed)).toMatchObject({ lost: [] });
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ status: 'COMPLETED', result: 'late', errors: [] });
  });

  test.each(['before', 'after'])(
    'a handler learns within two seconds that its job was taken over %s its run was reported',
    async (when) => {
      const { database } = setup;
      const first = queueOf(database);
      const added = await first.queue.addJob('work', { mode: 'wait' });
      const started = startOf(first.seen);
      const losing = first.queue.drain({ budgetMs: 20_000, limit: 1 }); // else it may take the job over from itself
      const { signal } = await started;
      const reported = 'select from jobqueue.live_jobs where started';
      if (when === 'after')
        await vi.waitFor(async () => expect(await rows(database, reported)).toHaveLength(1), { timeout: NOTICE_MS });

      await endLeases(database);
      const successor = queueOf(setup.connect());
      const takenOver = startOf(successor.seen);
      const enough = new AbortController();
      const winning = successor.queue.drain({ budgetMs: 20_000, signal: enough.signal });
      await takenOver;
      await vi.waitFor(() => expect(signal.aborted).toBe(true), { timeout: NOTICE_MS });
      expect(await losing).toMatchObject({ claimed: 1, lost: 1, completed: 0, retried: 0, givenBack: 0 });
      expect(await successor.queue.getJob(added?.id ?? '')).toMatchObject({ status: 'PROCESSING', fence: 2 });

      enough.abort();
      expect(await winning).toMatchObject({ claimed: 1, rescued: 1, lost: 0, givenBack: 1 });
    },
  );

  test('a checkpoint of a job that was taken over is refused, and leaves the state alone', async () => {
    const { database } = setup;
    const first = queueOf(database);
    const added = await first.queue.addJob('work', { mode: 'noop' });
    let refusal: unknown;
    first.seen.onStart = async ({ checkpoint }) => {
      await checkpoint({ done: 1 });
      await endLeases(database);
      await claimOne(database);
      refusal = await checkpoint({ done: 2 }).catch((error: unknown) => error);
    };
    expect(await first.queue.drain({ budgetMs: 20_000, limit: 1 })).toMatchObject({ completed: 0, lost: 1 });
    expect(refusal).toMatchObject({ message: 'the job is no longer held by this drain' });
    expect(await first.queue.getJob(added?.id ?? '')).toMatchObject({ status: 'PROCESSING', state: { done: 1 } });
  });

  test('a suspect that was taken over before its drain could announce it never starts there', async () => {
    const { database, faults } = setup;
    const { queue, seen } = queueOf(database);
    await queue.addJob('work', { mode: 'noop' });
    await rows(database, 'update jobqueue.jobs set rescues = 2');
    const direct = connect(setup.directUrl);
    faults.latencyMs = 300; // room for the take-over between the claim and its answer
    const slow = queue.drain({ budgetMs: 20_000, limit: 1 });
    const claimed = 'select from jobqueue.live_jobs where lease_until is not null';
    await vi.waitFor(async () => expect(await rows(direct, claimed)).toHaveLength(1), { interval: 10 });
    await endLeases(direct);
    await claimOne(direct);
    await direct.close();
    expect(await slow).toMatchObject({ claimed: 1, lost: 1, completed: 0 });
    expect(seen.order).toEqual([]);
  });

  test.each([
    { budgetMs: 120_000, timeout: 30_000, leaseMs: 5_000 + 30_000 + 15_000 },
    { budgetMs: 20_000, timeout: 60_000, leaseMs: 20_000 + 15_000 },
  ])(
    'a lease lasts $leaseMs ms with a budget of $budgetMs and a timeout of $timeout',
    async ({ leaseMs, ...times }) => {
      const { database } = setup;
      const { queue, seen } = queueOf(database, witness(), { timeout: times.timeout });
      await queue.addJob('work', { mode: 'noop' });
      let leased: unknown[] = [];
      seen.onStart = async () => {
        // The claim and the ledger row of a first exchange are of one instant.
        const lease = `select (extract(epoch from l.lease_until - d.started_at) * 1000)::float8 as ms
        from jobqueue.leases l, jobqueue.drains d`;
        leased = await rows(database, lease);
      };
      await queue.drain({ budgetMs: times.budgetMs });
      expect(leased).toEqual([{ ms: expect.closeTo(leaseMs, -2) }]); // the drain's own start-up is some milliseconds
    },
  );

  test('a checkpoint acquits nobody: a job that saves its state and kills its function is convicted like any other', async () => {
    const { database } = setup;
    const added = await queueOf(database).queue.addJob('work', { mode: 'noop' });
    for (let death = 1; death <= 3; death++) {
      const claimed = await claimOne(database);
      expect(claimed.attempt).toBe(death === 1 ? 0 : 1); // only the crash since the last checkpoint counts as an attempt
      await send(database, { running: [news(claimed, { state: { death } })] });
      await endLeases(database);
    }
    expect(await send(database, { claim: CLAIM })).toMatchObject({ jobs: [], crashed: [added?.id] });
  });
});

function startOf(seen: { onStart?: (context: WorkContext) => void }): Promise<WorkContext> {
  return new Promise((started) => {
    seen.onStart = started;
  });
}
