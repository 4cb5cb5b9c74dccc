/** The wake hint: ticks that let the database alone, and everything that must wake them. */
import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { emptied } from '../../../tests/support/empty.ts';
import { WakeHint } from '../src/drain/sleep-hint.ts';
import {
  createQueue,
  defineJob,
  defineSchedule,
  type HintCache,
  type QueueOptions,
  type SleepOptions,
} from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { counting, emptyTables, rows } from './support.ts';

/** A cache shared by all functions of a deployment. */
function sharedCache(): HintCache & { readonly entries: Map<string, unknown> } {
  const entries = new Map<string, unknown>();
  return {
    entries,
    get: async (key) => structuredClone(entries.get(key)),
    set: async (key, value) => entries.set(key, structuredClone(value)),
  };
}

const HOUR_MS = 3_600_000;
const by = { actor: 'tester', reason: 'a test' };

/** One function instance: a queue of its own on the shared database and cache. */
function instance(
  database: Database,
  cache: HintCache,
  { atMost = HOUR_MS, ...options }: Partial<Pick<SleepOptions, 'atMost'>> & Pick<QueueOptions<[]>, 'log' | 'kick'> = {},
) {
  const kept: Promise<unknown>[] = [];
  const counted = counting(database);
  const run = { hold: null as Promise<void> | null, fails: false };
  const queue = createQueue({
    database: counted.database,
    jobs: [
      defineJob({
        type: 'work',
        payload: z.object({}),
        handler: async () => ({
          run: async () => {
            await run.hold;
            if (run.fails) throw new Error('not today');
            return 'done';
          },
        }),
      }),
      defineJob({ type: 'nobody', payload: z.object({}) }),
    ],
    logJobs: 'none',
    log: () => undefined,
    ...options,
    sleep: { cache, atMost, waitUntil: (promise) => kept.push(promise) },
  });
  return {
    queue,
    run,
    statements: counted.statements,
    tick: () => queue.drain({ source: 'cron', maySleep: true, budgetMs: 20_000 }),
    /** All that the platform would keep an invocation alive for. */
    settled: () => Promise.all(kept),
  };
}

describeOnOneDriver('the wake hint', (setup) => {
  beforeEach(async () => {
    await emptyTables(setup.database);
    await rows(setup.database, emptied('jobqueue.incidents', 'jobqueue.schedules'));
    // The next look is far away: these databases have not ticked for minutes, which the first one would find red.
    await rows(setup.database, "update jobqueue.watch set reds = '{}', looked_at = now() + interval '1 hour'");
  });

  const skipping = async (cache = sharedCache()) => {
    const first = instance(setup.database, cache);
    expect(await first.tick()).toMatchObject({ stopReason: 'empty' });
    expect(await first.tick()).toMatchObject({ stopReason: 'skipped' });
    return { ...first, cache };
  };

  test('after a tick that found nothing, ticks of any instance send no statement', async () => {
    const { cache } = await skipping();
    const other = instance(setup.database, cache);
    const report = await other.tick();
    expect(report).toMatchObject({ stopReason: 'skipped', source: 'cron', claimed: 0, steps: 0 });
    expect(report.nextDueInMs).toBeGreaterThan(HOUR_MS - 60_000);
    expect(report.nextDueInMs).toBeLessThanOrEqual(HOUR_MS);
    expect(other.statements).toEqual([]);
    const [ledger] = await rows<{ n: number }>(setup.database, 'select count(*)::int as n from jobqueue.drains');
    expect(ledger?.n).toBe(1);
  });

  test('storing the hint costs one statement', async () => {
    const { tick, statements } = instance(setup.database, sharedCache());
    await tick();
    expect(statements).toHaveLength(2);
    expect(statements[1]).toContain('rest_1');
  });

  test('only ticks that say so sleep', async () => {
    const { queue } = await skipping();
    expect(await queue.drain({ source: 'operator', budgetMs: 5_000 })).toMatchObject({ stopReason: 'empty' });
  });

  test.each([
    ['addJob', 1, async ({ queue }: ReturnType<typeof instance>) => queue.addJob('work', {})],
    ['addJobs', 1, async ({ queue }: ReturnType<typeof instance>) => queue.addJobs([{ type: 'work', payload: {} }])],
    [
      'addFlow',
      2,
      async ({ queue }: ReturnType<typeof instance>) =>
        queue.addFlow({ type: 'work', payload: {}, children: [{ type: 'work', payload: {} }] }),
    ],
  ] as const)('%s of another instance wakes them', async (_, jobs, enqueue) => {
    const { cache, tick } = await skipping();
    const other = instance(setup.database, cache);
    await enqueue(other);
    await other.settled();
    expect(await tick()).toMatchObject({ stopReason: 'empty', completed: jobs });
    expect(await tick()).toMatchObject({ stopReason: 'skipped' });
  });

  test('an enqueue whose answer was lost wakes them', async () => {
    const { cache, tick } = await skipping();
    const other = instance(
      {
        ...setup.database,
        execute: async (statement, options) => {
          await setup.database.execute(statement, options);
          throw new Error('the answer was lost');
        },
      },
      cache,
    );
    await expect(other.queue.addJob('work', {})).rejects.toThrow('the answer was lost');
    await other.settled();
    expect(await tick()).toMatchObject({ completed: 1 });
  });

  test('an enqueue that commits while a tick falls asleep is not slept over', async () => {
    const cache = sharedCache();
    const other = instance(setup.database, cache);
    // The tick has looked, and its hint is on the way: the enqueue and its mark come in between.
    const slow: HintCache = {
      get: cache.get,
      set: async (key, value, options) => {
        if (key === 'hint') {
          await other.queue.addJob('work', {});
          await other.settled();
        }
        return cache.set(key, value, options);
      },
    };
    const { tick } = instance(setup.database, slow);
    expect(await tick()).toMatchObject({ stopReason: 'empty', claimed: 0 });
    expect(cache.entries.get('hint')).toBeDefined();
    expect(await tick()).toMatchObject({ completed: 1 });
  });

  test('many enqueues at a time write the mark twice, and the last one is behind them all', async () => {
    const cache = sharedCache();
    let writes = 0;
    const { queue, settled } = instance(setup.database, {
      get: cache.get,
      set: async (...args) => {
        writes++;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return cache.set(...args);
      },
    });
    await queue.addJob('work', {});
    await Promise.all(Array.from({ length: 20 }, () => queue.addJob('work', {})));
    await settled();
    expect(writes).toBeGreaterThanOrEqual(2);
    expect(writes).toBeLessThan(10);
  });

  test('they wake for a job that is scheduled', async () => {
    const cache = sharedCache();
    const { queue, tick, settled } = instance(setup.database, cache);
    await queue.addJob('work', {}, { delayMs: 60_000 });
    await settled();
    await tick();
    const { nextDueInMs, stopReason } = await tick();
    expect(stopReason).toBe('skipped');
    expect(nextDueInMs).toBeGreaterThan(30_000);
    expect(nextDueInMs).toBeLessThanOrEqual(60_000);
    // Ten seconds before, as a tick lingers for it.
    cache.entries.set('hint', { ...(cache.entries.get('hint') as object), untilMs: Date.now() + 9_900 });
    expect(await tick()).toMatchObject({ stopReason: 'empty' });
  });

  test('they wake for the retry of a job', async () => {
    const { queue, tick, settled, run } = instance(setup.database, sharedCache());
    await queue.addJob('work', {}, { maxAttempts: 5 });
    await settled();
    run.fails = true;
    await rows(setup.database, 'update jobqueue.jobs set attempt = 3'); // so that the backoff is longer than a tick lingers
    expect(await tick()).toMatchObject({ retried: 1, stopReason: 'empty' });
    const { stopReason, nextDueInMs } = await tick();
    expect(stopReason).toBe('skipped');
    expect(nextDueInMs).toBeLessThanOrEqual(17_600);
  });

  test('they wake for the slot of a schedule', async () => {
    const cache = sharedCache();
    const queue = createQueue({
      database: setup.database,
      jobs: [defineJob({ type: 'work', payload: z.object({}), handler: async () => ({ run: async () => 1 }) })],
      schedules: [defineSchedule({ name: 'minutely', cron: '* * * * *', timeZone: 'UTC', type: 'work', payload: {} })],
      sleep: { cache, atMost: HOUR_MS, waitUntil: () => undefined },
      log: () => undefined,
    });
    const tick = () => queue.drain({ source: 'cron', maySleep: true, budgetMs: 20_000 });
    await tick();
    await rows(
      setup.database,
      "update jobqueue.schedules set next_slot_at = now() + interval '5 minutes', fired_until = now() + interval '4 minutes'",
    );
    cache.entries.delete('hint');
    await tick();
    const { nextDueInMs } = await tick();
    expect(nextDueInMs).toBeGreaterThan(4 * 60_000);
    expect(nextDueInMs).toBeLessThanOrEqual(5 * 60_000);
    await queue.pauseSchedule('minutely', by);
    cache.entries.delete('hint');
    await tick();
    expect((await tick()).nextDueInMs).toBeGreaterThan(50 * 60_000);
  });

  test('they stay awake while another drain holds a job, which may die with it', async () => {
    const cache = sharedCache();
    const busy = instance(setup.database, cache);
    let release: () => void = () => undefined;
    busy.run.hold = new Promise((resolve) => {
      release = resolve;
    });
    await busy.queue.addJob('work', {});
    const draining = busy.queue.drain({ budgetMs: 20_000 });
    await expect.poll(() => rows(setup.database, 'select from jobqueue.leases')).toHaveLength(1);
    const { tick } = instance(setup.database, cache);
    expect(await tick()).toMatchObject({ stopReason: 'empty', claimed: 0 });
    expect(await tick()).toMatchObject({ stopReason: 'empty' });
    release();
    expect(await draining).toMatchObject({ completed: 1 });
    await tick();
    expect(await tick()).toMatchObject({ stopReason: 'skipped' });
  });

  test('jobs that nobody handles, and those of paused lanes, keep nobody awake; resuming does', async () => {
    const { queue, tick, settled } = instance(setup.database, sharedCache());
    await queue.addJob('nobody', {});
    await queue.addJob('work', {});
    await queue.pause({ type: 'work' }, by);
    await settled();
    await tick();
    expect(await tick()).toMatchObject({ stopReason: 'skipped' });
    await queue.resume({ type: 'work' }, by);
    await settled();
    expect(await tick()).toMatchObject({ completed: 1 });
  });

  test('what operators do wakes them', async () => {
    const { queue, tick, settled, run } = instance(setup.database, sharedCache());
    const wakes = async (verb: () => Promise<unknown>, report: object) => {
      await settled();
      await tick();
      expect(await tick()).toMatchObject({ stopReason: 'skipped' });
      await verb();
      await settled();
      expect(await tick()).toMatchObject(report);
    };
    const later = await queue.addJob('work', {}, { delayMs: HOUR_MS / 2, maxAttempts: 1 });
    const filter = { ids: [later?.id ?? ''] };
    run.fails = true;
    await wakes(() => queue.reschedule(filter, { ...by, to: { delayMs: 0 } }), { deadLettered: 1 });
    await rows(setup.database, emptied('jobqueue.incidents'));
    run.fails = false;
    await wakes(() => queue.replay(filter, by), { completed: 1 });
    const flow = await queue.addFlow({
      type: 'work',
      payload: {},
      whenChildFails: 'run',
      children: [{ type: 'work', payload: {}, options: { delayMs: HOUR_MS / 2 } }],
    });
    const child = flow?.children[0]?.id ?? '';
    await wakes(() => queue.cancel({ ids: [child] }, by), { completed: 1 });
  });

  test('a throttled replay, a red check and an incident that nobody was told of keep them awake', async () => {
    const { tick, cache } = await skipping();
    const staysAwake = async (begin: string, end: string) => {
      await rows(setup.database, begin);
      cache.entries.delete('hint');
      await tick();
      expect(await tick(), begin).toMatchObject({ stopReason: 'empty' });
      await rows(setup.database, end);
      await tick();
      expect(await tick(), end).toMatchObject({ stopReason: 'skipped' });
    };
    await staysAwake(
      "insert into jobqueue.replays (filter, per_minute, actor, looked_at) values ('{}', 1, 'tester', now() + interval '1 hour')",
      'delete from jobqueue.replays',
    );
    await staysAwake(`update jobqueue.watch set reds = '{"ticks ": 1}'`, "update jobqueue.watch set reds = '{}'");
    await staysAwake(
      "insert into jobqueue.incidents (check_name, notified_at) values ('ticks', now())",
      'update jobqueue.incidents set closed_at = now(), recovery_notified_at = now()',
    );
  });

  test('with more lanes than a look can pass, nobody sleeps', async () => {
    await rows(
      setup.database,
      `insert into jobqueue.jobs (type, queue, payload, payload_bytes, due_at)
       select 'work', 'q' || n, '{}', 2, now() + interval '2 hours' from generate_series(1, 100000) n`,
    );
    const { tick } = instance(setup.database, sharedCache());
    await tick();
    expect(await tick()).toMatchObject({ stopReason: 'empty' });
    await rows(setup.database, "delete from jobqueue.jobs where queue = 'q1'");
    // a look that a busy machine does not answer within two seconds leaves the database awake: a later tick's look counts
    await expect.poll(async () => (await tick()).stopReason, { timeout: 30_000 }).toBe('skipped');
  });

  test('what is enqueued past the queue starts after atMost', async () => {
    const cache = sharedCache();
    const { tick } = instance(setup.database, cache, { atMost: '1m' });
    await tick();
    await rows(setup.database, "select jobqueue.add_job('work', '{}')");
    expect((await tick()).nextDueInMs).toBeLessThanOrEqual(60_000);
    cache.entries.set('hint', { ...(cache.entries.get('hint') as object), untilMs: Date.now() - 1 });
    expect(await tick()).toMatchObject({ completed: 1 });
  });

  test('a hint counts for nothing without its mark, or from a clock that was set back', async () => {
    const { tick, cache } = await skipping();
    cache.entries.delete('mark'); // as the cache may drop it
    expect(await tick()).toMatchObject({ stopReason: 'empty' });
    expect(await tick()).toMatchObject({ stopReason: 'skipped' });
    cache.entries.set('hint', { ...(cache.entries.get('hint') as object), untilMs: Date.now() + 2 * HOUR_MS });
    expect(await tick()).toMatchObject({ stopReason: 'empty' });
    for (const broken of [null, 'text', {}, { mark: 1, untilMs: 'soon' }]) {
      cache.entries.set('hint', broken);
      expect(await tick()).toMatchObject({ stopReason: 'empty' });
    }
  });

  test('a cache that fails or does not answer costs nothing but the sleep', async () => {
    const logged: string[] = [];
    const log = (_: string, event: string) => logged.push(event);
    const failing: HintCache = {
      get: async () => Promise.reject(new Error('down')),
      set: async () => Promise.reject(new Error('down')),
    };
    const mute: HintCache = { get: () => new Promise(() => undefined), set: () => new Promise(() => undefined) };
    for (const cache of [failing, mute]) {
      const { queue, tick, settled } = instance(setup.database, cache, { log });
      expect(await queue.addJob('work', {})).not.toBeNull();
      expect(await tick()).toMatchObject({ completed: 1 });
      expect(await tick()).toMatchObject({ stopReason: 'empty' });
      await settled();
      expect(logged).toContain('wake_hint_failed');
      logged.length = 0;
    }
  });

  test('sleeping ticks are no missing ticks', async () => {
    const { queue } = await skipping();
    await rows(
      setup.database,
      "update jobqueue.drains set started_at = now() - interval '61 minutes', finished_at = now() - interval '61 minutes', last_step_at = now() - interval '61 minutes'",
    );
    const ticks = async () => (await queue.health()).checks.find(({ name }) => name === 'ticks');
    expect(await ticks()).toMatchObject({ ok: true });
    await rows(
      setup.database,
      "update jobqueue.drains set started_at = now() - interval '64 minutes', finished_at = now() - interval '64 minutes', last_step_at = now() - interval '64 minutes'",
    );
    expect(await ticks()).toMatchObject({ ok: false });
  });

  test.each([0, 59_999, '2d', 'soon', Number.NaN])('atMost: %s is refused', (atMost) => {
    expect(() => instance(setup.database, sharedCache(), { atMost: atMost as number })).toThrow(
      /sleep\.atMost: expected a duration from 1m to 1d/,
    );
  });
});

test.each(Array.from({ length: 16 }, (_, n) => n))(
  'a mark asked for %i microtasks after another is written',
  async (ticks) => {
    let writes = 0;
    const kept: Promise<unknown>[] = [];
    const cache = { get: async () => null, set: async () => void writes++ };
    const waitUntil = (promise: Promise<unknown>) => kept.push(promise);
    const hint = new WakeHint({ cache, atMost: '1h', waitUntil }, [], () => undefined);
    hint.invalidate();
    for (let n = 0; n < ticks; n++) await Promise.resolve();
    const before = writes;
    hint.invalidate();
    await Promise.all(kept);
    expect(writes).toBe(before + 1);
  },
);
