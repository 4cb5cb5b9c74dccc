/** Whose database it is: a preview on production's database once ran production's jobs, and replaced its schedules. */
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { emptyDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { type Webhook, webhook } from '../../../tests/support/webhook.ts';
import { createQueue, defineJob, defineSchedule, type QueueOptions } from '../src/index.ts';
import { connect } from '../src/postgres/connect.ts';
import { migrate } from '../src/postgres/migrate.ts';
import { CLAIM, send } from './played-exchange.ts';
import { counting, emptyTables, rows, statuses } from './support.ts';

const ANN = { actor: 'ann' };

describeOnOneDriver('the database of an environment', (setup) => {
  beforeEach(async () => {
    await emptyTables(setup.database);
    await rows(setup.database, 'delete from jobqueue.environment');
  });

  /** A deployment of that environment, with a job that waits until it may end, and a schedule. */
  function deployment(environment: string | undefined, options: Partial<Omit<QueueOptions<[]>, 'around'>> = {}) {
    const started: string[] = [];
    const told: string[] = [];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const work = defineJob({
      type: 'work',
      payload: z.object({ waits: z.boolean().optional() }),
      handler: async () => ({
        run: async ({ payload, job }) => {
          started.push(job.id);
          if (payload.waits) await released;
        },
      }),
    });
    const queue = createQueue({
      ...options,
      database: setup.database,
      jobs: [work],
      schedules: [
        defineSchedule({ name: `of-${environment}`, type: 'work', payload: {}, cron: '0 4 * * *', timeZone: 'UTC' }),
      ],
      environment,
      log: (_, event, fields) => told.push(`${event}: ${fields.message ?? ''}`),
    });
    return { queue, started, told, release };
  }
  const owner = () => rows(setup.database, 'select name from jobqueue.environment');
  const schedules = () =>
    rows(setup.database, 'select name from jobqueue.schedules where removed_at is null order by name');

  test('a preview on the database of production enqueues, and does nothing else with it', async () => {
    const production = deployment('production');
    await production.queue.addJob('work', {});
    await production.queue.drain({ source: 'cron' });
    expect(await owner()).toEqual([{ name: 'production' }]);
    expect(await schedules()).toEqual([{ name: 'of-production' }]);

    const { database, statements } = counting(setup.database);
    const failed: unknown[] = [];
    const kicked: Promise<unknown>[] = [];
    const kick = {
      waitUntil: (kick: Promise<unknown>) => kicked.push(kick),
      failed: (error: unknown) => failed.push(error),
    };
    const preview = deployment('preview', { kick });
    const added = await preview.queue.addJob('work', {});
    const drains = await rows(setup.database, 'select id from jobqueue.drains');
    const report = await createQueue({
      database,
      jobs: preview.queue.jobs,
      environment: 'preview',
      log: () => undefined,
    }).drain({ source: 'cron' });
    expect(report).toMatchObject({ stopReason: 'other_environment', claimed: 0, steps: 1 });
    expect(statements).toHaveLength(1);
    expect(await preview.queue.drain({ source: 'cron' })).toMatchObject({
      stopReason: 'other_environment',
      claimed: 0,
    });
    expect(preview.told.find((line) => line.startsWith('other_environment'))).toMatch(
      /belongs to the environment 'production', and this is 'preview'.*JOBQUEUE_ENVIRONMENT.*npx jobqueue adopt preview/,
    );
    preview.queue.kick();
    await Promise.all(kicked);
    expect(failed).toEqual([]);
    expect(preview.started).toEqual([]);
    expect(await schedules()).toEqual([{ name: 'of-production' }]);
    expect(await rows(setup.database, 'select id from jobqueue.drains')).toEqual(drains); // no tick of this database
    await expect(preview.queue.prune()).rejects.toMatchObject({ code: 'other_environment' });
    expect(await preview.queue.overview()).toMatchObject({ environments: { own: 'preview', owner: 'production' } });

    await production.queue.drain({ source: 'cron' });
    expect(production.started).toContain(added?.id);
  });

  test('a preview alerts nobody of the missing ticks of-production, beside its enqueues neither', async () => {
    const hook: Webhook = await webhook();
    try {
      await deployment('production').queue.adopt('production', ANN);
      await rows(
        setup.database,
        "update jobqueue.watch set since = now() - interval '1 day', looked_at = now() - interval '1 day'",
      );
      const asked: Promise<unknown>[] = [];
      const kick = { waitUntil: (ask: Promise<unknown>) => asked.push(ask), failed: () => undefined };
      const preview = deployment('preview', { kick, alerts: { webhookUrl: hook.url } });
      await preview.queue.addJob('work', {});
      await preview.queue.drain({ source: 'cron' });
      await Promise.all(asked);
      expect(asked).toHaveLength(1);
      expect(await rows(setup.database, 'select 1 from jobqueue.incidents')).toEqual([]);
      expect(hook.posted).toEqual([]);
      expect(preview.told.filter((line) => line.startsWith('incident'))).toEqual([]);
    } finally {
      await hook.close();
    }
  });

  test('what no environment owns is drained by whoever comes, and taken by production alone', async () => {
    for (const environment of [undefined, 'preview', 'development']) {
      const { queue, started } = deployment(environment);
      await queue.addJob('work', {});
      expect(await queue.drain()).toMatchObject({ completed: 1, stopReason: 'empty' });
      expect(started).toHaveLength(1);
      expect(await owner()).toEqual([]);
    }
    expect(await deployment('production').queue.drain()).toMatchObject({ stopReason: 'empty', steps: 1 });
    for (const environment of [undefined, 'preview'])
      expect(await deployment(environment).queue.drain()).toMatchObject({ stopReason: 'other_environment' });
  });

  test('code of the release before, which names no environment, goes on', async () => {
    const { queue } = deployment('production');
    await queue.adopt('production', ANN);
    await queue.addJob('work', {});
    expect((await send(setup.database, { claim: CLAIM })).jobs).toHaveLength(1);
    const drain = { environment: 'preview', claim: randomUUID() };
    expect(await send(setup.database, { claim: CLAIM, drain })).toMatchObject({
      jobs: [],
      otherEnvironment: 'production',
    });
  });

  test('it is moved on purpose, with a line in the audit log; a drain at work settles what it ran and starts nothing more', async () => {
    const production = deployment('production');
    await production.queue.adopt('production', ANN);
    const [first] = await production.queue.addJobs([{ type: 'work', payload: { waits: true } }]);
    const draining = production.queue.drain({ budgetMs: 20_000, concurrency: 1 });
    await expect.poll(() => production.started).toEqual([first?.id]);
    await production.queue.addJob('work', {});
    expect(await production.queue.adopt('preview', { actor: 'bob' })).toEqual({ before: 'production' });
    production.release();
    expect(await draining).toMatchObject({ completed: 1, stopReason: 'other_environment' });
    expect(await statuses(setup.database)).toEqual({ COMPLETED: 1, PENDING: 1 });
    const ledger = await rows(
      setup.database,
      'select stop_reason, finished_at is not null as over from jobqueue.drains',
    );
    expect(ledger).toEqual([{ stop_reason: 'other_environment', over: true }]);
    const preview = deployment('preview');
    expect(await preview.queue.drain()).toMatchObject({ completed: 1 });
    expect(await preview.queue.adopt(null, ANN)).toEqual({ before: 'preview' });
    expect(await owner()).toEqual([]);
    expect(await preview.queue.auditLog({ limit: 2 })).toMatchObject([
      { actor: 'ann', action: 'environment.adopt', details: { environment: null, before: 'preview' } },
      { actor: 'bob', action: 'environment.adopt', details: { environment: 'preview', before: 'production' } },
    ]);
    await expect(preview.queue.adopt('no such name!', ANN)).rejects.toMatchObject({ code: 'option_invalid' });
  });
});

describe('migrate', () => {
  const migrated = async (environments: readonly (string | undefined)[]) => {
    const home: TestDatabase = await emptyDatabase();
    try {
      for (const environment of environments) await migrate({ url: home.url, environment });
      const database = connect(home.url);
      const found = await rows<{ name: string }>(database, 'select name from jobqueue.environment');
      await database.close();
      return found.map(({ name }) => name);
    } finally {
      await home.drop();
    }
  };

  test.each([
    { of: ['preview', 'production'], belongsTo: ['preview'] },
    { of: [undefined, 'preview'], belongsTo: [] },
    { of: [undefined, 'production', 'preview'], belongsTo: ['production'] },
  ])(
    'by $of in turn: the first names a new database, and only production takes one that belongs to none',
    async ({ of, belongsTo }) => {
      expect(await migrated(of)).toEqual(belongsTo);
    },
  );
});
