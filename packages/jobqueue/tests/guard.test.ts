/** Guards: a type that fails too often pauses itself, once, says so, and only a person lets it run again. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { type Webhook, webhook } from '../../../tests/support/webhook.ts';
import { createQueue, defineJob } from '../src/index.ts';
import { rows } from './support.ts';
import { aMinuteLater, calm, rollup, watchedQueue } from './watched.ts';

const ANN = { actor: 'ann' };

const guard = { failureRatio: 0.5, minAttempts: 20 };

describeOnOneDriver('a guard', (setup) => {
  let hook: Webhook;
  beforeEach(async () => {
    await calm(setup.database);
    hook = await webhook();
  });
  afterEach(() => hook.close());

  const guarded = () => watchedQueue(setup.database, { guard, alerts: { webhookUrl: hook.url } });
  const look = async (queue = guarded().queue) => {
    await aMinuteLater(setup.database);
    return queue.drain({ source: 'cron', budgetMs: 20_000 });
  };
  const pauses = () => rows(setup.database, 'select queue, type, reason from jobqueue.pauses order by type');
  const audited = () =>
    rows(setup.database, "select actor, action, details from jobqueue.audit_log where actor = 'guard'");

  test('pauses the type when more than its share fails, within the same exchange, alerts once and says so in the audit log', async () => {
    await rollup(setup.database, '3 minutes', { completed: 8, failed: 6 });
    await rollup(setup.database, '1 minute', { dead: 6 }); // of another drain
    await rollup(setup.database, '1 minute', { type: 'calm', failed: 100 }); // has no guard
    const { queue, lines } = guarded();
    await queue.addJob('work', {});
    expect(await look(queue)).toMatchObject({ claimed: 0 });
    expect(await pauses()).toEqual([
      { queue: '*', type: 'work', reason: 'guard: 12 of the last 20 attempts failed, more than 50 %' },
    ]);
    expect(await audited()).toEqual([
      {
        actor: 'guard',
        action: 'pause',
        details: { type: 'work', reason: expect.any(String), failed: 12, ended: 20, failureRatio: 0.5 },
      },
    ]);
    expect(hook.taken).toEqual([
      {
        text: expect.stringMatching(
          /\*guard\* work: work was paused: 12 of its last 20 attempts failed, 60 % \(limit 50 %\).*resume work/,
        ),
      },
    ]);
    expect(lines).toMatchObject([
      { level: 'warn', event: 'incident_opened', fields: { check: 'guard', subject: 'work' } },
    ]);

    for (let looks = 0; looks < 3; looks++) expect(await look(queue)).toMatchObject({ claimed: 0 });
    expect(await pauses()).toHaveLength(1);
    expect(await audited()).toHaveLength(1);
    expect(hook.taken).toHaveLength(1);
  });

  test.for([
    ['half of them and no more', [{ completed: 10, failed: 10 }]],
    ['too few to judge', [{ failed: 19 }]],
    ['those of more than ten minutes ago', [{ failed: 10 }], [{ failed: 1_000 }]],
  ] as const)('leaves a type alone of which failed %s', async ([, recent, old = []]) => {
    for (const minute of recent) await rollup(setup.database, '1 minute', minute);
    for (const minute of old) await rollup(setup.database, '11 minutes', minute);
    await look();
    expect(await pauses()).toEqual([]);
    expect(hook.posted).toEqual([]);
  });

  test('judges by what drains have counted', async () => {
    const failing = defineJob({
      type: 'work',
      payload: z.object({}),
      maxAttempts: 1,
      handler: async () => ({ run: () => Promise.reject(new Error('no use')) }),
    });
    const quiet = { log: () => undefined, logJobs: 'none' } as const;
    const queue = createQueue({ database: setup.database, jobs: [failing], guard, ...quiet });
    await queue.addJobs(Array.from({ length: 20 }, () => ({ type: 'work' as const, payload: {} })));
    expect(await queue.drain({ source: 'cron', budgetMs: 20_000 })).toMatchObject({ deadLettered: 20 });
    await queue.addJob('work', {});
    await aMinuteLater(setup.database);
    expect(await queue.drain({ source: 'cron', budgetMs: 20_000 })).toMatchObject({ claimed: 0 });
    expect(await pauses()).toMatchObject([
      { type: 'work', reason: expect.stringMatching(/^guard: 20 of the last 20/) },
    ]);
  });

  test('with four drains at once pauses once and alerts once', async () => {
    await rollup(setup.database, '1 minute', { failed: 40 });
    const queues = Array.from({ length: 4 }, () =>
      watchedQueue(setup.connect(), { guard, alerts: { webhookUrl: hook.url } }),
    );
    await aMinuteLater(setup.database);
    await Promise.all(queues.map(({ queue }) => queue.drain({ source: 'cron', budgetMs: 20_000 })));
    expect(await audited()).toHaveLength(1);
    expect(hook.posted).toHaveLength(1);
  });

  test('stays down until an operator resumes the type, and then does not fire again for what is past', async () => {
    const { queue } = guarded();
    await rollup(setup.database, '1 minute', { failed: 40 });
    await look(queue);
    await queue.resume({ type: 'work' }, ANN);
    await queue.addJob('work', {});
    expect(await look(queue)).toMatchObject({ completed: 1 });
    expect(hook.taken[1]?.text).toContain('*guard* work is well again');
    await look(queue);
    expect(await pauses()).toEqual([]);
    expect(await rows(setup.database, 'select closed_at is not null as closed from jobqueue.incidents')).toEqual([
      { closed: true },
    ]);

    // The resume was a minute and a half ago: what failed since is counted, with nothing of before.
    await rows(setup.database, "update jobqueue.rollups set minute = minute - interval '2 minutes'");
    await rows(
      setup.database,
      "update jobqueue.incidents set closed_at = date_trunc('minute', now()) - interval '90 seconds'",
    );
    await rollup(setup.database, '1 minute', { failed: 19 });
    await look(queue);
    expect(await pauses()).toEqual([]);
    await rollup(setup.database, '0 minutes', { failed: 1 });
    await look(queue);
    expect(await pauses()).toMatchObject([{ type: 'work', reason: expect.stringContaining('20 of the last 20') }]);
    expect(hook.taken).toHaveLength(3);
    expect(await audited()).toHaveLength(2);
  });

  test('leaves the pause of an operator as it is', async () => {
    const { queue } = guarded();
    await queue.pause({ type: 'work' }, { ...ANN, reason: 'the provider is down' });
    await rollup(setup.database, '1 minute', { failed: 40 });
    await look(queue);
    expect(await pauses()).toMatchObject([{ reason: 'the provider is down' }]);
    expect(await audited()).toEqual([]);
    expect(hook.posted).toEqual([]);
  });

  test('of the queue holds for each type that has none of its own, and a type may refuse it', async () => {
    const payload = z.object({});
    const handler = async () => ({ run: async () => null });
    const queue = createQueue({
      database: setup.database,
      guard,
      jobs: [
        defineJob({ type: 'work', payload, handler }),
        defineJob({ type: 'calm', payload, handler, guard: false }),
        defineJob({ type: 'strict', payload, handler, guard: { failureRatio: 0, minAttempts: 1 } }),
      ],
      log: () => undefined,
    });
    await rollup(setup.database, '1 minute', { type: 'work', failed: 40 });
    await rollup(setup.database, '1 minute', { type: 'calm', failed: 40 });
    await rollup(setup.database, '1 minute', { type: 'strict', completed: 999, dead: 1 });
    await aMinuteLater(setup.database);
    await queue.drain({ source: 'cron', budgetMs: 20_000 });
    expect(await pauses()).toMatchObject([{ type: 'strict' }, { type: 'work' }]);
  });
});

test.for([
  [{ failureRatio: 1, minAttempts: 20 }, /guard[.]failureRatio: expected a number from 0 to below 1, got 1$/],
  [{ failureRatio: -0.1, minAttempts: 20 }, /guard[.]failureRatio/],
  [{ failureRatio: Number.NaN, minAttempts: 20 }, /guard[.]failureRatio/],
  [{ failureRatio: 0.5, minAttempts: 0 }, /guard[.]minAttempts: expected an integer/],
  [{ failureRatio: 0.5, minAttempts: 2.5 }, /guard[.]minAttempts: expected an integer/],
] as const)('a guard of %o is refused, of a type and of a queue', ([wrong, message]) => {
  expect(() => defineJob({ type: 'work', payload: z.object({}), guard: wrong })).toThrow(message);
  const database = () => {
    throw new Error('not opened');
  };
  expect(() => createQueue({ database, jobs: [], guard: wrong })).toThrow(message);
});
