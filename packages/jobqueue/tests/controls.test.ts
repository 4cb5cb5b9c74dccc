/** Operations on live jobs while drains run: cancel, reschedule, set priority and pause; and their audit log. */
import { beforeEach, expect, test, vi } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import type { BulkReport } from '../src/index.ts';
import { CLAIM, claimOne, news, outcome, send } from './played-exchange.ts';
import {
  emptyTables,
  endLeases,
  listening,
  queueOf,
  rows,
  statuses,
  type WorkContext,
  witness,
  works,
} from './support.ts';

const ANN = { actor: 'ann' };
const WRONG = { ...ANN, reason: 'wrong template' };
const noop = { mode: 'noop' } as const;

describeOnOneDriver('an operator', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('cancels pending jobs: nothing runs, the key is free at once, and history says who and why', async () => {
    const { queue, seen } = queueOf(setup.database);
    const added = await queue.addJob('work', noop, { idempotencyKey: 'k' });
    expect(await queue.cancel({ type: 'work' }, WRONG)).toMatchObject({ changed: 1, skipped: 0, done: true });
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({
      status: 'CANCELLED',
      fence: 0,
      attempts: 0,
      errors: [{ name: 'Cancelled', code: 'cancelled', message: 'wrong template', by: 'ann', at: expect.any(String) }],
    });
    expect(await queue.stats({ by: 'total' })).toMatchObject([{ type: 'work', cancelled: 1, completed: 0 }]);
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).not.toBeNull();
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: 1, cancelled: 0 });
    expect(seen.starts.has(added?.id ?? '')).toBe(false);
  });

  test('cancels a running job: CANCELLED and key free at once, the signal within 2 s, the outcome lost', {
    timeout: 30_000,
  }, async () => {
    const { database, heard } = listening(setup.database);
    const { queue, seen } = queueOf(database);
    const running = new Promise<WorkContext>((started) => {
      seen.onStart = started;
    });
    const added = await queue.addJob('work', { mode: 'wait' }, { idempotencyKey: 'k' });
    const id = added?.id ?? '';
    const draining = queue.drain({ budgetMs: 30_000 });
    const run = await running;

    const report = await queue.cancel({ ids: [id] }, WRONG);
    const hearing = heard(run);
    expect(report).toMatchObject({ changed: 1, done: true });
    expect(await queue.getJob(id)).toMatchObject({ status: 'CANCELLED', fence: run.job.fence + 1 });
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).not.toBeNull();
    expect(await hearing).toBeLessThan(2_000);
    expect(await draining).toMatchObject({ claimed: 2, completed: 1, lost: 1, retried: 0, cancelled: 0 });
    expect(await queue.getJob(id)).toMatchObject({ status: 'CANCELLED', result: null, fence: run.job.fence + 1 });
  });

  test('is heard within 2 s also by a drain whose exchanges tell of other jobs all the time', {
    timeout: 30_000,
  }, async () => {
    const { database, heard } = listening(setup.database);
    const { queue, seen } = queueOf(database);
    await queue.addJobs([{ type: 'work', payload: { mode: 'wait' } }, ...works(400, { mode: 'sleep', ms: 40 })]);
    const enough = new AbortController();
    const draining = queue.drain({ budgetMs: 60_000, concurrency: 3, maxBatch: 3, signal: enough.signal });
    await vi.waitFor(() => expect(seen.order.length).toBeGreaterThan(20), { timeout: 10_000 });
    const waiting = seen.contexts.find(({ payload }) => payload.mode === 'wait') as WorkContext;
    await queue.cancel({ status: 'PROCESSING', ids: [waiting.job.id] }, WRONG);
    expect(await heard(waiting)).toBeLessThan(2_000);
    enough.abort();
    expect(await draining).toMatchObject({ lost: 1 });
  });

  test.each([
    ['by its first send', {}],
    ['sent again after a lost answer', { again: true }],
  ])('has the last word: an outcome under the old fence, %s, is lost', async (_, drain) => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await queue.addJob('work', noop, { idempotencyKey: 'k' });
    const held = await claimOne(database);
    await queue.cancel({ queue: 'default' }, WRONG);
    for (const to of ['completed', 'cancelled', 'retry'] as const) {
      const ending = { to, ranMs: 1, ...(to !== 'completed' && { error: { name: 'E', message: 'm', attempt: 1 } }) };
      expect(await send(database, { ...outcome(held, ending), drain })).toMatchObject({ lost: [held.place] });
    }
    const running = [news(held)];
    expect(await send(database, { running })).toMatchObject({ revoked: [held.place] });
    expect(await statuses(database)).toEqual({ CANCELLED: 1 });
  });

  test('an outcome recorded before the cancel stays settled when it is sent again', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await queue.addJob('work', noop);
    const retry = outcome(await claimOne(database), {
      to: 'retry',
      ...{ error: { name: 'E', message: 'm', attempt: 1 }, delayMs: 0 },
    });
    await send(database, retry);
    await queue.cancel({ type: 'work' }, WRONG);
    expect(await send(database, { ...retry, drain: { again: true } })).toMatchObject({ lost: [] });
  });

  test('means only the jobs that fit every criterion', async () => {
    const { queue } = queueOf(setup.database);
    const inDays = (days: number) => ({ scheduledFor: new Date(Date.now() + days * 86_400_000) });
    const [a, , c, d] = await queue.addJobs([
      { type: 'work', payload: noop, options: { priority: 1, ...inDays(1) } },
      { type: 'work', payload: noop, options: { priority: 2, ...inDays(3) } },
      { type: 'other', payload: noop, options: { priority: 1, queue: 'vip', ...inDays(3) } },
      { type: 'work', payload: noop },
    ]);
    await claimOne(setup.database); // d
    const left = async () =>
      (await rows<{ id: string }>(setup.database, 'select id::text from jobqueue.live_jobs j order by j.id')).map(
        ({ id }) => id,
      );
    const in2Days = new Date(Date.now() + 2 * 86_400_000);
    expect(await queue.cancel({ type: 'other', queue: 'default' }, WRONG)).toMatchObject({ changed: 0, done: true });
    expect(await queue.cancel({ ids: [a?.id ?? ''], type: 'other' }, WRONG)).toMatchObject({ changed: 0, done: true });
    expect(await queue.cancel({ status: 'PROCESSING', priority: 1 }, WRONG)).toMatchObject({ changed: 0, done: true });
    expect(await queue.cancel({ dueAfter: in2Days, type: 'work' }, WRONG)).toMatchObject({ changed: 1 });
    expect(await left()).toEqual([a?.id, c?.id, d?.id]);
    expect(await queue.cancel({ dueBefore: in2Days, status: 'PENDING' }, WRONG)).toMatchObject({ changed: 1 });
    expect(await left()).toEqual([c?.id, d?.id]);
    expect(await queue.cancel({ queue: 'vip', priority: 1 }, WRONG)).toMatchObject({ changed: 1 });
    expect(await queue.cancel({ status: 'PROCESSING' }, WRONG)).toMatchObject({ changed: 1 });
    expect(await left()).toEqual([]);
  });

  test('takes out of a batch that a drain holds the jobs that it means, and no others', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const added = await queue.addJobs([...works(4), { type: 'other', payload: noop, options: { priority: 9 } }]);
    const ids = added.map((job) => job?.id ?? '');
    const types = { work: 60_000, other: 60_000 };
    const { jobs } = await send(database, { claim: { ...CLAIM, types } });
    expect(jobs).toHaveLength(5);
    const of = (status: 'PENDING' | 'PROCESSING', type: string, n: number) => ({
      queue: 'default',
      type,
      status,
      jobs: n,
    });
    await queue.addJob('work', noop);
    expect((await queue.previewJobs({ queue: 'default' })).groups).toEqual(
      expect.arrayContaining([of('PROCESSING', 'work', 4), of('PENDING', 'work', 1), of('PROCESSING', 'other', 1)]),
    );
    expect((await queue.previewJobs({ ids: ids.slice(1, 3) })).groups).toEqual([of('PROCESSING', 'work', 2)]);
    expect(await queue.cancel({ ids: ids.slice(1, 3), status: 'PENDING' }, WRONG)).toMatchObject({ changed: 0 });
    expect(await queue.cancel({ ids: ids.slice(1, 3) }, WRONG)).toMatchObject({ changed: 2, skipped: 0, done: true });
    expect(await queue.cancel({ priority: 9 }, WRONG)).toMatchObject({ changed: 1, done: true });
    expect(await statuses(database)).toEqual({ PENDING: 1, PROCESSING: 2, CANCELLED: 3 });
    const held = await rows<{ id: string }>(
      database,
      'select id::text from jobqueue.live_jobs j where lease_until is not null order by j.id',
    );
    expect(held.map(({ id }) => id)).toEqual([ids[0], ids[3]]);

    // The holder hears of its own, and reports the rest.
    const mine = jobs.filter(({ type }) => type === 'work').sort((a, b) => a.position - b.position);
    const [batch] = mine.map((job) => job.batch);
    const ended = mine.map(({ position }) => ({ position, ranMs: 0, endedAgoMs: 0, result: 'null' }));
    const { lost } = await send(database, { completed: [{ batch: batch as never, jobs: ended }] });
    expect(lost).toEqual(mine.filter(({ id }) => ids.indexOf(id) % 3 !== 0).map(({ place }) => place));
    expect(await statuses(database)).toEqual({ PENDING: 1, COMPLETED: 2, CANCELLED: 3 });
  });

  test('counts on beyond the jobs that it means among thousands that drains hold, slice by slice', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await queue.addJobs(works(1_800));
    for (let n = 0; n < 3; n++) await send(database, { claim: { ...CLAIM, limit: 500, free: 500 } });
    const slices: number[] = [];
    const onProgress = ({ changed }: { readonly changed: number }) => void slices.push(changed);
    expect(await queue.cancel({ type: 'work' }, { ...WRONG, onProgress })).toMatchObject({
      changed: 1_800,
      done: true,
    });
    expect(slices.length).toBeGreaterThan(2);
    expect(await statuses(database)).toEqual({ CANCELLED: 1_800 });
    expect(await rows(database, 'select from jobqueue.leases')).toEqual([]);
  });

  test('comes back for jobs of a batch that an exchange held just then', async () => {
    const { database } = setup;
    if (setup.driver === 'neon-http') return; // no transaction of its own to hold them in
    const { queue } = queueOf(database);
    await queue.addJobs(works(5));
    await send(database, { claim: CLAIM });
    const progresses: number[] = [];
    const step = await new Promise<{ ended: Promise<unknown>; release: () => void }>((locked) => {
      const ended = database.transaction(async (tx) => {
        await tx.execute({ text: 'select from jobqueue.leases for update', params: [] });
        await new Promise<void>((release) => locked({ ended: Promise.resolve().then(() => ended), release }));
      });
    });
    const onProgress = ({ changed }: { readonly changed: number }) => {
      progresses.push(changed);
      step.release();
    };
    expect(await queue.cancel({ type: 'work' }, { ...WRONG, onProgress })).toMatchObject({ changed: 5, done: true });
    await step.ended;
    expect(progresses[0]).toBe(0);
    expect(await statuses(database)).toEqual({ CANCELLED: 5 });
  });

  test('reaches every lane, and not what is enqueued after it began', async () => {
    const { queue } = queueOf(setup.database);
    await rows(
      setup.database,
      `insert into jobqueue.jobs (type, queue, priority, payload, payload_bytes, due_at)
       select case n % 3 when 0 then 'work' when 1 then 'other' else 'work-b' end, 'q' || n % 7, n % 11, '{}', 2, now() - n * interval '1 second'
       from generate_series(1, 2310) n`,
    );
    const added: unknown[] = [];
    const report = await queue.cancel(
      { type: 'work' },
      {
        ...WRONG,
        onProgress: ({ changed }) => {
          if (changed === 500) added.push(queue.addJob('work', noop));
        },
      },
    );
    await Promise.all(added);
    expect(report).toMatchObject({ changed: 770, skipped: 0, done: true });
    const left = 'select type, count(*)::int as n from jobqueue.jobs group by type order by type';
    expect(await rows(setup.database, left)).toEqual([
      { type: 'other', n: 770 },
      { type: 'work', n: 1 },
      { type: 'work-b', n: 770 },
    ]);
  });

  test('cancels 20,000 jobs in slices while four drains run: each ends once, as the one or the other', {
    timeout: 120_000,
  }, async () => {
    const seen = witness();
    const { queue } = queueOf(setup.database, seen);
    for (let n = 0; n < 4; n++) await queue.addJobs(works(2_500));
    for (let n = 0; n < 4; n++) await queue.addJobs(works(2_500, { mode: 'sleep', ms: 2 }));
    const slices: number[] = [];
    let open: () => void = () => undefined;
    const gate = new Promise<void>((opens) => {
      open = opens;
    });
    // However fast they are, the drains leave something to cancel.
    seen.onStart = () => (seen.order.length > 100 ? gate : undefined);
    const drains = Array.from({ length: 4 }, () =>
      queueOf(setup.connect(), seen).queue.drain({ budgetMs: 60_000, concurrency: 20 }),
    );
    await vi.waitFor(() => expect(seen.order.length).toBeGreaterThan(100), { timeout: 60_000, interval: 2 });
    const report = await queue.cancel(
      { type: 'work' },
      {
        ...WRONG,
        onProgress: ({ changed }) => {
          slices.push(changed);
          if (slices.length > 5) open();
        },
      },
    );
    const reports = await Promise.all(drains);

    expect(report.done).toBe(true);
    expect(slices.length).toBeGreaterThan(5);
    const { CANCELLED = 0, COMPLETED = 0, ...others } = await statuses(setup.database);
    expect(others).toEqual({});
    expect(CANCELLED).toBe(report.changed);
    expect(CANCELLED).toBeGreaterThan(1_000);
    expect(CANCELLED + COMPLETED).toBe(20_000);
    expect(reports.reduce((sum, { completed }) => sum + completed, 0)).toBe(COMPLETED);
    expect(Math.max(...seen.starts.values())).toBe(1);
  });

  test('reschedules pending jobs to one instant, by delay or date, and skips what is held', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await queue.addJobs(works(1_200));
    await send(database, { claim: { ...CLAIM, limit: 5 } });
    const report = await queue.reschedule({ type: 'work' }, { ...ANN, to: { delayMs: 3_600_000 } });
    expect(report).toMatchObject({ changed: 1_195, skipped: 5, done: true });
    const due = `select count(*)::int as n, extract(epoch from due_at - now()) between 3500 and 3600 as in_an_hour
                 from jobqueue.jobs where lease_until is null group by due_at`;
    expect(await rows(database, due)).toEqual([{ n: 1_195, in_an_hour: true }]);

    expect(await queue.reschedule({ type: 'work', status: 'PENDING' }, { ...ANN, to: new Date(0) })).toMatchObject({
      changed: 1_195,
    });
    expect(await rows(database, 'select from jobqueue.jobs where due_at > now()')).toEqual([]);
    await endLeases(database);
    expect(await queue.drain({ budgetMs: 20_000 })).toMatchObject({ completed: 1_200 });
  });

  test('re-prioritises pending jobs: they overtake, and what is held keeps its place', async () => {
    const { database } = setup;
    const { queue, seen } = queueOf(database);
    await queue.addJobs([...works(3), { type: 'other', payload: { ...noop, n: 7 } }]);
    await send(database, { claim: { ...CLAIM, limit: 1 } });
    expect(await queue.setPriority({ type: 'work' }, { ...ANN, priority: 1 })).toMatchObject({
      changed: 2,
      skipped: 1,
    });
    const report = await queue.setPriority({ type: 'other' }, { ...ANN, priority: 9 });
    expect(report).toMatchObject({ changed: 1, skipped: 0, done: true });
    await endLeases(database);
    await queue.drain({ budgetMs: 10_000, concurrency: 1, maxBatch: 1 });
    expect(seen.order).toEqual([7, 1, 2, 0]);
  });

  test('repeats an operation without effect, and stops one at its signal: the same call does the rest', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(1_100));
    const enough = new AbortController();
    const first = await queue.setPriority(
      { type: 'work' },
      { ...ANN, priority: 5, signal: enough.signal, onProgress: () => enough.abort() },
    );
    expect(first).toMatchObject({ changed: 500, done: false });
    const again = () => queue.setPriority({ type: 'work' }, { ...ANN, priority: 5 });
    expect(await again()).toMatchObject({ changed: 600, done: true });
    expect(await again()).toMatchObject({ changed: 0, done: true });
    const [last] = await queue.auditLog({ limit: 1 });
    expect(last).toMatchObject({ action: 'reprioritise.done', details: { changed: 0 } });
  });

  test('comes back for rows that an exchange held just then', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await queue.addJobs(works(10));
    const locker = setup.driver === 'neon-http' ? null : setup.database; // its own transaction, where the driver has them
    const progresses: number[] = [];
    let report: BulkReport;
    if (locker === null) {
      report = await queue.cancel(
        { type: 'work' },
        { ...WRONG, onProgress: ({ changed }) => void progresses.push(changed) },
      );
      expect(progresses).toEqual([10]);
    } else {
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      let locked: () => void = () => undefined;
      const isLocked = new Promise<void>((resolve) => {
        locked = resolve;
      });
      const step = locker.transaction(async (tx) => {
        await tx.execute({ text: 'select from jobqueue.jobs order by id limit 3 for no key update', params: [] });
        locked();
        await released;
      });
      await isLocked;
      report = await queue.cancel(
        { type: 'work' },
        {
          ...WRONG,
          onProgress: ({ changed }) => {
            progresses.push(changed);
            release();
          },
        },
      );
      await step;
      expect(progresses.slice(0, 1)).toEqual([7]);
    }
    expect(report).toMatchObject({ changed: 10, done: true });
    expect(await statuses(database)).toEqual({ CANCELLED: 10 });
  });

  test('deadlocks with nothing: eight drains, and every operation at once', { timeout: 120_000 }, async () => {
    const deadlocks = async () =>
      Number(
        (
          await rows<{ n: string }>(
            setup.database,
            'select deadlocks::text as n from pg_stat_database where datname = current_database()',
          )
        )[0]?.n,
      );
    const before = await deadlocks();
    const { queue, seen } = queueOf(setup.database);
    const options = (n: number) => ({ idempotencyKey: `k${n % 1_500}`, maxAttempts: 1 });
    const entries = Array.from({ length: 6_000 }, (_, n) => ({
      type: (n % 2 ? 'work' : 'other') as 'work' | 'other',
      payload: { mode: n % 5 === 0 ? ('fail' as const) : ('sleep' as const), ms: 1, n },
      ...(n % 3 === 0 && { options: options(n) }),
    }));
    const dying = { mode: 'fail_for_good' as const };
    await queue.addJobs(Array.from({ length: 600 }, () => ({ type: 'other' as const, payload: dying })));
    await queue.drain({ budgetMs: 30_000 });
    const replay = await queue.replay({ errorName: 'NonRetryableError' }, { ...ANN, perMinute: 10_000 });
    await rows(setup.database, `update jobqueue.replays set budget_from = now() - interval '1 minute'`);
    await queue.addJobs(entries);
    const drains = Array.from({ length: 8 }, () =>
      queueOf(setup.connect(), seen).queue.drain({ budgetMs: 60_000, concurrency: 20 }),
    );
    await Promise.all([
      queue.cancel({ type: 'other', priority: 0 }, WRONG),
      queue.setPriority({ type: 'work' }, { ...ANN, priority: 3 }),
      queue.reschedule({ queue: 'default' }, { ...ANN, to: { delayMs: 0 } }),
      queue.cancel({ type: 'work', status: 'PROCESSING' }, WRONG),
      queue.replay({ type: 'work' }, ANN),
      queue.replay({ type: 'other' }, { ...ANN, statuses: ['DEAD_LETTER', 'CANCELLED'], maxJobs: 500 }),
      queue.addJobs(entries.filter(({ options }) => options !== undefined)),
    ]);
    await Promise.all(drains);
    expect((await queue.replays())[0]?.replayed).toBeGreaterThan(0);
    await queue.stopReplay(replay.id, ANN);
    await queue.drain({ budgetMs: 30_000 });
    const [{ live, both } = { live: -1, both: -1 }] = await rows<{ live: number; both: number }>(
      setup.database,
      `select (select count(*) from jobqueue.jobs)::int as live,
              (select count(*) from jobqueue.jobs j join jobqueue.finished_jobs h using (id))::int as both`,
    );
    expect({ live, both }).toEqual({ live: 0, both: 0 });
    expect(await deadlocks()).toBe(before);
  });

  test.each([
    ['no criterion', {}, 'at least one of ids, type'],
    ['a misspelt criterion', { typ: 'work' }, "got 'typ'"],
    ['an id that is none', { ids: ['1', 'x'] }, "filter.ids[1]: expected an id as a string of digits, got 'x'"],
    ['too many ids', { ids: Array.from({ length: 1_001 }, (_, n) => `${n + 1}`) }, 'got '],
    ['no ids', { ids: [] }, '1 to 1000 ids'],
    ['an unknown status', { status: 'DONE' }, "'PENDING' or 'PROCESSING'"],
    ['a date that is none', { dueBefore: new Date(Number.NaN) }, 'a valid Date'],
    ['a name that is none', { type: 'a b' }, 'a name of 1 to 100'],
  ])('is refused %s, and nothing is written', async (_, filter, words) => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', noop);
    const [latest] = await queue.auditLog({ limit: 1 });
    await expect(queue.cancel(filter as never, WRONG)).rejects.toThrow(words);
    await expect(queue.cancel(filter as never, WRONG)).rejects.toMatchObject({
      name: 'QueueError',
      code: 'option_invalid',
    });
    expect(await statuses(setup.database)).toEqual({ PENDING: 1 });
    expect((await queue.auditLog({ limit: 1 }))[0]).toEqual(latest);
  });

  test('must say who, why and what: each missing word is refused', async () => {
    const { queue } = queueOf(setup.database);
    const all = { type: 'work' };
    await expect(queue.cancel(all, { actor: '', reason: 'x' })).rejects.toThrow('actor: expected');
    await expect(queue.cancel(all, { ...ANN, reason: '' })).rejects.toThrow('reason: expected');
    await expect(queue.setPriority(all, { ...ANN, priority: 11 })).rejects.toThrow('from 0 to 10, got 11');
    await expect(queue.reschedule(all, { ...ANN, to: { delayMs: -1 } })).rejects.toThrow('to.delayMs: expected');
    await expect(queue.reschedule(all, { ...ANN, to: new Date('2090-01-01') })).rejects.toThrow('10 years ahead');
    await expect(queue.reschedule({ status: 'PROCESSING' }, { ...ANN, to: new Date() })).rejects.toThrow(
      'filter.status',
    );
    await expect(queue.auditLog({ limit: 1_000 })).rejects.toThrow('limit: expected');
  });

  test.each([
    ['a misspelt criterion', `select jobqueue.cancel_1('{"typ": "work"}', '{"actor": "ann", "reason": "r"}')`],
    ['no criterion', `select jobqueue.cancel_1('{}', '{"actor": "ann", "reason": "r"}')`],
    ['a null', `select jobqueue.cancel_1('{"type": null}', '{"actor": "ann", "reason": "r"}')`],
    ['nobody', `select jobqueue.cancel_1('{"type": "work"}', '{"reason": "r"}')`],
    ['only statuses', `select jobqueue.replay_1('{"statuses": ["CANCELLED"]}', '{"actor": "ann"}')`],
    ['completed jobs', `select jobqueue.replay_1('{"type": "work", "statuses": ["COMPLETED"]}', '{"actor": "ann"}')`],
  ])('is refused %s from SQL too', async (_, text) => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', noop);
    await expect(rows(setup.database, text)).rejects.toMatchObject({ code: '22023' });
    expect(await statuses(setup.database)).toEqual({ PENDING: 1 });
  });

  test('pauses and resumes with a name and a reason, each in the audit log', async () => {
    const { queue } = queueOf(setup.database);
    await queue.pause({ type: 'work' }, { actor: 'ann', reason: 'incident 7' });
    await queue.resume({ type: 'work' }, { actor: 'bob' });
    await queue.pause({ queue: 'vip' }, { actor: 'bob' });
    await queue.resume({ queue: 'vip' }, { actor: 'ann', reason: 'mended' });
    expect(await queue.auditLog({ limit: 4 })).toMatchObject([
      { actor: 'ann', action: 'resume', details: { queue: 'vip', type: '*', wasPaused: true, reason: 'mended' } },
      { actor: 'bob', action: 'pause', details: { queue: 'vip', type: '*' } },
      { actor: 'bob', action: 'resume', details: { queue: '*', type: 'work', wasPaused: true } },
      {
        actor: 'ann',
        action: 'pause',
        details: { queue: '*', type: 'work', reason: 'incident 7' },
        at: expect.any(Date),
      },
    ]);
  });

  test('changes nothing for somebody without a name', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', noop);
    const type = 'work';
    const calls: readonly ((by: { readonly actor: string }) => Promise<unknown>)[] = [
      (by) => queue.pause({ type }, by),
      (by) => queue.resume({ type }, by),
      (by) => queue.cancel({ type }, { ...by, reason: 'x' }),
      (by) => queue.reschedule({ type }, { ...by, to: { delayMs: 0 } }),
      (by) => queue.setPriority({ type }, { ...by, priority: 1 }),
      (by) => queue.replay({ type }, by ?? {}),
      (by) => queue.replay({ type }, { ...by, perMinute: 1 }),
      (by) => queue.replayWithPayload('1', noop, by),
      (by) => queue.freeKey({ type, idempotencyKey: 'k' }, by),
      (by) => queue.stopReplay('1', by),
      (by) => queue.unblock('k', by),
      (by) => queue.adopt('preview', by),
      (by) => queue.pauseSchedule('nightly', by),
      (by) => queue.resumeSchedule('nightly', by),
      (by) => queue.overrideSchedule('nightly', null, by),
      (by) => queue.runSchedule('nightly', by),
      (by) => queue.acknowledgeIncident('1', by),
      (by) => queue.muteCheck({ check: 'ticks' }, { ...by, reason: 'x', forMs: 1_000 }),
      (by) => queue.unmuteCheck({ check: 'ticks' }, by),
    ];
    const before = await queue.auditLog({ limit: 1 });
    for (const call of calls)
      for (const nobody of [undefined, {}, { actor: '' }, { actor: ' ' }, { actor: 'a\0b' }])
        await expect(call(nobody as { actor: string }), `${call} by ${JSON.stringify(nobody)}`).rejects.toMatchObject({
          code: 'option_invalid',
          issues: [{ path: 'actor' }],
        });
    expect(await queue.auditLog({ limit: 1 })).toEqual(before);
    expect(await statuses(setup.database)).toEqual({ PENDING: 1 });
  });

  /** 300 quick jobs, so that a drain learns to hold many, then slow ones: many seconds of work that it holds and has not started. */
  const heldInPlenty = (type: 'work' | 'other' = 'work') => [
    ...works(300, { mode: 'sleep', ms: 5 }).map((entry) => ({ ...entry, type })),
    ...works(1_000, { mode: 'sleep', ms: SLOW_MS }).map((entry) => ({ ...entry, type })),
  ];
  const SLOW_MS = 300;

  test.each([{ type: 'work' }, { queue: 'default' }, {}] as const)(
    'pauses %j under load: within 2 s no handler starts any more, and what was claimed goes back as it was',
    { timeout: 30_000 },
    async (target) => {
      const { queue, seen } = queueOf(setup.database);
      await queue.addJobs(heldInPlenty());
      const before = await rows<{ id: string }>(
        setup.database,
        'select id::text, due_at::text from jobqueue.jobs order by id',
      );
      let pausedAtMs = Number.POSITIVE_INFINITY;
      let lastStartMs = 0;
      let slow = 0;
      seen.onStart = async ({ payload }) => {
        lastStartMs = performance.now();
        if (payload.ms !== SLOW_MS || ++slow !== 20) return;
        await queue.pause(target, WRONG);
        pausedAtMs = performance.now();
      };
      const report = await queue.drain({ budgetMs: 20_000, concurrency: 10 });
      expect(report.stopReason).toBe('empty');
      expect(report.givenBack).toBeGreaterThan(100); // so much it held
      expect(lastStartMs - pausedAtMs).toBeLessThan(2_000);
      expect(report.completed + report.givenBack).toBeGreaterThanOrEqual(report.claimed);
      const left = await rows<{ id: string }>(
        setup.database,
        `select id::text, due_at::text, attempt, passes, rescues, interruptions, lease_until is null as free
         from jobqueue.jobs order by id`,
      );
      expect(left).toHaveLength(1_300 - report.completed);
      const counters = { attempt: 0, passes: 0, rescues: 0, interruptions: 0, free: true };
      const ids = new Set(left.map(({ id }) => id));
      expect(left).toEqual(before.filter(({ id }) => ids.has(id)).map((row) => ({ ...row, ...counters })));
    },
  );

  test('cancels under load what a drain holds and has not started: within 2 s no handler of it starts any more', {
    timeout: 30_000,
  }, async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(heldInPlenty());
    let cancelledAtMs = Number.POSITIVE_INFINITY;
    let lastStartMs = 0;
    let slow = 0;
    seen.onStart = async ({ payload }) => {
      lastStartMs = performance.now();
      if (payload.ms !== SLOW_MS || ++slow !== 20) return;
      await queue.cancel({ type: 'work' }, WRONG);
      cancelledAtMs = performance.now();
    };
    const report = await queue.drain({ budgetMs: 20_000, concurrency: 10 });
    expect(report.stopReason).toBe('empty');
    expect(report.lost).toBeGreaterThan(100); // so much it held
    expect(lastStartMs - cancelledAtMs).toBeLessThan(2_000);
    expect(await statuses(setup.database)).toEqual({
      COMPLETED: report.completed,
      CANCELLED: 1_300 - report.completed,
    });
  });

  test('pauses one type while a drain goes on with another, and one that includes what is paused goes on with all', {
    timeout: 60_000,
  }, async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs([...heldInPlenty().slice(0, 600), ...heldInPlenty('other').slice(0, 400)]);
    seen.onStart = async ({ payload }) => {
      if (payload.ms !== SLOW_MS) return;
      delete seen.onStart;
      await queue.pause({ type: 'work' }, WRONG);
    };
    const one = await queue.drain({ budgetMs: 30_000, concurrency: 30 });
    expect(one.stopReason).toBe('empty');
    expect(await statuses(setup.database)).toEqual({ COMPLETED: one.completed, PENDING: 1_000 - one.completed });
    expect(await rows(setup.database, 'select distinct type::text from jobqueue.jobs')).toEqual([{ type: 'work' }]);
    expect(await queue.drain({ budgetMs: 30_000, concurrency: 30, includePaused: true })).toMatchObject({
      completed: 1_000 - one.completed,
      givenBack: 0,
    });
  });

  test('pauses while Postgres answers a drain no more: what waits there does not start either', {
    timeout: 60_000,
  }, async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs(heldInPlenty());
    let unheardAtMs = Number.POSITIVE_INFINITY;
    let lastStartMs = 0;
    const stop = new AbortController();
    seen.onStart = ({ payload }) => {
      lastStartMs = performance.now();
      if (payload.ms !== SLOW_MS || unheardAtMs < Number.POSITIVE_INFINITY) return;
      unheardAtMs = performance.now();
      setup.faults.refuseConnections(true);
      setTimeout(() => stop.abort(), 4_000); // by then some 130 more would have started
    };
    await queue.drain({ budgetMs: 8_000, concurrency: 10, signal: stop.signal });
    setup.faults.refuseConnections(false);
    expect(lastStartMs - unheardAtMs).toBeLessThan(2_500);
  });

  test('is refused a type that nothing knows, with the nearest, and nothing is written', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', noop);
    const [latest] = await queue.auditLog({ limit: 1 });
    const type = 'wrok';
    const calls = [
      () => queue.pause({ type }, ANN),
      () => queue.resume({ type }, ANN),
      () => queue.cancel({ type }, WRONG),
      () => queue.reschedule({ type }, { ...ANN, to: { delayMs: 0 } }),
      () => queue.setPriority({ type }, { ...ANN, priority: 1 }),
      () => queue.previewJobs({ type }),
      () => queue.previewReplay({ type }),
      () => queue.replay({ type }, ANN),
      () => queue.replay({ type }, { ...ANN, perMinute: 1 }),
      () => queue.preview({ types: [type] }),
      () => queue.drain({ types: [type] }),
    ];
    for (const call of calls)
      await expect(call()).rejects.toMatchObject({
        code: 'unknown_type',
        message: expect.stringContaining("got 'wrok'; the nearest: work"),
      });
    expect((await queue.auditLog({ limit: 1 }))[0]).toEqual(latest);
    expect(await queue.pauses()).toEqual([]);
  });

  test('is refused a misspelt type among 10,000 queues too', async () => {
    const { queue } = queueOf(setup.database);
    await rows(
      setup.database,
      `select count(*) from jobqueue.add_jobs((
         select jsonb_agg(jsonb_build_object('type', 'work', 'payload', '{}'::jsonb, 'queue', 'tenant_' || n)) from generate_series(1, 10000) n))`,
    );
    await expect(queue.pause({ type: 'wrok' }, ANN)).rejects.toMatchObject({ code: 'unknown_type' });
    expect(await queue.checkNames({ queue: 'tenant_10000' })).toEqual([]);
    expect(await queue.checkNames({ queue: 'tenant_10001' })).toEqual([expect.stringMatching(/^no job is in queue/)]);
  });

  test('may name a type of another deployment by whatever it left: a job, a dead one, a cancelled one, a run, a pause, a schedule', async () => {
    const { queue } = queueOf(setup.database);
    const history = (type: string, status: string) =>
      rows(
        setup.database,
        `insert into jobqueue.job_history (id, status, created_at, due_at, finished_at, fence, attempt, max_attempts, priority, queue, type, payload)
         values (nextval('jobqueue.jobs_id_seq'), '${status}', now(), now(), now(), 1, 1, 1, 0, 'default', '${type}', '{}')`,
      );
    await rows(setup.database, `select jobqueue.add_job('alive', '{}')`);
    await history('dead', 'DEAD_LETTER');
    await history('cancelled', 'CANCELLED');
    await rows(setup.database, `insert into jobqueue.pauses (queue, type) values ('*', 'paused')`);
    await rows(
      setup.database,
      `insert into jobqueue.trends (hour, type) values (date_trunc('hour', now()), 'ran') on conflict do nothing`,
    );
    await rows(
      setup.database,
      `insert into jobqueue.schedules (name, definition) values ('nightly', '{"job": {"type": "planned"}}')`,
    );
    for (const type of ['alive', 'dead', 'cancelled', 'paused', 'ran', 'planned'])
      expect([type, await queue.checkNames({ type })]).toEqual([type, []]);
    await expect(queue.checkNames({ type: 'gone' })).rejects.toMatchObject({ code: 'unknown_type' });
    await rows(setup.database, `delete from jobqueue.trends where type = 'ran'`);
    await rows(setup.database, `delete from jobqueue.schedules where name = 'nightly'`);
  });

  test('is warned of a queue that holds nothing, with the nearest, and told if there was no pause to end', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', noop, { queue: 'vip' });
    const warnings = [expect.stringMatching(/^no job is in queue 'vpi'; the nearest: vip/)];
    expect(await queue.pause({ queue: 'vpi' }, ANN)).toEqual({ warnings });
    expect(await queue.resume({ queue: 'vip' }, ANN)).toEqual({ resumed: false, warnings: [] });
    expect(await queue.resume({ queue: 'vpi' }, ANN)).toEqual({ resumed: true, warnings: [] }); // a pause had made it known
    expect(await queue.cancel({ queue: 'vpi' }, WRONG)).toMatchObject({ changed: 0, warnings });
  });

  test('finds in the audit log who did what, with which filter, to how many; page by page', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(3));
    const { operation } = await queue.cancel({ type: 'work', priority: 0 }, WRONG);
    const [end, begin] = await queue.auditLog({ limit: 2 });
    expect(begin).toMatchObject({
      id: operation,
      actor: 'ann',
      action: 'cancel',
      details: { filter: { type: 'work', priority: 0 }, reason: 'wrong template' },
    });
    expect(end).toMatchObject({ actor: 'ann', action: 'cancel.done', details: { operation, changed: 3, skipped: 0 } });
    expect(await queue.auditLog({ before: end?.id ?? '', limit: 1 })).toEqual([begin]);
  });

  test.each([
    ["update jobqueue.audit_log set actor = 'somebody else'"],
    ['delete from jobqueue.audit_log'],
    ['truncate jobqueue.audit_log'],
  ])('cannot rewrite the audit log: %s', async (text) => {
    const { queue } = queueOf(setup.database);
    await queue.audit({ actor: 'ann', action: 'test', details: {} });
    await expect(rows(setup.database, text)).rejects.toMatchObject({ code: '42501' });
    expect((await queue.auditLog({ limit: 1 }))[0]).toMatchObject({ actor: 'ann', action: 'test' });
  });
});
