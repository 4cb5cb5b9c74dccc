/** Schedules of the code and in Postgres: deployments, rollbacks, two deployments at once, schedules that go and come back. */
import { beforeEach, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import type { Database } from '../src/postgres/connect.ts';
import { emptySchedules, missOneSlot, report, scheduledQueue, silence, slotRows, watched } from './scheduled.ts';
import { rows } from './support.ts';

const BY = { actor: 'op@example.com' };

describeOnOneDriver('deploys of schedules', (setup) => {
  let database: Database;
  beforeEach(async () => {
    database = setup.database;
    await emptySchedules(database);
  });

  const deploy = (...schedules: ReturnType<typeof report>[]) => scheduledQueue(database, schedules).queue;
  const crons = async () => Object.fromEntries((await deploy().schedules()).map(({ name, cron }) => [name, cron]));
  /** As if no drain had come with the set in force for so long. */
  const unseen = (interval: string) =>
    rows(database, 'update jobqueue.schedule_sets set seen_at = now() - $1::interval', interval);

  test('the first drain of a deployment writes what it declares, its next ones send only a hash', async () => {
    const sent: string[] = [];
    const { queue } = scheduledQueue(
      watched(database, (text) => sent.push(text)),
      [report(), report({ name: 'nightly', cron: '30 2 * * *' })],
    );
    await queue.drain();
    await queue.drain();
    expect(sent.filter((text) => text.includes('jobqueue.sync_schedules_2($1'))).toHaveLength(1);
    expect(await queue.schedules()).toMatchObject([
      {
        name: 'nightly',
        type: 'report',
        cron: '30 2 * * *',
        timeZone: 'Europe/Berlin',
        declared: true,
        nextSlot: expect.any(Date),
      },
      { name: 'reports', override: null, paused: null, lastSlot: null, lastJobId: null },
    ]);
  });

  test('eight drains of a new deployment at once write it once', async () => {
    const drains = Array.from({ length: 8 }, () =>
      scheduledQueue(setup.connect(), [report(), report({ name: 'two' })]).queue.drain(),
    );
    await Promise.all(drains);
    expect(await rows(database, 'select 1 from jobqueue.schedule_sets')).toHaveLength(1);
    expect(Object.keys(await crons())).toEqual(['reports', 'two']);
  });

  test('while an old deployment still drains beside a new one, the new one stands, tick after tick', async () => {
    const old = deploy(report({ cron: '0 1 * * *' }));
    const next = deploy(report({ cron: '0 2 * * *' }));
    await old.drain();
    await next.drain();
    for (let tick = 0; tick < 3; tick++) {
      await old.drain();
      expect(await crons()).toEqual({ reports: '0 2 * * *' });
      await next.drain();
    }
    expect(await rows(database, 'select 1 from jobqueue.schedules where revision > 3')).toEqual([]);
  });

  test('the old one fires what is due, as the new one has declared it', async () => {
    const old = scheduledQueue(database, [report({ payload: { company: 'old' } })]);
    await old.queue.drain();
    await deploy(report({ payload: { company: 'new' } })).drain();
    await missOneSlot(database);
    await old.queue.drain();
    expect(await old.queue.getJob(old.seen[0]?.id ?? '')).toMatchObject({ payload: { company: 'new' } });
  });

  test('a rollback takes over once the newer deployment has not been seen for ten minutes', async () => {
    const old = deploy(report({ cron: '0 1 * * *' }));
    const next = deploy(report({ cron: '0 2 * * *' }));
    await old.drain();
    await next.drain();
    await unseen('9 minutes');
    await old.drain();
    expect(await crons()).toEqual({ reports: '0 2 * * *' });
    await unseen('11 minutes');
    await old.drain();
    expect(await crons()).toEqual({ reports: '0 1 * * *' });
    await next.drain(); // now it is the one that has no say
    expect(await crons()).toEqual({ reports: '0 1 * * *' });
  });

  test('each drain of the deployment in force shows that it is there, once a minute', async () => {
    const old = deploy(report({ cron: '0 1 * * *' }));
    const next = deploy(report({ cron: '0 2 * * *' }));
    await old.drain();
    await next.drain();
    await unseen('9 minutes');
    await next.drain();
    const [{ fresh } = { fresh: 0 }] = await rows<{ fresh: number }>(
      database,
      "select count(*)::int as fresh from jobqueue.schedule_sets where seen_at > now() - interval '1 minute'",
    );
    expect(fresh).toBe(1);
  });

  test('a schedule that code drops stops and is kept; it comes back with its pause and override, from its next slot on', async () => {
    await deploy(report(), report({ name: 'other' })).drain();
    await deploy().overrideSchedule('reports', { cron: '*/5 * * * *' }, BY);
    await deploy().pauseSchedule('reports', BY);
    await deploy(report({ name: 'other' })).drain();
    await silence(database, '3 hours', 'reports');
    const gone = scheduledQueue(database, [report({ name: 'other' })]);
    await gone.queue.drain();
    expect(gone.seen).toEqual([]);
    expect(await gone.queue.schedules()).toMatchObject([
      { name: 'other', declared: true },
      { name: 'reports', declared: false, override: { cron: '*/5 * * * *' }, paused: { since: expect.any(Date) } },
    ]);

    const back = deploy(report({ misfire: { all: 100 } }));
    await back.drain();
    expect((await back.schedules())[0]).toMatchObject({
      name: 'reports',
      declared: true,
      cron: '*/5 * * * *',
      paused: {},
    });
    await back.resumeSchedule('reports', BY);
    await back.drain();
    expect(await slotRows(database)).toEqual([]); // what it missed while it did not exist are no slots
  });

  test('an empty list stops all; a queue without one leaves schedules alone', async () => {
    await deploy(report()).drain();
    const without = scheduledQueue(database, []).queue;
    await without.drain();
    expect(await without.schedules()).toMatchObject([{ declared: false }]);
  });

  test('a changed line counts from the deploy on, and a slot that the former one still has to fire is fired', async () => {
    await deploy(report()).drain();
    await missOneSlot(database); // the tick that would have fired it did not come
    const changed = scheduledQueue(database, [report({ cron: '0 0 1 1 *', misfire: { all: 9 } })]);
    await changed.queue.drain();
    expect(changed.seen).toHaveLength(1);
    expect((changed.seen[0]?.schedule?.slot.getTime() ?? 1) % 3_600_000).toBe(0);
    const [listed] = await changed.queue.schedules();
    expect(listed?.nextSlot?.toISOString()).toMatch(/-12-31T23:00:00.000Z$/);
  });

  test('of a schedule that code drops, a slot that no tick had found yet does not fire', async () => {
    await deploy(report()).drain();
    await missOneSlot(database);
    const dropped = scheduledQueue(database, []);
    await dropped.queue.drain();
    expect(dropped.seen).toEqual([]);
    expect(await slotRows(database)).toEqual([]);
  });

  test('the priority of a schedule is that of its jobs', async () => {
    const { queue, seen } = scheduledQueue(database, [report({ priority: 9 })]);
    await queue.drain();
    await missOneSlot(database);
    await queue.drain();
    expect(await queue.getJob(seen[0]?.id ?? '')).toMatchObject({ priority: 9 });
    expect(() => report({ priority: 11 })).toThrow('priority: expected an integer from 0 to 10');
  });

  test('a changed payload changes no slot', async () => {
    await deploy(report()).drain();
    const [before] = await deploy().schedules();
    const changed = scheduledQueue(database, [report({ payload: { company: 'new' } })]);
    await changed.queue.drain();
    expect((await changed.queue.schedules())[0]?.nextSlot).toEqual(before?.nextSlot);
    expect(await slotRows(database)).toEqual([]);
  });

  test('the answer to the definitions is lost: sent again, they are there once, and their slots are known', async () => {
    const lost = setup.faults.loseAnswer('jobqueue.sync_schedules_2($1');
    const { queue, logged } = scheduledQueue(database, [report()]);
    await queue.drain({ budgetMs: 20_000 });
    await lost;
    expect(await queue.schedules()).toMatchObject([{ name: 'reports', nextSlot: expect.any(Date) }]);
    expect(logged.filter(({ event }) => event === 'chore_failed')).toEqual([]);
  });
});
