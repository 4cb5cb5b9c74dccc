/**
 * Every statement of the queue over every driver, and its answer read: therefore suites about what the queue decides run on one driver
 * (`describeOnOneDriver`). A function of the database that this package calls and that nothing here sends fails the test.
 */
import { expect, test } from 'vitest';
import { describeEachDriver } from '../../../../tests/support/drivers.ts';
import type { Database, Executor } from '../../src/postgres/database.ts';
import { returnTokens, takeTokens } from '../../src/postgres/statements/buckets.ts';
import { FUNCTIONS } from '../../src/postgres/statements/functions.ts';
import { everyOperation, workQueue } from '../every-operation.ts';
import { rows } from '../support.ts';

const ANN = { actor: 'ann' };

/** The database, and the text of all that was sent to it. */
function recording(database: Database): { database: Database; sent: string[] } {
  const sent: string[] = [];
  const over = (executor: Executor): Executor => ({
    execute(statement, options) {
      sent.push(statement.text);
      return executor.execute(statement, options);
    },
  });
  return {
    sent,
    database: {
      ...over(database),
      driver: database.driver,
      address: database.address,
      transaction: (run) => database.transaction((tx) => run(over(tx))),
      close: () => database.close(),
    },
  };
}

describeEachDriver('every operation', (setup) => {
  test('is sent and understood', { timeout: 120_000 }, async () => {
    const { database, sent } = recording(setup.database);
    const kept: Promise<unknown>[] = [];
    const waitUntil = (promise: Promise<unknown>) => kept.push(promise);
    const queue = workQueue({ database, environment: undefined });
    await everyOperation(queue);

    // a schedule is due
    await rows(
      setup.database,
      `update jobqueue.schedules set next_slot_at = now() - interval '1 minute', fired_until = now() - interval '1 day'`,
    );
    await queue.drain({ budgetMs: 60_000 });
    // tokens that nobody needs go back, and a bucket is blocked
    const limit = { perSecond: 1, burst: 10 };
    const asked = { want: 5, spare: 0, waiting: 1, returning: 0, patienceMs: 0, holdMs: 100 };
    const [taken] = await takeTokens(database, [{ key: 'more than needed', ...limit, ...asked }], 30_000);
    const unused = [{ key: 'more than needed', tokens: taken?.taken ?? 0, takenAt: taken?.takenAt ?? '' }];
    expect(taken?.taken).toBe(5);
    await returnTokens(database, unused, 30_000);
    await queue.addJob('work', { block: 'a bucket of a job' });
    await queue.drain({ budgetMs: 60_000 });
    expect(await queue.unblock('a bucket of a job', ANN)).toBe(true);
    // ticks with nothing to do fall asleep, and an enqueue asks whether they come at all
    const hints = new Map<string, unknown>();
    const cache = {
      get: async (key: string) => structuredClone(hints.get(key)),
      set: async (key: string, value: unknown) => hints.set(key, structuredClone(value)),
    };
    await queue.with({ sleep: { cache, atMost: 3_600_000, waitUntil } }).drain({ source: 'cron', maySleep: true });
    await queue
      .with({ kick: { waitUntil, failed: () => undefined } })
      .addJob('work', { fail: false }, { delayMs: 60_000 });
    await Promise.all(kept);
    expect(await queue.adopt('production', ANN)).toEqual({ before: null });

    const unsent = FUNCTIONS.map((signature) => signature.slice(0, signature.indexOf('('))).filter(
      (name) => !sent.some((text) => text.includes(`${name}(`)),
    );
    expect(unsent).toEqual([]);
  });
});
