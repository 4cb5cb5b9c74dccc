/** Operators' actions on schedules in an incident, and their audit log. */
import { beforeEach, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import type { Misfire } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { type DueSchedule, fire } from '../src/postgres/statements/schedules.ts';
import { decide } from '../src/schedules/misfire.ts';
import { emptySchedules, missOneSlot, report, scheduledQueue, silence, slotRows } from './scheduled.ts';
import { rows } from './support.ts';

const BY = { actor: 'op@example.com', reason: 'incident 7' };

describeOnOneDriver('operators and schedules', (setup) => {
  let database: Database;
  beforeEach(async () => {
    database = setup.database;
    await emptySchedules(database);
  });

  const audited = () =>
    rows<{ actor: string; action: string; details: object }>(
      database,
      'select actor, action, details from jobqueue.audit_log order by id',
    );

  async function declared(...schedules: ReturnType<typeof report>[]) {
    const queue = scheduledQueue(database, schedules);
    await queue.queue.drain();
    return queue;
  }

  test('a paused schedule fires nothing, through every deploy; who, when and why stay known', async () => {
    const { queue, seen } = await declared(report());
    await queue.pauseSchedule('reports', BY);
    await queue.pauseSchedule('reports', { actor: 'second@example.com' });
    await silence(database, '5 hours');
    await queue.drain();
    const deployed = await declared(report({ payload: { company: 'new' } }));
    expect([...seen, ...deployed.seen]).toEqual([]);
    expect(await queue.schedules()).toMatchObject([{ paused: { since: expect.any(Date), reason: null } }]);
    expect(await audited()).toEqual([
      { actor: 'op@example.com', action: 'schedule_paused', details: { schedule: 'reports', reason: 'incident 7' } },
      { actor: 'second@example.com', action: 'schedule_paused', details: { schedule: 'reports', reason: null } },
    ]);
  });

  test.each([
    ['skip', 0],
    ['latest', 1],
    [{ all: 3 }, 3],
  ] as [Misfire, number][])(
    'resumed, the slots of the pause are missed: misfire %j fires %i',
    async (misfire, jobs) => {
      const { queue } = await declared(report({ misfire }));
      await queue.pauseSchedule('reports', BY);
      await silence(database, '5 hours');
      await queue.drain();
      await queue.resumeSchedule('reports', BY);
      expect(await queue.drain()).toMatchObject({ completed: jobs });
      expect(await slotRows(database)).toHaveLength(jobs);
      expect(await queue.schedules()).toMatchObject([{ paused: null, nextSlot: expect.any(Date) }]);
      expect((await audited()).map(({ action }) => action)).toEqual(['schedule_paused', 'schedule_resumed']);
    },
  );

  test('an override counts from now on, survives deploys, and can be taken back', async () => {
    const { queue } = await declared(report());
    await queue.overrideSchedule('reports', { cron: '0 0 1 1 *', timeZone: 'Asia/Dubai' }, BY);
    expect(await queue.schedules()).toMatchObject([
      { cron: '0 0 1 1 *', override: { cron: '0 0 1 1 *', timeZone: 'Asia/Dubai' }, nextSlot: null },
    ]);
    await queue.drain();
    const deployed = await declared(report({ cron: '15 * * * *', overlap: 'skip' }));
    const [overridden] = await deployed.queue.schedules();
    expect(overridden).toMatchObject({ cron: '0 0 1 1 *', timeZone: 'Asia/Dubai' });
    expect(overridden?.nextSlot?.toISOString()).toMatch(/-12-31T20:00:00.000Z$/);

    await deployed.queue.overrideSchedule('reports', { timeZone: 'UTC' }, BY); // each replaces the one before as a whole
    expect(await queue.schedules()).toMatchObject([{ cron: '15 * * * *', override: { timeZone: 'UTC' } }]);
    await deployed.queue.overrideSchedule('reports', null, BY);
    await deployed.queue.drain();
    const [back] = await deployed.queue.schedules();
    expect(back).toMatchObject({ cron: '15 * * * *', timeZone: 'Europe/Berlin', override: null });
    expect(back?.nextSlot?.toISOString()).toMatch(/:15:00.000Z$/);
    expect((await audited()).at(0)).toEqual({
      actor: 'op@example.com',
      action: 'schedule_overridden',
      details: { schedule: 'reports', reason: 'incident 7', cron: '0 0 1 1 *', timeZone: 'Asia/Dubai' },
    });
  });

  test('an override brings no slots of its own from before, and loses none of the former line', async () => {
    const { queue, seen } = await declared(report({ misfire: { all: 9 } }));
    await missOneSlot(database);
    await queue.overrideSchedule('reports', { cron: '*/2 * * * *' }, BY);
    await queue.drain();
    const before = seen.filter(({ schedule }) => (schedule?.slot.getTime() ?? 0) % 3_600_000 === 0);
    expect(before).toHaveLength(1);
    expect(seen.length).toBeLessThan(3); // one more if the clock has just come to an even minute
  });

  test('run now: one job outside the slots, paused or not, that counts for no overlap', async () => {
    const { queue, seen } = await declared(report({ overlap: 'skip' }));
    await queue.pauseSchedule('reports', BY);
    const { id } = await queue.runSchedule('reports', BY);
    await queue.drain();
    expect(seen).toMatchObject([{ id, schedule: { name: 'reports', slot: expect.any(Date) } }]);
    expect(Math.abs((seen[0]?.schedule?.slot.getTime() ?? 0) - (seen[0]?.createdAt.getTime() ?? 0))).toBeLessThan(
      1_000,
    );
    expect(await slotRows(database)).toEqual([]);
    expect((await audited()).at(-1)).toEqual({
      actor: 'op@example.com',
      action: 'schedule_run',
      details: { schedule: 'reports', reason: 'incident 7', jobId: id },
    });
  });

  test('a fire that was told before a pause or an override, and arrives after it, fires nothing', async () => {
    const { queue } = await declared(report());
    for (const change of [
      () => queue.pauseSchedule('reports', BY),
      () => queue.resumeSchedule('reports', BY),
      () => queue.overrideSchedule('reports', { cron: '1 1 * * *' }, BY),
    ]) {
      await missOneSlot(database);
      const [row] = await rows<{ due: DueSchedule[] | null }>(
        database,
        `with resumed as (select 1) select coalesce(jobqueue.due_schedules_1(), (
           select jsonb_agg(jsonb_build_object('name', name, 'cron', definition -> 'cron', 'timeZone', definition -> 'timeZone',
             'misfire', definition -> 'misfire', 'missedAfterMs', definition -> 'missedAfterMs', 'bytes', 9, 'revision', revision,
             'firedUntil', fired_until, 'now', now())) from jobqueue.schedules)) as due`,
      );
      const fires = (row?.due ?? []).map((due) => decide(due).fire);
      expect(fires[0]?.slots).toHaveLength(1);
      await change();
      expect(await fire(database, fires, 10_000)).toMatchObject({ fired: 0, skipped: 0 });
    }
    expect(await slotRows(database)).toEqual([]);
  });

  test('what is refused has changed nothing', async () => {
    const { queue } = await declared(report());
    const refused = (code: string, path: string) =>
      expect.objectContaining({ code, issues: [expect.objectContaining({ path })] });
    await expect(queue.pauseSchedule('nobody', BY)).rejects.toEqual(refused('unknown_schedule', 'name'));
    await expect(queue.resumeSchedule('nul\0', BY)).rejects.toEqual(refused('unknown_schedule', 'name'));
    await expect(queue.runSchedule('nobody', BY)).rejects.toEqual(refused('unknown_schedule', 'name'));
    await expect(queue.overrideSchedule('nobody', null, BY)).rejects.toEqual(refused('unknown_schedule', 'name'));
    await expect(queue.overrideSchedule('reports', {}, BY)).rejects.toEqual(refused('option_invalid', 'line'));
    await expect(queue.overrideSchedule('reports', { cron: '61 * * * *' }, BY)).rejects.toEqual(
      refused('option_invalid', 'cron'),
    );
    await expect(queue.overrideSchedule('reports', { timeZone: 'Mars' }, BY)).rejects.toEqual(
      refused('option_invalid', 'timeZone'),
    );
    await expect(queue.pauseSchedule('reports', { actor: '' })).rejects.toEqual(refused('option_invalid', 'actor'));
    await expect(queue.pauseSchedule('reports', { ...BY, reason: 'x'.repeat(1_001) })).rejects.toEqual(
      refused('option_invalid', 'reason'),
    );
    expect(await audited()).toEqual([]);
    expect(await queue.schedules()).toMatchObject([{ paused: null, override: null }]);
  });

  test('a schedule that code has dropped cannot be run: nobody answers for what it did', async () => {
    const { queue } = await declared(report());
    await declared();
    await expect(queue.runSchedule('reports', BY)).rejects.toMatchObject({ code: 'unknown_schedule' });
  });
});
