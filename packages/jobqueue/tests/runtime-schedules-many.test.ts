/** Ten thousand schedules of run time: each slot fires once under doubled ticks, a tick's work is bounded, and an idle tick reads none of them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { type ExplainingDatabase, explaining } from '../../../tests/support/plans.ts';
import { createQueue, defineJob, type RunningJob } from '../src/index.ts';
import { connect, type Database } from '../src/postgres/connect.ts';
import { slotRows, watched } from './scheduled.ts';
import { rows } from './support.ts';

const MANY = 10_000;
const ANN = { actor: 'ann' };

let home: TestDatabase;
let database: Database;
let explained: ExplainingDatabase | undefined;

beforeEach(async () => {
  home = await freshDatabase();
  database = connect(home.url);
});
afterEach(async () => {
  await explained?.close();
  explained = undefined;
  await database.close();
  await home.drop();
});

/** A queue without schedules of its own. */
function queueOn(on: Database) {
  const seen: RunningJob[] = [];
  const job = defineJob({
    type: 'report',
    payload: z.object({ company: z.string() }),
    handler: async () => ({
      run: async ({ job }) => {
        seen.push(job);
      },
    }),
  });
  return { queue: createQueue({ database: on, jobs: [job], log: () => undefined }), seen };
}

/** As many of one line, all of whose slots of the last hours are due. */
async function fill(
  count: number,
  { misfire = 'latest', hours = 1 }: { misfire?: 'latest' | { all: number }; hours?: number } = {},
) {
  const { queue } = queueOn(database);
  const options = { cron: '0 * * * *', timeZone: 'Asia/Dubai', type: 'report', misfire } as const;
  await queue.schedules.create({ name: 'tenant-0', ...options, payload: { company: 'acme' } }, ANN);
  await rows(
    database,
    `insert into jobqueue.schedules (name, kind, definition)
     select 'tenant-' || n, kind, definition from jobqueue.schedules, generate_series(1, $1::int) n`,
    count - 1,
  );
  await rows(
    database,
    `update jobqueue.schedules set fired_until = date_trunc('hour', now()) - $1::int * interval '1 hour' + interval '1 minute',
       next_slot_at = date_trunc('hour', now())`,
    hours,
  );
  await rows(database, 'vacuum analyze jobqueue.schedules');
}

test('10,000 under doubled, late and concurrent ticks: one job for each slot, run once', {
  timeout: 120_000,
}, async () => {
  await fill(MANY);
  const late: (readonly unknown[])[] = [];
  const twins: Promise<unknown>[] = [];
  const drains = Array.from({ length: 3 }, () => {
    const own = connect(home.url);
    const doubling = watched(own, (text, params) => {
      if (!text.includes('jobqueue.fire_1($1')) return;
      late.push(params);
      twins.push(own.execute({ text, params })); // each fire at once a second time
    });
    return { own, ...queueOn(doubling) };
  });
  await Promise.all(drains.map(({ queue }) => queue.drain({ concurrency: 100 })));
  await Promise.all(twins);
  for (const params of late.slice(0, 30)) await database.execute({ text: 'select jobqueue.fire_1($1::jsonb)', params });
  const last = queueOn(database);
  await last.queue.drain({ concurrency: 100 });
  const seen = [...drains, last].flatMap(({ seen }) => seen);
  const slots = await slotRows(database);
  const keys = (list: readonly { schedule: string; slot: number; id: string | null }[]) =>
    list.map(({ schedule, slot, id }) => `${schedule} ${slot} ${id}`).sort();
  const ran = seen.map(({ id, schedule }) => ({
    schedule: schedule?.name ?? '',
    slot: schedule?.slot.getTime() ?? 0,
    id,
  }));
  expect(keys(ran)).toEqual(
    keys(slots.map(({ schedule, slot_ms, job_id }) => ({ schedule, slot: slot_ms, id: job_id }))),
  );
  expect(new Set(slots.map(({ schedule }) => schedule)).size).toBe(MANY);
  expect(new Set(slots.map(({ schedule, slot_ms }) => `${schedule} ${slot_ms}`)).size).toBe(slots.length);
  await Promise.all(drains.map(({ own }) => own.close()));
});

test('one tick fires at most 10,000 slots and a schedule’s own; the next goes on', { timeout: 120_000 }, async () => {
  await fill(25, { misfire: { all: 480 }, hours: 480 });
  const { queue } = queueOn(database);
  await queue.pause({}, ANN);
  await queue.drain();
  const first = await slotRows(database);
  expect(first.length).toBeGreaterThanOrEqual(10_000);
  expect(first.length).toBeLessThan(10_000 + 481);
  await queue.drain();
  const slots = await slotRows(database);
  expect(slots.length).toBeGreaterThanOrEqual(25 * 480);
  expect(new Set(slots.map(({ schedule }) => schedule)).size).toBe(25);
});

test('an idle tick reads none of 10,000 schedules, one that fires reads those that are due, and lists read their page', async () => {
  await fill(MANY);
  await rows(
    database,
    `update jobqueue.schedules set next_slot_at = now() + interval '1 hour', fired_until = now() where name <> 'tenant-77'`,
  );
  await rows(database, 'vacuum analyze jobqueue.schedules');
  const explain = await explaining(home.url);
  explained = explain;
  const { queue, seen } = queueOn(explain.database);
  /** Rows of schedules that each statement read, by the index. */
  const read = async (act: () => Promise<unknown>) => {
    explain.scans.length = 0;
    await act();
    const scans = explain.scans.filter(({ table }) => table === 'schedules');
    expect(scans.length).toBeGreaterThan(0);
    expect(scans.filter(({ node, rows: count }) => node === 'Seq Scan' && count > 0)).toEqual([]);
    return { most: Math.max(...scans.map(({ rows: count }) => count)), by: new Set(scans.map(({ index }) => index)) };
  };
  expect(await read(() => queue.drain())).toMatchObject({ most: 1 });
  expect(seen).toMatchObject([{ schedule: { name: 'tenant-77' } }]);
  const idle = await read(() => queue.drain());
  expect(idle).toEqual({ most: 0, by: new Set(['schedules_due']) });
  expect(await read(() => queue.schedules.list({}, { limit: 50 }))).toMatchObject({ most: 51 });
  expect(await read(() => queue.schedules.list({ prefix: 'tenant-7' }, { limit: 50 }))).toMatchObject({ most: 51 });
  const far = () => queue.schedules.list({ type: 'report' }, { limit: 50, after: 'runtime tenant-9' });
  expect((await read(far)).most).toBeLessThanOrEqual(51);
  expect((await read(() => queue.checkNames({ queue: 'elsewhere' }))).most).toBeLessThanOrEqual(2);
  await rows(database, `update jobqueue.watch set reds = '{}'`);
  await rows(database, 'delete from jobqueue.incidents'); // with one open nobody rests
  expect(await read(() => rows(explain.database, `select jobqueue.rest_1('{"report": 1}')`))).toMatchObject({
    most: 1,
  });
});
