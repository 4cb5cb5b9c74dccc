/** Many drains at once over one table: every job is started once, and comes to one end. */
import { beforeEach, expect, test } from 'vitest';
import { type DriverUnderTest, describeEachDriver } from '../../../tests/support/drivers.ts';
import { emptyTables, queueOf, rows, statuses, type Witness, witness, works } from './support.ts';

const DRAINS = 8;

function drainTogether(setup: DriverUnderTest, seen: Witness) {
  const drains = Array.from({ length: DRAINS }, () => queueOf(setup.connect(), seen).queue.drain({ budgetMs: 60_000 }));
  return Promise.all(drains);
}

describeEachDriver('exactly once', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('eight drains start every one of many jobs exactly once and leave none', { timeout: 90_000 }, async () => {
    const total = setup.driver === 'postgres' ? 20_000 : 4_000;
    const { queue, seen } = queueOf(setup.database);
    for (let added = 0; added < total; added += 4_000) await queue.addJobs(works(4_000));
    const reports = await drainTogether(setup, seen);
    const sum = (counter: 'completed' | 'lost' | 'retried' | 'rescued') =>
      reports.reduce((total, report) => total + report[counter], 0);
    expect([sum('completed'), sum('lost'), sum('retried'), sum('rescued')]).toEqual([total, 0, 0, 0]);
    expect(seen.starts.size).toBe(total);
    expect(new Set(seen.starts.values())).toEqual(new Set([1]));
    expect(await statuses(setup.database)).toEqual({ COMPLETED: total });
    const odd = await rows(setup.database, 'select id::text from jobqueue.finished_jobs where attempt <> 1');
    expect(odd).toEqual([]);
  });

  test('jobs of every kind end in exactly one status, however many drains pass them around', async () => {
    const EACH = 50;
    const { queue, seen } = queueOf(setup.database);
    const modes = ['noop', 'slices', 'checkpoints', 'cancel', 'fail_for_good'] as const;
    for (const mode of modes) {
      await queue.addJobs(Array.from({ length: EACH }, () => ({ type: 'work' as const, payload: { mode, n: 3 } })));
    }
    await queue.addJobs(works(EACH, { mode: 'fail' }, { maxAttempts: 1 }));
    await drainTogether(setup, witness());
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 3 * EACH, CANCELLED: EACH, DEAD_LETTER: 2 * EACH });
    expect(seen.starts.size).toBe(0); // the queue that enqueued ran nothing
    const both = await rows(
      setup.database,
      'select id::text from jobqueue.jobs join jobqueue.finished_jobs using (id)',
    );
    expect(both).toEqual([]);
  });
});
