/** Waiting for a job: how each end is told, and that a hundred who wait cost what one costs. */
import { beforeEach, expect, test, vi } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { QueueError } from '../src/index.ts';
import { counting, emptyTables, makeDue, queueOf, rows, works } from './support.ts';

const noop = { mode: 'noop' } as const;
/** No sequence gets so far in a test. */
const NOBODY = '9000000000000000000';

async function refusalOf(promise: Promise<unknown>): Promise<QueueError> {
  const reason: unknown = await promise.then(
    () => null,
    (refused: unknown) => refused,
  );
  if (!(reason instanceof QueueError)) throw new Error(`expected a QueueError, got ${String(reason)}`);
  return reason;
}

describeOnOneDriver('waiting', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('gives the whole job once it is completed, its result and progress among it', async () => {
    const { queue, seen } = queueOf(setup.database);
    seen.results.set(1, { invoice: 42 });
    seen.onStart = ({ progress }) => progress({ done: 3, total: 4, note: 'nearly' });
    const job = await queue.addJob('work', { mode: 'return', n: 1 });
    const waited = queue.waitFor(job?.id ?? '');
    await queue.drain();
    expect(await waited).toMatchObject({ id: job?.id, status: 'COMPLETED', result: { invoice: 42 }, attempts: 1 });
    expect(await queue.waitFor(job?.id ?? '')).toEqual(await queue.getJob(job?.id ?? '')); // ended long ago
  });

  test('tells a dead letter and a cancel as what they are', async () => {
    const { queue } = queueOf(setup.database);
    const [dead, cancelled] = await queue.addJobs([
      { type: 'work', payload: { mode: 'fail_for_good' } },
      { type: 'other', payload: { mode: 'cancel' } },
    ]);
    const waits = Promise.all([queue.waitFor(dead?.id ?? ''), queue.waitFor(cancelled?.id ?? '')]);
    await queue.drain();
    expect(await waits).toMatchObject([
      { status: 'DEAD_LETTER', errors: [{ message: 'no use' }] },
      { status: 'CANCELLED', errors: [{ message: 'not wanted any more' }] },
    ]);
  });

  test('waits on while a job fails and is tried again', async () => {
    const { queue } = queueOf(setup.database);
    const job = await queue.addJob('work', { mode: 'fail' }, { maxAttempts: 2 });
    const waited = queue.waitFor(job?.id ?? '', { timeoutMs: 20_000 });
    await queue.drain({ limit: 1 });
    await makeDue(setup.database);
    await queue.drain({ limit: 1 });
    expect(await waited).toMatchObject({ status: 'DEAD_LETTER', attempts: 2 });
  });

  test('ends when time is up, and names the job and how it stands', async () => {
    const { queue } = queueOf(setup.database);
    const job = await queue.addJob('work', noop, { delayMs: 60_000 });
    const began = performance.now();
    const refusal = await refusalOf(queue.waitFor(job?.id ?? '', { timeoutMs: 300 }));
    expect(performance.now() - began).toBeGreaterThanOrEqual(290);
    expect([refusal.code, refusal.message]).toEqual([
      'wait_timeout',
      `waited 300 ms for job ${job?.id}: it is PENDING`,
    ]);
    expect(await queue.getJob(job?.id ?? '')).toMatchObject({ status: 'PENDING' }); // the job goes on
  });

  test('refuses what is no job, and a time that nobody should pay for', async () => {
    const { database, statements } = counting(setup.database);
    const { queue } = queueOf(database);
    for (const id of ['', 'abc', '0', '-1', '1.5', '99999999999999999999'])
      expect([id, (await refusalOf(queue.waitFor(id))).code]).toEqual([id, 'job_unknown']);
    for (const timeoutMs of [0, -1, Number.NaN, 60_001, Number.POSITIVE_INFINITY])
      expect([timeoutMs, (await refusalOf(queue.waitFor('1', { timeoutMs }))).code]).toEqual([
        timeoutMs,
        'option_invalid',
      ]);
    expect(statements).toEqual([]);
    expect((await refusalOf(queue.waitFor(NOBODY))).code).toBe('job_unknown');
    expect(statements).toHaveLength(1);
  });

  test('says that a job is gone if its history is pruned meanwhile', async () => {
    const { queue } = queueOf(setup.database);
    const job = await queue.addJob('work', noop, { delayMs: 60_000 });
    const refused = refusalOf(queue.waitFor(job?.id ?? ''));
    await rows(setup.database, 'delete from jobqueue.jobs');
    expect((await refused).code).toBe('job_unknown');
  });

  test('ends with the reason of an abort, whether it comes before or meanwhile, and asks no more', async () => {
    const { database, statements } = counting(setup.database);
    const { queue } = queueOf(database);
    const job = await queue.addJob('work', noop, { delayMs: 60_000 });
    const asked = () => statements.length;
    const before = asked();
    const reason = new Error('the client went away');
    await expect(queue.waitFor(job?.id ?? '', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(asked()).toBe(before);
    const controller = new AbortController();
    const waited = queue.waitFor(job?.id ?? '', { signal: controller.signal });
    await vi.waitFor(() => expect(asked()).toBeGreaterThan(before + 1), { interval: 5 });
    controller.abort(reason);
    await expect(waited).rejects.toBe(reason);
  });

  test('a hundred who wait share each look, and all are answered', async () => {
    const { database, statements } = counting(setup.database);
    const { queue } = queueOf(database);
    const jobs = await queue.addJobs(works(100));
    const looks = () => statements.filter((text) => !text.includes('step_2')).length - 1; // the enqueue
    const began = performance.now();
    const waits = jobs.map(({ id }) => queue.waitFor(id, { timeoutMs: 30_000 }));
    await vi.waitFor(() => expect(looks()).toBeGreaterThanOrEqual(3), { timeout: 10_000, interval: 5 });
    const looked = looks();
    expect(looked).toBeLessThanOrEqual(2 + (performance.now() - began) / 40); // one at a time, 40 ms apart or more
    await queueOf(setup.database).queue.drain();
    expect((await Promise.all(waits)).map(({ id, status }) => [id, status])).toEqual(
      jobs.map(({ id }) => [id, 'COMPLETED']),
    );
    const brought = statements.filter((text) => text.includes('result')).length;
    expect(brought).toBeLessThanOrEqual(10); // forty whole jobs at a time, in a few looks
    expect(looks() - looked - brought).toBeLessThanOrEqual(2 + (performance.now() - began) / 40);
  });

  test('a database that is away for a moment delays the answer, and is named if time runs out meanwhile', async () => {
    const { queue } = queueOf(setup.database);
    const job = await queue.addJob('work', noop);
    await queue.drain();
    setup.faults.refuseConnections(true);
    try {
      const refusal = await refusalOf(queue.waitFor(job?.id ?? '', { timeoutMs: 200 }));
      expect([refusal.code, refusal.message]).toEqual([
        'wait_timeout',
        expect.stringContaining('its state is not known'),
      ]);
      const waited = queue.waitFor(job?.id ?? '', { timeoutMs: 20_000 });
      setup.faults.refuseConnections(false);
      expect(await waited).toMatchObject({ status: 'COMPLETED' });
    } finally {
      setup.faults.refuseConnections(false);
    }
  });
});
