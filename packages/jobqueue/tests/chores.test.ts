/** Chores: what a drain does beside its jobs never keeps it from them. */
import { expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { counting, queueOf, rows } from './support.ts';

describeOnOneDriver('chores', (setup) => {
  test('that fail in Postgres are told of, and the jobs run all the same', async () => {
    const told: unknown[] = [];
    const log = (level: string, event: string, fields: object) => void told.push({ level, event, ...fields });
    const { queue } = queueOf(setup.database, undefined, { log });
    const [before] = await rows<{ definition: string }>(
      setup.database,
      "select pg_get_functiondef('jobqueue.upkeep_1(jsonb)'::regprocedure) as definition",
    );
    await rows(
      setup.database,
      `create or replace function jobqueue.upkeep_1(request jsonb) returns jsonb language plpgsql as
       'begin perform 1 / 0; return null; end'`,
    );
    try {
      await queue.addJob('work', { mode: 'noop' });
      expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: 1, stopReason: 'empty' });
      expect(told).toContainEqual({
        level: 'error',
        event: 'chore_failed',
        chore: 'upkeep',
        error: expect.stringMatching(/^22012: /),
      });
    } finally {
      await rows(setup.database, before?.definition ?? '');
    }
  });

  test('that find nothing to do leave an empty tick one statement', async () => {
    const { queue } = queueOf(setup.database);
    await queue.drain({ source: 'cron', budgetMs: 10_000 });
    const counted = counting(setup.database);
    const { queue: idle } = queueOf(counted.database);
    expect(await idle.drain({ source: 'cron', budgetMs: 10_000 })).toMatchObject({ claimed: 0, stopReason: 'empty' });
    expect(counted.statements).toHaveLength(1);
  });
});
