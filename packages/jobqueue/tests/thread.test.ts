/** The whole thread: enqueue, claim, run, settle, on every driver. */
import { beforeEach, expect, test } from 'vitest';
import { describeEachDriver } from '../../../tests/support/drivers.ts';
import { emptyTables, queueOf, rows, statuses, witness } from './support.ts';

describeEachDriver('the thread', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('a job runs once and its result can be read', async () => {
    const { queue, seen } = queueOf(setup.database);
    seen.results.set(7, { answer: 42 });
    const added = await queue.addJob('work', { mode: 'return', n: 7 }, { priority: 5, idempotencyKey: 'k' });
    const report = await queue.drain({ budgetMs: 5_000 });
    expect(report).toMatchObject({ claimed: 1, completed: 1, retried: 0, lost: 0, stopReason: 'empty' });
    const job = await queue.getJob(added?.id ?? '');
    expect(job).toMatchObject({ status: 'COMPLETED', attempts: 1, result: { answer: 42 }, priority: 5, errors: [] });
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'k' })).toMatchObject({ id: added?.id });
  });

  test('an empty tick is one statement, and its ledger row is closed', async () => {
    const { queue } = queueOf(setup.database);
    const report = await queue.drain({ source: 'cron' });
    expect(report).toMatchObject({ steps: 1, stopReason: 'empty', claimed: 0 });
    const ledger = await rows(
      setup.database,
      'select stop_reason, steps, finished_at is not null as closed from jobqueue.drains',
    );
    expect(ledger).toEqual([{ stop_reason: 'empty', steps: 1, closed: true }]);
  });

  test('eight drains at once never share a job', async () => {
    const seen = witness();
    const { queue } = queueOf(setup.database, seen);
    await queue.addJobs(
      Array.from({ length: 2_000 }, (_, n) => ({ type: 'work' as const, payload: { mode: 'noop' as const, n } })),
    );
    const reports = await Promise.all(
      Array.from({ length: 8 }, () => queueOf(setup.connect(), seen).queue.drain({ budgetMs: 20_000 })),
    );
    expect(reports.reduce((sum, report) => sum + report.completed, 0)).toBe(2_000);
    expect(reports.reduce((sum, report) => sum + report.lost + report.retried + report.rescued, 0)).toBe(0);
    expect(new Set(seen.starts.values())).toEqual(new Set([1]));
    expect(seen.starts.size).toBe(2_000);
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 2_000 });
  });
});
