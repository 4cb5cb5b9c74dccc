/** Retention: what is past it goes, in bounded slices, once, whoever prunes; what is not, or still holds a key, stays. */
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { emptied } from '../../../tests/support/empty.ts';
import { createQueue, defineJob, type RetentionOptions } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { emptyTables, makeDue, queueOf, rows, works } from './support.ts';

const DAY_MS = 24 * 3_600_000;

function queueWith(database: Database, retention?: RetentionOptions<'work' | 'other'>, keyWindowMs = 7 * DAY_MS) {
  const payload = z.object({});
  const handler = async () => ({ run: async () => null });
  const jobs = [defineJob({ type: 'work', payload, handler }), defineJob({ type: 'other', payload, handler })] as const;
  return createQueue({ database, jobs, keyWindowMs, ...(retention && { retention }) });
}

interface Old {
  readonly status?: 'COMPLETED' | 'DEAD_LETTER' | 'CANCELLED';
  readonly type?: string;
  /** Days ago. */
  readonly days: number;
  /** When it was enqueued, if not just before it ended. */
  readonly enqueuedDays?: number;
  readonly count?: number;
  readonly key?: string;
  /** In how many days its key ends. */
  readonly keyDays?: number;
}

describeOnOneDriver('retention', (setup) => {
  beforeEach(async () => {
    await emptyTables(setup.database);
    await rows(setup.database, emptied('jobqueue.rollups', 'jobqueue.run_times'));
    await rows(
      setup.database,
      `update jobqueue.upkeep set due_at = '-infinity',
         claimed_at = null, place = case task when 'history' then '0' when 'rollup_hours' then '-infinity' when 'rollup_minutes' then '-infinity' else '' end`,
    );
  });

  /** In this order of ids. */
  const finished = async (...list: Old[]) => {
    for (const { status = 'COMPLETED', type = 'work', days, enqueuedDays = days, count = 1, key, keyDays } of list) {
      await rows(
        setup.database,
        `insert into jobqueue.job_history (id, status, created_at, due_at, finished_at, fence, attempt, max_attempts, priority, queue,
           type, payload, idempotency_key)
         select nextval('jobqueue.jobs_id_seq'), $1::jobqueue.terminal_status, now() - $2::float8 * interval '1 day', now(),
                now() - $3::float8 * interval '1 day', 1, 1, 3, 0, 'default', $4, '{}', $5
         from generate_series(1, $6::int)`,
        status,
        enqueuedDays,
        days,
        type,
        key ?? null,
        count,
      );
      if (key !== undefined)
        await rows(
          setup.database,
          `insert into jobqueue.idempotency_keys (type, key, job_id, expires_at)
           select $1, $2, max(id), now() + $3::float8 * interval '1 day' from jobqueue.finished_jobs`,
          type,
          key,
          keyDays ?? null,
        );
    }
  };

  const left = async () => {
    const found = await rows<{ what: string; n: number }>(
      setup.database,
      `select concat_ws(' ', type, status, round(extract(epoch from now() - finished_at) / 86400)) as what, count(*)::int as n
       from jobqueue.finished_jobs group by 1`,
    );
    return Object.fromEntries(found.map(({ what, n }) => [what, n]));
  };

  test('is by status and type; by default completed jobs stay for a week, cancelled ones for a month, dead letters for three', async () => {
    const ages = async () => {
      for (const type of ['work', 'other'])
        for (const status of ['COMPLETED', 'CANCELLED', 'DEAD_LETTER'] as const)
          await finished(...[91, 89, 31, 29, 8, 6, 2].map((days) => ({ type, status, days })));
    };
    await ages();
    expect(await queueWith(setup.database).prune()).toEqual({
      completed: 10,
      cancelled: 6,
      deadLettered: 2,
      keys: 0,
      drains: 0,
      rollups: 0,
      done: true,
    });
    const kept = (type: string, status: string, days: number[]) => days.map((day) => [`${type} ${status} ${day}`, 1]);
    const byDefault = (type: string) => [
      ...kept(type, 'COMPLETED', [6, 2]),
      ...kept(type, 'CANCELLED', [29, 8, 6, 2]),
      ...kept(type, 'DEAD_LETTER', [89, 31, 29, 8, 6, 2]),
    ];
    expect(await left()).toEqual(Object.fromEntries([...byDefault('work'), ...byDefault('other')]));

    const retention = { completed: '10d', types: { other: { completed: '5d', deadLetter: '30d' } } } as const;
    expect(await queueWith(setup.database, retention).prune()).toMatchObject({
      completed: 1,
      deadLettered: 2,
      cancelled: 0,
    });
    expect(await left()).toEqual(
      Object.fromEntries([
        ...byDefault('work'),
        ...kept('other', 'COMPLETED', [2]),
        ...kept('other', 'CANCELLED', [29, 8, 6, 2]),
        ...kept('other', 'DEAD_LETTER', [29, 8, 6, 2]),
      ]),
    );
  });

  test('keeps a job as long as a key points to it, and takes keys that no longer hold along', async () => {
    const { database } = setup;
    await finished(
      { days: 10, key: 'holds', keyDays: 1 },
      { days: 10, key: 'held', keyDays: -1 },
      { days: 2, enqueuedDays: 20, key: 'held, but its job is kept', keyDays: -1 },
      { days: 10 },
    );
    const queue = queueWith(database);
    const live = await queue.addJob('work', {}, { idempotencyKey: 'live' });
    expect(await queue.prune()).toMatchObject({ completed: 2, keys: 2 });
    expect(await left()).toEqual({ 'work COMPLETED 10': 1, 'work COMPLETED 2': 1 });
    expect(await queue.addJob('work', {}, { idempotencyKey: 'holds' })).toBeNull();
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'live' })).toMatchObject({ id: live?.id });
    expect(await queue.addJob('work', {}, { idempotencyKey: 'held' })).not.toBeNull();
    await rows(
      database,
      "update jobqueue.idempotency_keys set expires_at = now() - interval '1 s' where key = 'holds'",
    );
    expect(await queue.prune()).toMatchObject({ completed: 1, keys: 1 });
  });

  test('takes keys along whose jobs were deleted by hand: those past their window, and those of jobs that lived', async () => {
    const { database } = setup;
    await finished({ days: 10, count: 3, key: 'history', keyDays: -1 }, { days: 1, key: 'holds', keyDays: 1 });
    const queue = queueWith(database);
    await queue.addJobs(
      Array.from({ length: 9_000 }, (_, n) => ({
        type: 'work' as const,
        payload: {},
        options: { idempotencyKey: `${n}`.padStart(200, 'live ') },
      })),
    );
    await rows(database, emptied('jobqueue.job_history'));
    await rows(database, 'delete from jobqueue.jobs where id % 9 > 0');
    const [kept] = await rows<{ n: number }>(database, 'select count(*)::int as n from jobqueue.jobs');
    await rows(database, "update jobqueue.sweeps set due_at = '-infinity'");
    await queue.drain({ limit: 1 });
    const [{ n } = { n: 0 }] = await rows<{ n: number }>(
      database,
      'select count(*)::int as n from jobqueue.idempotency_keys',
    );
    expect(n).toBe((kept?.n ?? 0) + 1);
    expect(await queue.prune()).toMatchObject({ keys: 0, done: true });
    expect(await queue.addJob('work', {}, { idempotencyKey: 'holds' })).toBeNull();
  });

  test('meets jobs that ended long after they were enqueued, and old ones behind thousands that stay', async () => {
    await finished(
      { days: 1, enqueuedDays: 300 },
      { status: 'DEAD_LETTER', days: 20, count: 2_500 },
      { days: 20, count: 10 },
      { days: 8, enqueuedDays: 8 },
      { days: 1, count: 5 },
    );
    const queue = queueWith(setup.database);
    expect(await queue.prune()).toMatchObject({ completed: 11, deadLettered: 0, done: true });
    expect(await left()).toEqual({ 'work COMPLETED 1': 6, 'work DEAD_LETTER 20': 2_500 });
  });

  /** Jobs that drains claimed and that nothing has aged yet are so many days old. */
  const age = (days: number) =>
    rows(
      setup.database,
      `with aged as (update jobqueue.batches set claimed_at = now() - $1::float8 * interval '1 day'
                     where claimed_at > now() - interval '1 hour' returning id)
       update jobqueue.settlements s set at = now() - $1::float8 * interval '1 day' from aged where s.batch = aged.id`,
      days,
    );

  /** Rows that batches consist of. */
  const parts = async () => {
    const tables = ['batches', 'settlements', 'blocks', 'notes', 'leases'] as const;
    const [found] = await rows<Record<(typeof tables)[number], number>>(
      setup.database,
      `select ${tables.map((table) => `(select count(*)::int from jobqueue.${table}) as ${table}`).join(', ')}`,
    );
    return found;
  };
  const NOTHING = { batches: 0, settlements: 0, blocks: 0, notes: 0, leases: 0 };

  test('takes whole batches, by their type and their last outcome, and nothing of them stays', async () => {
    const retention = { completed: '7d', types: { other: { completed: '30d' } } } as const;
    const queue = queueWith(setup.database, retention);
    for (const days of [40, 20, 8, 2]) {
      await queue.addJobs(
        [...works(3), { type: 'other' as const, payload: {} }].map((job) => ({ ...job, payload: {} })),
      );
      expect(await queue.drain()).toMatchObject({ completed: 4 });
      await age(days);
    }
    await rows(
      setup.database,
      `update jobqueue.settlements set at = now() - interval '6 days'
       where batch = (select id from jobqueue.batches where type = 'work' order by id offset 2 limit 1)`,
    );
    expect(await queue.prune()).toMatchObject({ completed: 7, deadLettered: 0, keys: 0, done: true });
    expect(await left()).toEqual({
      'work COMPLETED 6': 3,
      'work COMPLETED 2': 3,
      ...{ 'other COMPLETED 20': 1, 'other COMPLETED 8': 1, 'other COMPLETED 2': 1 },
    });
    expect(await parts()).toEqual({ ...NOTHING, batches: 5, settlements: 5, blocks: 5 });
    await age(0);
    await rows(setup.database, "update jobqueue.batches set claimed_at = now() - interval '50 days'");
    await rows(setup.database, "update jobqueue.settlements set at = now() - interval '50 days'");
    expect(await queue.prune()).toMatchObject({ completed: 9, done: true });
    expect(await parts()).toEqual(NOTHING);
  });

  test('keeps a batch as long as a key points to one of its jobs, and takes keys that no longer hold along', async () => {
    const { database } = setup;
    const queue = queueWith(database);
    for (const idempotencyKey of ['holds', 'held']) {
      await queue.addJob('work', {}, { idempotencyKey });
      await queue.addJob('work', {});
      await queue.drain();
    }
    await age(10);
    await rows(database, "update jobqueue.idempotency_keys set expires_at = now() - interval '1 s' where key = 'held'");
    expect(await queue.prune()).toMatchObject({ completed: 2, keys: 1 });
    expect(await queue.addJob('work', {}, { idempotencyKey: 'holds' })).toBeNull();
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'holds' })).toMatchObject({ status: 'COMPLETED' });
    expect(await queue.addJob('work', {}, { idempotencyKey: 'held' })).not.toBeNull();
    await rows(database, 'update jobqueue.idempotency_keys set expires_at = now() where expires_at is not null');
    expect(await queue.prune()).toMatchObject({ completed: 2, keys: 1 });
    expect(await parts()).toEqual(NOTHING);
  });

  test('keeps a batch with a child that its parent waits for, and one that has an open job', async () => {
    const { queue } = queueOf(setup.database);
    const retaining = queueWith(setup.database);
    const [done, failing] = [{ mode: 'noop' }, { mode: 'fail_for_good' }] as const;
    const flow = await queue.addFlow({
      type: 'work',
      payload: done,
      children: [done, failing].map((payload) => ({ type: 'work' as const, payload })),
    });
    expect(await queue.drain()).toMatchObject({ completed: 1, deadLettered: 1 });
    const [child] = flow?.children ?? [];
    await age(10);
    expect(await retaining.prune()).toMatchObject({ completed: 1 }); // its parent has heard of it
    expect(await queue.getJob(child?.id ?? '')).toBeNull();

    const other = await queue.addFlow({ type: 'work', payload: done, children: [{ type: 'work', payload: done }] });
    await queue.drain({ limit: 1 });
    await age(10);
    await rows(setup.database, 'update jobqueue.flows set done = false where parent_id = $1', other?.id ?? '');
    expect(await retaining.prune()).toMatchObject({ completed: 0 });
    expect(await queue.getJob(other?.children[0]?.id ?? '')).toMatchObject({ status: 'COMPLETED' });

    await rows(
      setup.database,
      `insert into jobqueue.leases (batch, claim, lease_until, open)
       select id, 1, now() + interval '1 minute', '1' from jobqueue.batches`,
    );
    await rows(setup.database, 'update jobqueue.flows set done = true');
    expect(await retaining.prune()).toMatchObject({ completed: 0 });
    await rows(setup.database, emptied('jobqueue.leases'));
    expect(await retaining.prune()).toMatchObject({ completed: 1 });
    expect(await parts()).toEqual(NOTHING);
  });

  test('takes batches out of which every job has gone, and nothing that their jobs have elsewhere', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(3, { mode: 'fail' }, { idempotencyKey: 'k', maxAttempts: 2 }).slice(0, 1));
    const flow = await queue.addFlow({
      type: 'work',
      payload: { mode: 'fail' },
      children: [{ type: 'work', payload: { mode: 'noop' } }],
    });
    expect(await queue.drain({ limit: 3 })).toMatchObject({ completed: 1, retried: 2 });
    await age(10);
    expect(await queueWith(setup.database).prune()).toMatchObject({ completed: 1, keys: 0 });
    expect(await parts()).toEqual(NOTHING);
    expect(await rows(setup.database, 'select from jobqueue.flows')).toHaveLength(1); // the parent lives
    expect(await queue.getJob(flow?.id ?? '')).toMatchObject({ status: 'PENDING', attempts: 1 });
    expect(await queue.addJob('work', { mode: 'noop' }, { idempotencyKey: 'k' })).toBeNull();
    await makeDue(setup.database);
    expect(await queue.drain({ limit: 2 })).toMatchObject({ deadLettered: 1, retried: 1 });
  });

  test('of batches takes slices of a hundred, and a next round looks at none that are too young', async () => {
    const { database } = setup;
    const queue = queueWith(database, { completed: '7d', types: { other: { completed: '30d' } } });
    await queue.addJobs([
      { type: 'work', payload: {} },
      { type: 'other', payload: {} },
    ]);
    await queue.drain();
    await rows(database, "update jobqueue.upkeep set due_at = '-infinity' where task = 'history'");
    await rows(
      database,
      `with copies as (
         insert into jobqueue.batches (claimed_at, drain, priority, queue, type, ids, due_at, payloads)
         select now() - n * interval '1 hour', drain, priority, queue, type, ids, due_at, payloads
         from jobqueue.batches, generate_series(10 * 24, 10 * 24 + 249) n
         returning id, claimed_at)
       insert into jobqueue.settlements (batch, n, at, done, ran, ended) select id, 1, claimed_at, '1', '{1}', '{0}' from copies`,
    );
    const request = JSON.stringify({
      COMPLETED: 7 * DAY_MS,
      types: { other: { COMPLETED: 30 * DAY_MS } },
      shortestMs: DAY_MS,
    });
    const slice = async () => {
      const [row] = await rows<{ answer: object }>(database, 'select jobqueue.prune_1($1::jsonb) as answer', request);
      return row?.answer;
    };
    expect(await slice()).toMatchObject({ more: true, completed: 100 });
    expect(await slice()).toMatchObject({ more: true, completed: 100 });
    expect(await slice()).toMatchObject({ more: false, completed: 50 });
    expect(await slice()).toBeNull(); // not due again for ten minutes
    const [counted] = await rows<{ work: number; other: number }>(
      database,
      `select count(*) filter (where type = 'work')::int as work, count(*) filter (where type = 'other')::int as other from jobqueue.batches`,
    );
    expect(counted).toEqual({ work: 1, other: 251 });
  });

  test('goes with the first exchange of a drain, a slice of a thousand; of a small one the tick is still one statement', async () => {
    await finished({ days: 10, count: 900 }, { days: 1, count: 10 });
    const queue = queueWith(setup.database);
    expect(await queue.drain()).toMatchObject({ steps: 1, stopReason: 'empty' });
    expect(await left()).toEqual({ 'work COMPLETED 1': 10 });
    await finished({ days: 10, count: 10 });
    expect(await queue.drain()).toMatchObject({ steps: 1, stopReason: 'empty' });
    expect(await left()).toEqual({ 'work COMPLETED 1': 10, 'work COMPLETED 10': 10 }); // not due again for ten minutes
  });

  test('of a backlog takes slices of a thousand, and a drain goes on until it is done', async () => {
    await finished({ days: 10, count: 3_500 }, { days: 1 });
    const retention = { COMPLETED: 7 * DAY_MS, DEAD_LETTER: 7 * DAY_MS, CANCELLED: 7 * DAY_MS, types: {} };
    const request = JSON.stringify({ ...retention, shortestMs: 7 * DAY_MS, ledger: DAY_MS, rollups: 2 * DAY_MS });
    const [slice] = await rows(setup.database, 'select jobqueue.prune_1($1::jsonb) as answer', request);
    expect(slice).toMatchObject({ answer: { more: true, completed: 1_000 } });
    expect(await left()).toEqual({ 'work COMPLETED 10': 2_500, 'work COMPLETED 1': 1 });
    const report = await queueWith(setup.database).drain();
    expect(report).toMatchObject({ claimed: 0, stopReason: 'empty' });
    expect(await left()).toEqual({ 'work COMPLETED 1': 1 });
  });

  test('is done once, however many do it at once, drains among them', async () => {
    const { database } = setup;
    await finished({ days: 10, count: 4_000, key: 'last', keyDays: -1 }, { days: 1, count: 3 });
    const queues = [database, setup.connect(), setup.connect(), setup.connect()].map((one) => queueWith(one));
    await queues[0]?.addJobs(Array.from({ length: 200 }, () => ({ type: 'work' as const, payload: {} })));
    const [reports, drained] = await Promise.all([
      Promise.all(queues.map((queue) => queue.prune())),
      Promise.all(queues.map((queue) => queue.drain())),
    ]);
    expect(drained.reduce((sum, { completed }) => sum + completed, 0)).toBe(200);
    expect(reports.reduce((sum, { completed }) => sum + completed, 0)).toBeLessThanOrEqual(4_000);
    expect(reports.every(({ done }) => done)).toBe(true);
    await queues[0]?.prune();
    expect(await left()).toEqual({ 'work COMPLETED 1': 3, 'work COMPLETED 0': 200 });
    expect(await rows(database, 'select from jobqueue.idempotency_keys')).toEqual([]);
  });

  test('folds counts over drains after a day and over an hour after a week, and keeps every sum', async () => {
    const { database } = setup;
    await rows(
      database,
      `insert into jobqueue.rollups (minute, type, drain, completed, failed, dead, cancelled, wait_ms, run_ms, waits, runs)
       select date_bin('1 minute', now(), 'epoch') - days * interval '1 day' - minutes * interval '1 minute', type, gen_random_uuid(),
              1 + minutes % 9, drain, days, minutes % 3, minutes, drain * 7,
              array(select n * drain from generate_series(1, 1 + (minutes + drain) % 7) n),
              array(select n + minutes from generate_series(1, (minutes * drain) % 5) n)
       from unnest('{0,2,9}'::int[]) as days, generate_series(0, 99) as minutes, unnest('{work,other}'::text[]) as type,
            generate_series(1, 4) as drain`,
    );
    const queue = queueWith(database);
    const to = new Date();
    const span = { from: new Date(to.getTime() - 20 * DAY_MS), to };
    const total = () => queue.stats({ ...span, by: 'total' });
    const byMinute = () =>
      queue.stats({
        from: new Date(to.getTime() - 2 * DAY_MS + 60_000),
        to: new Date(to.getTime() - DAY_MS),
        by: 'minute',
      });
    const byHour = () => queue.stats({ ...span, by: 'hour' });
    const before = [await total(), await byMinute(), await byHour()];
    const report = await queue.prune();
    expect(report).toMatchObject({ done: true });
    expect([await total(), await byMinute(), await byHour()]).toEqual(before);
    const found = await rows<{ days: number; n: number; nil: boolean }>(
      database,
      `select round(extract(epoch from now() - minute) / 86400)::int as days, count(*)::int as n,
              bool_and(drain = '00000000-0000-0000-0000-000000000000') as nil
       from jobqueue.rollups group by 1 order by 1`,
    );
    expect(found).toEqual([
      { days: 0, n: 800, nil: false },
      { days: 2, n: 200, nil: true },
      { days: 9, n: expect.any(Number), nil: true },
    ]);
    expect(found[2]?.n).toBeLessThanOrEqual(6); // 100 minutes touch two or three hours
    expect(await queue.prune()).toMatchObject({ rollups: 0, done: true });
    expect(await total()).toEqual(before[0]);
  });

  test('deletes old counts and old ledger rows, but none of a drain that may still run', async () => {
    const { database } = setup;
    await rows(
      database,
      `insert into jobqueue.rollups (minute, type, drain, completed)
       select date_bin('1 hour', now(), 'epoch') - days * interval '1 day', 'work', gen_random_uuid(), 1 from unnest('{91,89}'::int[]) days`,
    );
    await rows(
      database,
      `insert into jobqueue.drains (id, source, started_at, deadline_at, finished_at)
       select gen_random_uuid(), source, now() - days * interval '1 day', deadline, case source when 'done' then now() - interval '1 day' end
       from (values ('done', 31, now() - interval '31 days'), ('died', 31, now() - interval '31 days'), ('done', 29, now()),
                    ('runs', 31, now() + interval '1 hour')) as d(source, days, deadline)`,
    );
    expect(await queueWith(database).prune()).toMatchObject({ drains: 2, done: true });
    expect(await rows(database, 'select source from jobqueue.drains order by source')).toEqual([
      { source: 'done' },
      { source: 'runs' },
    ]);
    expect(await rows(database, 'select completed from jobqueue.rollups')).toEqual([{ completed: 1 }]);
  });
});

describe('createQueue', () => {
  const database = (() => {
    throw new Error('a declaration must not touch the database');
  }) as unknown as Database;

  test.each<[string, object]>([
    ['a duration that is none', { completed: 'soon' }],
    ['no time at all', { deadLetter: 0 }],
    ['less than a minute', { cancelled: 59_999 }],
    ['more than ten years', { ledger: '11y' }],
    ['counts of less than two days', { rollups: '1d' }],
    ['an empty duration', { completed: '' }],
    ['what is no number', { completed: Number.NaN }],
    ['a type that the queue does not know', { types: { wrok: { completed: '1d' } } }],
    ['a wrong duration of a type', { types: { work: { completed: '-1d' } } }],
  ])('refuses a retention of %s', (_name, wrong) => {
    const create = () => queueWith(database, wrong);
    expect(create).toThrow(expect.objectContaining({ code: 'option_invalid' }));
    expect(create).toThrow(/retention[.].*expected .*, got /);
  });
});
