/** A kick: the job starts behind the request that enqueued it. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { emptied } from '../../../tests/support/empty.ts';
import { kicker } from '../src/drain/kick.ts';
import { createQueue, defineJob } from '../src/index.ts';
import { rows } from './support.ts';

describeOnOneDriver('a kick', (setup) => {
  const kicked = () => {
    const kept: Promise<unknown>[] = [];
    const failures: unknown[] = [];
    const queue = createQueue({
      database: setup.database,
      jobs: [defineJob({ type: 'kicked', payload: z.object({}), handler: async () => ({ run: async () => 'done' }) })],
      kick: { waitUntil: (promise) => kept.push(promise), failed: (error) => failures.push(error) },
    });
    return { queue, kept, failures };
  };

  test('drains what was enqueued, and the invocation is kept alive for it', async () => {
    const { queue, kept, failures } = kicked();
    const added = await queue.addJob('kicked', {});
    const before = kept.length; // the enqueue keeps it alive too, to ask for the last tick
    queue.kick();
    expect(kept).toHaveLength(before + 1);
    await Promise.all(kept);
    expect(failures).toEqual([]);
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ status: 'COMPLETED', result: 'done' });
  });

  test('a hundred kicks share drains, and none is forgotten', async () => {
    const { queue, kept } = kicked();
    await rows(setup.database, emptied('jobqueue.drains'));
    const added = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const job = await queue.addJob('kicked', {});
        queue.kick();
        return job;
      }),
    );
    await Promise.all(kept);
    for (const job of added) expect(await queue.getJob(job?.id ?? '')).toMatchObject({ status: 'COMPLETED' });
    const [ledger] = await rows<{ n: number }>(
      setup.database,
      "select count(*)::int as n from jobqueue.drains where source = 'kick'",
    );
    expect(ledger?.n).toBeLessThan(50);
  });

  test('without a platform to keep it alive it is refused', () => {
    const queue = createQueue({ database: setup.database, jobs: [] });
    expect(() => queue.kick()).toThrow(/waitUntil/);
  });
});

test.each(Array.from({ length: 12 }, (_, n) => n))(
  'a kick %i microtasks after another is not forgotten',
  async (ticks) => {
    let drains = 0;
    const kept: Promise<unknown>[] = [];
    const kick = kicker(async () => void drains++, {
      waitUntil: (promise) => kept.push(promise),
      failed: () => undefined,
    });
    kick();
    for (let n = 0; n < ticks; n++) await Promise.resolve();
    const before = drains;
    kick();
    await Promise.all(kept);
    expect(drains).toBe(before + 1);
  },
);

test('what the platform cannot say is told, and the next kick drains', async () => {
  let drains = 0;
  const failures: unknown[] = [];
  const kept: Promise<unknown>[] = [];
  const kick = kicker(async () => void drains++, {
    waitUntil: (promise) => kept.push(promise),
    deadline: () => {
      if (failures.length === 0) throw new Error('no deadline');
      return undefined;
    },
    failed: (error) => failures.push(error),
  });
  kick();
  await Promise.all(kept);
  expect([drains, failures]).toEqual([0, [new Error('no deadline')]]);
  kick();
  await Promise.all(kept);
  expect(drains).toBe(1);
});
