/** Slots become jobs: once each, however many drains tick, late, twice or on top of each other. */
import { beforeEach, describe, expect, test } from 'vitest';
import { describeEachDriver } from '../../../tests/support/drivers.ts';
import { emptied, JOB_TABLES } from '../../../tests/support/empty.ts';
import type { Database } from '../src/postgres/connect.ts';
import { emptySchedules, missOneSlot, report, scheduledQueue, silence, slotRows, watched } from './scheduled.ts';
import { rows } from './support.ts';

const ANN = { actor: 'ann' };

const HOUR_MS = 3_600_000;

/** True for the statement that calls fire_1. */
const isFire = (text: string) => text.includes('jobqueue.fire_1($1');

describeEachDriver('schedules', (setup) => {
  let database: Database;
  beforeEach(async () => {
    database = setup.database;
    await emptySchedules(database);
  });

  test('10,000 slots under doubled, late and overlapping ticks: one job each', { timeout: 120_000 }, async () => {
    const [schedules, each] = setup.driver === 'postgres' ? [100, 100] : [40, 50];
    const declared = Array.from({ length: schedules }, (_, n) =>
      report({ name: `minutely-${n}`, cron: '* * * * *', misfire: { all: 1_000 } }),
    );
    await scheduledQueue(database, declared).queue.drain();
    await silence(database, `${each} minutes`);
    const [bounds] = await rows<{ until_ms: number; from_ms: number }>(
      database,
      `select (extract(epoch from min(fired_until)) * 1000)::float8 as from_ms,
              (extract(epoch from max(fired_until) + $1::interval) * 1000)::float8 as until_ms
       from jobqueue.schedules`,
      `${each} minutes`,
    );
    const { until_ms: untilMs = 0, from_ms: fromMs = 0 } = bounds ?? {};
    expect(untilMs - fromMs).toBe(each * 60_000); // moved as one

    const sent: (readonly unknown[])[] = [];
    const twins: Promise<unknown>[] = [];
    const drains = Array.from({ length: 4 }, () => {
      const own = setup.connect();
      const doubling = watched(own, (text, params) => {
        if (!isFire(text)) return;
        sent.push(params);
        twins.push(own.execute({ text, params })); // each fire at once a second time
      });
      return scheduledQueue(doubling, declared);
    });
    const reports = await Promise.all(drains.map(({ queue }) => queue.drain({ concurrency: 100 })));
    await Promise.all(twins);
    // and all of them once more, late
    for (const params of sent) await database.execute({ text: 'select jobqueue.fire_1($1::jsonb)', params });
    const last = await scheduledQueue(database, declared).queue.drain();

    const slots = await slotRows(database);
    const wanted = slots.filter(({ slot_ms }) => slot_ms <= untilMs);
    expect(wanted).toHaveLength(schedules * each);
    expect(new Set(wanted.map(({ schedule, slot_ms }) => `${schedule} ${slot_ms}`)).size).toBe(schedules * each);
    // what the clock brought while this ran has its jobs too, and no slot has a second one
    const jobs = await rows<{ id: string; schedule: string; slot: string }>(
      database,
      `select id::text as id, meta ->> 'schedule' as schedule, meta ->> 'slot' as slot from jobqueue.finished_jobs
       union all select id::text, meta ->> 'schedule', meta ->> 'slot' from jobqueue.jobs`,
    );
    const key = (schedule: string, slot: string | number, id: string | null) =>
      `${schedule} ${new Date(slot).getTime()} ${id}`;
    expect(jobs.map(({ schedule, slot, id }) => key(schedule, slot, id)).sort()).toEqual(
      slots.map(({ schedule, slot_ms, job_id }) => key(schedule, slot_ms, job_id)).sort(),
    );
    expect([...reports, last].reduce((sum, { completed }) => sum + completed, 0)).toBe(jobs.length);
    expect(sent.length).toBeGreaterThan(0);
  });

  test('a tick with schedules and nothing due is one statement', async () => {
    const sent: string[] = [];
    const { queue } = scheduledQueue(
      watched(database, (text) => sent.push(text)),
      [report({ cron: '0 0 1 1 *' }), report({ name: 'second', cron: '0 0 1 1 *' })],
    );
    await queue.drain(); // writes the definitions
    expect(sent.length).toBeGreaterThan(1);
    sent.length = 0;
    expect(await queue.drain()).toMatchObject({ steps: 1, stopReason: 'empty' });
    expect(sent).toHaveLength(1);
    expect(sent[0]).toContain('step_2');
  });

  test('a slot that a drain fires runs in that drain, and its handler sees it', async () => {
    const { queue, seen } = scheduledQueue(database, [report()], 'reports');
    await queue.drain();
    await missOneSlot(database);
    expect(await queue.drain()).toMatchObject({ completed: 1 });
    const [slot] = await slotRows(database);
    expect(seen).toMatchObject([
      { id: slot?.job_id, queue: 'reports', schedule: { name: 'reports', slot: new Date(slot?.slot_ms ?? 0) } },
    ]);
    expect((slot?.slot_ms ?? 1) % HOUR_MS).toBe(0);
    expect(await queue.getJob(slot?.job_id ?? '')).toMatchObject({ payload: { company: 'acme' }, status: 'COMPLETED' });
    await queue.addJob('report', { company: 'acme' });
    await queue.drain();
    expect(seen[1]?.schedule).toBeNull();
  });

  test('a schedule starts with its first slot after it was declared', async () => {
    const { queue, seen } = scheduledQueue(database, [report({ cron: '* * * * *', misfire: { all: 1_000 } })]);
    const [before] = await rows<{ ms: number }>(database, 'select (extract(epoch from now()) * 1000)::float8 as ms');
    await queue.drain();
    await queue.drain();
    for (const job of seen) expect(job.schedule?.slot.getTime()).toBeGreaterThan(before?.ms ?? 0);
    const [listed] = await queue.schedules();
    expect(listed?.nextSlot?.getTime()).toBeGreaterThan(before?.ms ?? 0);
  });

  test('the answer to a fire is lost after its commit: sent again, it fires nothing twice', async () => {
    const sent: string[] = [];
    const { queue, seen } = scheduledQueue(
      watched(database, (text) => sent.push(text)),
      [report({ misfire: { all: 10 } })],
    );
    await queue.drain();
    await silence(database, '5 hours');
    sent.length = 0;
    const lost = setup.faults.loseAnswer('jobqueue.fire_1($1');
    expect(await queue.drain({ budgetMs: 20_000 })).toMatchObject({ completed: 5 });
    await lost;
    expect(sent.filter(isFire).length).toBeGreaterThan(1);
    expect(new Set(seen.map(({ schedule }) => schedule?.slot.getTime())).size).toBe(5);
    expect(await slotRows(database)).toHaveLength(5);
  });

  test('a fire that dies inside Postgres has fired nothing, and the next tick fires all of it', async () => {
    const { queue, logged } = scheduledQueue(database, [report({ misfire: { all: 10 } })]);
    await queue.drain();
    await silence(database, '5 hours');
    await rows(database, 'alter table jobqueue.schedule_slots add constraint dies check (job_id is null) not valid');
    try {
      expect(await queue.drain()).toMatchObject({ completed: 0 });
    } finally {
      await rows(database, 'alter table jobqueue.schedule_slots drop constraint dies');
    }
    expect(logged).toMatchObject([
      { event: 'schedules_fired' },
      { event: 'schedule_refused', fields: { schedule: 'reports' } },
      { event: 'schedules_fired', fields: { fired: 0 } },
    ]);
    expect(await queue.schedules()).toMatchObject([{ problem: 'Postgres refuses its job (23514)', nextSlot: null }]);
    expect(await queue.drain()).toMatchObject({ completed: 0 }); // it is set aside for a while
    await rows(database, `update jobqueue.schedules set next_slot_at = now() - interval '1 ms'`);
    expect(await queue.drain()).toMatchObject({ completed: 5 });
    expect(await queue.schedules()).toMatchObject([{ problem: null, nextSlot: expect.any(Date) }]);
    expect(await slotRows(database)).toHaveLength(5);
  });

  test('a slot that has its row is skipped, even if its schedule was set back by hand', async () => {
    const { queue, seen } = scheduledQueue(database, [report({ misfire: { all: 10 } })]);
    await queue.drain();
    await silence(database, '2 hours');
    await queue.drain();
    await silence(database, '4 hours');
    expect(await queue.drain()).toMatchObject({ completed: 2 });
    expect(new Set(seen.map(({ schedule }) => schedule?.slot.getTime())).size).toBe(4);
  });

  test('two jobs for one slot are refused by the table, whoever writes them', async () => {
    const { queue } = scheduledQueue(database, [report()]);
    await queue.drain();
    await missOneSlot(database);
    await queue.drain();
    const again =
      'insert into jobqueue.schedule_slots (schedule, slot, job_id) select schedule, slot, 1 from jobqueue.schedule_slots';
    await expect(rows(database, again)).rejects.toMatchObject({ code: '23505' });
  });

  describe('misfire, after five hours without a tick', () => {
    test.each([
      ['skip', { misfire: 'skip' }, 1],
      ['skip, found too late', { misfire: 'skip', missedAfterMs: 0 }, 0],
      ['latest', { misfire: 'latest' }, 1],
      ['latest, however late', { misfire: 'latest', missedAfterMs: 0 }, 1],
      ['all: 3', { misfire: { all: 3 } }, 3],
      ['all: 100', { misfire: { all: 100 } }, 5],
    ] as const)('%s', async (_, policy, jobs) => {
      const { queue, logged } = scheduledQueue(database, [report(policy)]);
      await queue.drain();
      await silence(database, '5 hours');
      await queue.drain();
      const slots = await slotRows(database);
      expect(slots).toHaveLength(jobs);
      slots.forEach(({ slot_ms }, n) => {
        if (n > 0) expect(slot_ms - (slots[n - 1]?.slot_ms ?? 0)).toBe(HOUR_MS); // the newest, without a gap
      });
      expect(logged.filter(({ event }) => event === 'schedule_slots_missed')).toHaveLength(jobs === 5 ? 0 : 1);
      await queue.drain();
      expect(await slotRows(database)).toHaveLength(jobs);
    });
  });

  test("overlap 'skip': while an earlier slot's job is unfinished there is no other, and that is noted", async () => {
    const { queue } = scheduledQueue(database, [report({ overlap: 'skip', misfire: { all: 3 } })]);
    await queue.drain();
    await silence(database, '5 hours');
    await queue.pause({ type: 'report' }, ANN);
    await queue.drain();
    expect((await slotRows(database)).map(({ job_id }) => job_id)).toEqual([expect.any(String), null, null]);
    await rows(database, 'delete from jobqueue.schedule_slots where job_id is null');
    await silence(database, '2 hours');
    await queue.drain();
    expect((await slotRows(database)).filter(({ job_id }) => job_id !== null)).toHaveLength(1);

    await queue.resume({ type: 'report' }, ANN);
    expect(await queue.drain()).toMatchObject({ completed: 1 });
    await rows(database, 'delete from jobqueue.schedule_slots where job_id is null');
    await missOneSlot(database);
    expect(await queue.drain()).toMatchObject({ completed: 1 });
  });

  test('jitter delays each slot by its own amount, the same whoever fires it', async () => {
    const jitterMs = HOUR_MS;
    const { queue } = scheduledQueue(
      database,
      Array.from({ length: 20 }, (_, n) => report({ name: `spread-${n}`, cron: '* * * * *', jitterMs })),
    );
    await queue.pause({}, ANN);
    await queue.drain();
    const delays = async () => {
      await silence(database, '1 minute');
      await queue.drain();
      const found = await rows<{ key: string; ms: number }>(
        database,
        `select concat_ws(' ', meta ->> 'schedule', meta ->> 'slot') as key,
                (extract(epoch from due_at - (meta ->> 'slot')::timestamptz) * 1000)::float8 as ms
         from jobqueue.jobs where due_at > created_at`,
      );
      return new Map(found.map(({ key, ms }) => [key, ms]));
    };
    const first = await delays();
    expect(first.size).toBeGreaterThan(10); // the rest fell into the minute that has passed
    expect(new Set(first.values()).size).toBeGreaterThan(10);
    for (const ms of first.values()) expect(ms).toBeLessThanOrEqual(jitterMs);
    await rows(database, emptied(...JOB_TABLES, 'jobqueue.schedule_slots'));
    const second = await delays();
    for (const [key, ms] of second) expect(first.get(key) ?? ms).toBe(ms);
  });

  test('what Postgres refuses of one schedule, and what cannot be read of another, holds up no third', async () => {
    const { queue, seen, logged } = scheduledQueue(database, [
      report({ name: 'a-refused' }),
      report({ name: 'b-unreadable' }),
      report({ name: 'c-good' }),
    ]);
    await queue.drain();
    await missOneSlot(database);
    await rows(
      database,
      `update jobqueue.schedules set definition = jsonb_set(definition, '{job,type}', '"not a type"') where name = 'a-refused'`,
    );
    await rows(database, `update jobqueue.schedules set override_cron = 'of the future' where name = 'b-unreadable'`);
    await queue.drain();
    expect(seen.map(({ schedule }) => schedule?.name)).toEqual(['c-good']);
    expect(logged.map(({ event, fields }) => [event, fields.schedule])).toEqual(
      expect.arrayContaining([
        ['schedule_refused', 'a-refused'],
        ['schedule_unreadable', 'b-unreadable'],
      ]),
    );
  });

  test('of each schedule the 1,000 newest slots are kept, and those of unfinished jobs', async () => {
    const { queue } = scheduledQueue(database, [report()]);
    await queue.drain();
    await rows(
      database,
      `insert into jobqueue.schedule_slots (schedule, slot, job_id)
       select 'reports', now() - n * interval '1 day', case when n = 1200 then $1::bigint end from generate_series(1, 1200) n`,
      (await queue.addJob('report', { company: 'acme' }, { delayMs: HOUR_MS }))?.id,
    );
    await missOneSlot(database);
    await queue.drain();
    const slots = await slotRows(database);
    expect(slots).toHaveLength(1_001);
    expect(slots[0]?.job_id).not.toBeNull();
  });
});
