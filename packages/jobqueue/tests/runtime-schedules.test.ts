/** Schedules that are made at run time, beside those of the code: names, changes, previews, lists, and the same in SQL. */
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { createQueue, defineJob, type Log, type NewSchedule, type RunningJob, secret } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { type DueSchedule, fire } from '../src/postgres/statements/schedules.ts';
import { decide } from '../src/schedules/misfire.ts';
import { emptySchedules, missOneSlot, report, scheduledQueue, silence, slotRows } from './scheduled.ts';
import { rows } from './support.ts';

const ANN = { actor: 'ann', reason: 'a new tenant' };
const HOURLY = { cron: '0 * * * *', timeZone: 'Asia/Dubai', type: 'report' } as const;

describeOnOneDriver('schedules of run time', (setup) => {
  let database: Database;
  beforeEach(async () => {
    database = setup.database;
    await emptySchedules(database);
  });

  const tenant = (of: Partial<NewSchedule<'report', { company: string }>> = {}) => ({
    name: 'tenant-7:report',
    ...HOURLY,
    payload: { company: 'acme' },
    ...of,
  });
  const deployed = async (...schedules: ReturnType<typeof report>[]) => {
    const found = scheduledQueue(database, schedules);
    await found.queue.drain();
    return found;
  };
  const audited = () =>
    rows<{ actor: string; action: string; details: Record<string, unknown> }>(
      database,
      'select actor, action, details from jobqueue.audit_log order by id',
    );
  const refused = (code: string, path: string) =>
    expect.objectContaining({ code, issues: [expect.objectContaining({ path })] });

  /** A queue that says nothing about schedules. */
  function withoutSchedules() {
    const seen: RunningJob[] = [];
    const logged: string[] = [];
    const log: Log = (_, event) => logged.push(event);
    const job = defineJob({
      type: 'report',
      payload: z.object({ company: z.string(), token: secret(z.string()).optional() }),
      priority: 3,
      handler: async () => ({
        run: async ({ job }) => {
          seen.push(job);
        },
      }),
    });
    return { queue: createQueue({ database, jobs: [job], log }), seen, logged };
  }

  test('one that was made fires its slots, also where no code declares any schedule', async () => {
    const { queue, seen } = withoutSchedules();
    await queue.schedules.create(tenant(), ANN);
    await queue.drain();
    const [listed] = await queue.schedules();
    expect(listed).toMatchObject({
      name: 'tenant-7:report',
      kind: 'runtime',
      type: 'report',
      declared: true,
      problem: null,
    });
    expect(listed?.nextSlot?.getTime()).toBeGreaterThan(Date.now());
    expect(seen).toEqual([]); // it starts with its first slot after now
    await missOneSlot(database);
    expect(await queue.drain()).toMatchObject({ completed: 1 });
    expect(seen).toMatchObject([{ schedule: { name: 'tenant-7:report', slot: expect.any(Date) } }]);
    expect(await queue.getJob(seen[0]?.id ?? '')).toMatchObject({ payload: { company: 'acme' }, priority: 3 });
    expect(await audited()).toEqual([
      {
        actor: 'ann',
        action: 'schedule_created',
        details: {
          schedule: 'tenant-7:report',
          reason: 'a new tenant',
          paused: false,
          created: {
            ...HOURLY,
            ...{ misfire: 'latest', missedAfterMs: 90_000_000, overlap: 'allow', jitterMs: 0 },
            ...{ queue: 'default', priority: 3, max_attempts: 3 },
          },
        },
      },
    ]);
  });

  test('it has every option of a schedule of the code, and can begin paused', async () => {
    const { queue, seen } = withoutSchedules();
    const options = { misfire: { all: 3 }, missedAfterMs: 5, overlap: 'skip', jitterMs: 7, priority: 9 } as const;
    await queue.schedules.create({ ...tenant(options), paused: true }, ANN);
    await silence(database, '5 hours');
    await queue.drain();
    expect(seen).toEqual([]);
    expect(await queue.schedules.get('tenant-7:report')).toMatchObject({
      ...options,
      kind: 'runtime',
      payload: { company: 'acme' },
      paused: { since: expect.any(Date), reason: 'a new tenant' },
    });
    await queue.resumeSchedule('tenant-7:report', ANN);
    await queue.drain();
    expect(await slotRows(database)).toHaveLength(3);
    expect(await queue.schedules.get('nobody')).toBeNull();
    expect(await queue.schedules.get('no name')).toBeNull();
  });

  test('pause, resume and run are those of the code; an override is not', async () => {
    const { queue, seen } = withoutSchedules();
    await queue.schedules.create(tenant(), ANN);
    await queue.pauseSchedule('tenant-7:report', ANN);
    expect(await queue.runSchedule('tenant-7:report', ANN)).toEqual({ id: expect.any(String) });
    await queue.drain();
    expect(seen).toMatchObject([{ schedule: { name: 'tenant-7:report' } }]);
    const override = queue.overrideSchedule('tenant-7:report', { cron: '0 4 * * *' }, ANN);
    await expect(override).rejects.toEqual(refused('schedule_kind', 'name'));
  });

  describe('a name is of the code or of run time', () => {
    test('what code declares, declared once, or is about to declare is refused to run time', async () => {
      const { queue } = await deployed(report({ name: 'in-force' }), report({ name: 'dropped' }));
      const next = scheduledQueue(database, [report({ name: 'in-force' }), report({ name: 'not-yet' })]).queue;
      for (const name of ['in-force', 'not-yet'])
        await expect(next.schedules.create(tenant({ name }), ANN)).rejects.toEqual(refused('schedule_exists', 'name'));
      await next.drain();
      await expect(queue.schedules.create(tenant({ name: 'dropped' }), ANN)).rejects.toMatchObject({
        code: 'schedule_exists',
        message: expect.stringContaining('code'),
      });
      expect(await audited()).toEqual([]);

      // unless nobody wants it any more
      await expect(next.schedules.delete('in-force', ANN)).rejects.toEqual(refused('schedule_kind', 'name'));
      await next.schedules.delete('dropped', ANN);
      await withoutSchedules().queue.schedules.create(tenant({ name: 'dropped' }), ANN);
      expect((await queue.schedules()).map(({ name, kind }) => [name, kind])).toEqual([
        ['in-force', 'code'],
        ['not-yet', 'code'],
        ['dropped', 'runtime'],
      ]);
    });

    test('a second one of run time is refused', async () => {
      const { queue } = withoutSchedules();
      await queue.schedules.create(tenant(), ANN);
      await expect(queue.schedules.create(tenant({ cron: '* * * * *' }), ANN)).rejects.toMatchObject({
        code: 'schedule_exists',
        message: expect.stringContaining('schedules.update'),
      });
      expect(await queue.schedules()).toMatchObject([{ cron: '0 * * * *' }]);
    });

    test('of a deployment that declares the name of one, that schedule is refused, told with each look, and nothing else is touched', async () => {
      await withoutSchedules().queue.schedules.create(tenant({ name: 'taken', cron: '30 * * * *' }), ANN);
      const clash = () =>
        scheduledQueue(database, [
          report({ name: 'taken', payload: { company: 'of the code' } }),
          report({ name: 'free' }),
        ]);
      for (let tick = 0; tick < 2; tick++) {
        const { queue, logged } = clash();
        expect(await queue.drain()).toMatchObject({ stopReason: 'empty' });
        expect(logged).toContainEqual({ event: 'schedule_names_taken', fields: { schedules: ['taken'] } });
      }
      const { queue, seen } = clash();
      expect(await queue.schedules.list()).toMatchObject({
        schedules: [
          { name: 'free', kind: 'code', declared: true },
          { name: 'taken', kind: 'runtime', cron: '30 * * * *' },
        ],
        refused: ['taken'],
      });
      await rows(
        database,
        `update jobqueue.schedules set fired_until = now() - interval '1 hour', next_slot_at = now()`,
      );
      await queue.drain();
      const payloads = await Promise.all(seen.map(async ({ id }) => (await queue.getJob(id))?.payload));
      expect(payloads).toEqual([{ company: 'acme' }, { company: 'acme' }]);

      // with the name free, the next tick stores the code's
      await queue.schedules.delete('taken', ANN);
      const last = clash();
      await last.queue.drain();
      await last.queue.drain();
      expect(last.logged.filter(({ event }) => event === 'schedule_names_taken')).toEqual([]);
      expect(await last.queue.schedules.list()).toMatchObject({
        schedules: [{ name: 'free' }, { name: 'taken', kind: 'code', cron: '0 * * * *' }],
        refused: [],
      });
    });

    test('deployments leave those of run time alone, also one of the release before', async () => {
      const { queue } = await deployed(report());
      await queue.schedules.create(tenant(), ANN);
      await deployed(report({ cron: '0 1 * * *' }));
      await deployed();
      await rows(database, `select jobqueue.sync_schedules_1('{"hash": "older", "schedules": []}')`);
      expect(await queue.schedules()).toMatchObject([
        { name: 'tenant-7:report', kind: 'runtime', declared: true },
        { name: 'reports', kind: 'code', declared: false },
      ]);
    });

    test('one made while a deployment writes the same name: one of both has it', async () => {
      for (let round = 0; round < 5; round++) {
        await emptySchedules(database);
        const others = Array.from({ length: 30 }, (_, n) => report({ name: `other-${n}` }));
        const made = scheduledQueue(setup.connect(), [])
          .queue.schedules.create(tenant({ name: 'other-7' }), ANN)
          .then(
            () => 'runtime',
            ({ code }) => (code === 'schedule_exists' ? 'code' : code),
          );
        const drained = scheduledQueue(setup.connect(), others).queue.drain();
        const [kind] = await Promise.all([made, drained]);
        const { queue } = scheduledQueue(database, others);
        expect(await queue.schedules.get('other-7')).toMatchObject({ kind });
        expect((await queue.schedules.list()).refused).toEqual(kind === 'runtime' ? ['other-7'] : []);
      }
    });
  });

  describe('changes', () => {
    test('a new line counts from now on, and a due slot of the former one still fires', async () => {
      const { queue, seen } = withoutSchedules();
      await queue.schedules.create(tenant({ misfire: { all: 9 } }), ANN);
      await missOneSlot(database);
      await queue.schedules.update('tenant-7:report', { cron: '0 0 1 1 *' }, ANN);
      await queue.drain();
      expect(seen).toHaveLength(1);
      const [listed] = await queue.schedules();
      expect(listed?.nextSlot?.toISOString()).toMatch(/-12-31T20:00:00.000Z$/);
    });

    test('what is left out stays, and the log says what changed, but no payload', async () => {
      const { queue } = withoutSchedules();
      await queue.schedules.create(tenant({ priority: 9 }), ANN);
      await queue.schedules.update('tenant-7:report', { payload: { company: 'secret plans' }, overlap: 'skip' }, ANN);
      await queue.schedules.update('tenant-7:report', { paused: true }, ANN);
      expect(await queue.schedules.get('tenant-7:report')).toMatchObject({
        ...{ payload: { company: 'secret plans' }, priority: 9, overlap: 'skip', cron: '0 * * * *' },
        paused: { reason: 'a new tenant' },
      });
      await queue.schedules.update('tenant-7:report', { paused: false, priority: 1 }, ANN);
      expect((await queue.schedules.get('tenant-7:report'))?.paused).toBeNull();
      expect((await audited()).slice(1).map(({ action, details }) => [action, details.changed])).toEqual([
        ['schedule_updated', { overlap: ['allow', 'skip'], payload: true }],
        ['schedule_updated', { paused: [false, true] }],
        ['schedule_updated', { paused: [true, false], priority: [9, 1] }],
      ]);
      expect(JSON.stringify(await audited())).not.toContain('secret plans');
    });

    test('a value that people are not shown stays where they send it back hidden', async () => {
      const { queue } = withoutSchedules();
      await queue.schedules.create({ ...tenant(), payload: { company: 'acme', token: 's3cret' } }, ANN);
      const shown = queue.redactPayload('report', (await queue.schedules.get('tenant-7:report'))?.payload);
      expect(JSON.stringify(shown)).not.toContain('s3cret');
      const payload = { ...(shown as object), company: 'other' };
      await queue.schedules.update('tenant-7:report', { payload }, ANN);
      expect(await queue.schedules.get('tenant-7:report')).toMatchObject({
        payload: { company: 'other', token: 's3cret' },
      });
    });

    test('a payload that stays is not written anew, with numbers that JavaScript cannot hold', async () => {
      const { queue } = withoutSchedules();
      await rows(
        database,
        `select jobqueue.create_schedule('exact', 'report', '@daily', payload => '{"company": "a", "n": 12345678901234567890.5}', actor => 'ann')`,
      );
      await queue.schedules.update('exact', { cron: '@hourly', paused: true }, ANN);
      const [stored] = await rows<{ n: string }>(
        database,
        `select definition #>> '{job,payload,n}' as n from jobqueue.schedules`,
      );
      expect(stored?.n).toBe('12345678901234567890.5');
    });

    test('four changes at once beside ticks are all made', async () => {
      const { queue } = withoutSchedules();
      await queue.schedules.create(tenant(), ANN);
      const changing = Array.from({ length: 4 }, (_, n) =>
        queue.schedules.update(
          'tenant-7:report',
          [{ jitterMs: 5 }, { priority: 6 }, { payload: { company: 'new' } }, { overlap: 'skip' as const }][n] ?? {},
          ANN,
        ),
      );
      await Promise.all([...changing, queue.drain(), queue.drain()]);
      expect(await queue.schedules.get('tenant-7:report')).toMatchObject({
        ...{ jitterMs: 5, priority: 6, payload: { company: 'new' }, overlap: 'skip' },
      });
    });

    test('deleted, it fires nothing, and its jobs go on; a fire that was told from it does not fit its successor', async () => {
      const { queue, seen } = withoutSchedules();
      await queue.schedules.create(tenant(), ANN);
      await missOneSlot(database);
      await queue.pause({}, ANN);
      await queue.drain();
      await missOneSlot(database);
      const [row] = await rows<{ due: DueSchedule[] }>(database, 'select jobqueue.due_schedules_1() as due');
      const late = (row?.due ?? []).map((due) => decide(due).fire);
      expect(late).toHaveLength(1);
      await queue.schedules.delete('tenant-7:report', ANN);
      expect(await slotRows(database)).toEqual([]);
      await queue.schedules.create(tenant({ cron: '0 0 1 1 *' }), ANN);
      expect(await fire(database, late, 10_000)).toMatchObject({ fired: 0 });
      expect((await queue.schedules())[0]?.nextSlot).toBeNull(); // its line has still to be read
      await queue.resume({}, ANN);
      expect(await queue.drain()).toMatchObject({ completed: 1 });
      expect(seen).toHaveLength(1);
      await queue.schedules.delete('tenant-7:report', ANN);
      await expect(queue.schedules.delete('tenant-7:report', ANN)).rejects.toEqual(refused('unknown_schedule', 'name'));
      expect((await audited()).map(({ action }) => action)).toContain('schedule_deleted');
    });

    test('what is refused has changed nothing', async () => {
      const { queue } = withoutSchedules();
      await queue.schedules.create(tenant(), ANN);
      const create = (of: object) => queue.schedules.create({ ...tenant({ name: 'new' }), ...of }, ANN);
      await expect(create({ name: 'no name' })).rejects.toEqual(refused('option_invalid', 'name'));
      await expect(create({ cron: '61 * * * *' })).rejects.toEqual(refused('option_invalid', 'cron'));
      await expect(create({ timeZone: 'Mars' })).rejects.toEqual(refused('option_invalid', 'timeZone'));
      await expect(create({ misfire: 'never' })).rejects.toEqual(refused('option_invalid', 'misfire'));
      await expect(create({ priority: 11 })).rejects.toEqual(refused('option_invalid', 'priority'));
      await expect(create({ paused: 'yes' })).rejects.toEqual(refused('option_invalid', 'paused'));
      await expect(create({ payload: { company: 7 } })).rejects.toEqual(refused('payload_invalid', 'payload.company'));
      await expect(create({ type: 'nobody' })).rejects.toEqual(refused('unknown_type', 'type'));
      await expect(create({ catchUp: 'all' })).rejects.toEqual(refused('option_invalid', 'catchUp'));
      await expect(create({ misfire: { all: 1_000 }, payload: { company: 'x'.repeat(20_000) } })).rejects.toEqual(
        refused('option_invalid', 'misfire'),
      );
      await expect(queue.schedules.create(tenant({ name: 'new' }), { actor: '' })).rejects.toEqual(
        refused('option_invalid', 'actor'),
      );
      const update = (changes: object, name = 'tenant-7:report') => queue.schedules.update(name, changes, ANN);
      await expect(update({}, 'nobody')).rejects.toEqual(refused('unknown_schedule', 'name'));
      await expect(update({}, 'nul\0')).rejects.toEqual(refused('unknown_schedule', 'name'));
      await expect(update({ name: 'other' })).rejects.toEqual(refused('option_invalid', 'name'));
      await expect(update({ type: 'other' })).rejects.toEqual(refused('option_invalid', 'payload'));
      await expect(update({ payload: {} })).rejects.toEqual(refused('payload_invalid', 'payload.company'));
      await expect(update({ cron: 'now' })).rejects.toEqual(refused('option_invalid', 'cron'));
      const { queue: withCode } = await deployed(report());
      await expect(withCode.schedules.update('reports', { cron: '* * * * *' }, ANN)).rejects.toEqual(
        refused('schedule_kind', 'name'),
      );
      expect((await audited()).map(({ action }) => action)).toEqual(['schedule_created']);
      expect(await queue.schedules.get('tenant-7:report')).toMatchObject({ ...HOURLY, payload: { company: 'acme' } });
    });
  });

  test('a payload that no longer fits when its slot fires is a dead letter, as for schedules of the code', async () => {
    const { queue } = withoutSchedules();
    await queue.schedules.create(tenant(), ANN);
    await missOneSlot(database);
    const stricter = defineJob({
      type: 'report',
      payload: z.object({ company: z.string().min(10) }),
      handler: async () => ({ run: async () => undefined }),
    });
    const next = createQueue({ database, jobs: [stricter], log: () => undefined });
    expect(await next.drain()).toMatchObject({ deadLettered: 1 });
    await next.schedules.update('tenant-7:report', { cron: '5 * * * *' }, ANN); // what it does not touch is not checked
    await expect(next.schedules.update('tenant-7:report', { payload: { company: 'acme' } }, ANN)).rejects.toMatchObject(
      {
        code: 'payload_invalid',
      },
    );
  });

  describe('previews change nothing and tell', () => {
    test('of a new one its next instants', async () => {
      const { queue } = withoutSchedules();
      const { name, ...options } = tenant({ cron: '0 6 * * 1' });
      const preview = await queue.schedules.preview(name, options, { count: 3 });
      expect(preview).toMatchObject({
        kind: null,
        paused: false,
        before: [],
        changes: ['cron', 'timeZone', 'type', 'payload'],
      });
      expect(preview.after.map((at) => `${at.getUTCDay()} ${at.getUTCHours()}`)).toEqual(['1 2', '1 2', '1 2']);
      await expect(queue.schedules.preview(name, { ...options, payload: {} })).rejects.toMatchObject({
        code: 'payload_invalid',
      });
      await expect(queue.schedules.preview(name, { cron: '* * * * *' })).rejects.toMatchObject({
        code: 'option_invalid',
      });
      await expect(queue.schedules.preview(name, options, { count: 101 })).rejects.toMatchObject({
        code: 'option_invalid',
      });
      expect(await queue.schedules()).toEqual([]);
    });

    test('of a change the options that differ, and the instants before and after', async () => {
      const { queue } = withoutSchedules();
      await queue.schedules.create(tenant({ payload: { company: 'acme' } }), ANN);
      const minutes = (list: readonly Date[]) => list.map((at) => at.getUTCMinutes());
      const { before, after, ...facts } = await queue.schedules.preview(
        'tenant-7:report',
        { cron: '30 * * * *', payload: { company: 'acme' }, priority: 9, paused: true },
        { count: 2 },
      );
      expect(facts).toEqual({
        ...{ name: 'tenant-7:report', kind: 'runtime', paused: true, changes: ['cron', 'priority', 'paused'] },
      });
      expect([minutes(before), minutes(after)]).toEqual([
        [0, 0],
        [30, 30],
      ]);
      const none = await queue.schedules.preview('tenant-7:report');
      expect(none).toMatchObject({ changes: [], paused: false });
      expect(none.before).toEqual(none.after);
      expect(none.before).toHaveLength(5);
      expect(await queue.schedules.get('tenant-7:report')).toMatchObject({ cron: '0 * * * *', paused: null });
    });

    test('of a schedule of the code what an override does, and nothing else', async () => {
      const { queue } = await deployed(report());
      const { before, after, changes } = await queue.schedules.preview('reports', { cron: '15 * * * *' }, { count: 1 });
      expect([before[0]?.getUTCMinutes(), after[0]?.getUTCMinutes(), changes]).toEqual([0, 15, ['cron']]);
      const other = queue.schedules.preview('reports', { priority: 3 });
      await expect(other).rejects.toEqual(refused('schedule_kind', 'name'));
      const wrong = queue.schedules.preview('reports', { timeZone: 'Mars' });
      await expect(wrong).rejects.toEqual(refused('option_invalid', 'timeZone'));
    });
  });

  test('lists come in pages, the code’s first, by kind, type or the beginning of the name', async () => {
    const { queue } = await deployed(report({ name: 'b' }), report({ name: 'z' }));
    await queue.schedules.create(tenant({ name: 'a' }), ANN);
    await copies(25);
    const names = async (...given: Parameters<typeof queue.schedules.list>) =>
      (await queue.schedules.list(...given)).schedules.map(({ name }) => name);
    const found: string[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      const page = await queue.schedules.list({}, { limit: 10, ...(after !== undefined && { after }) });
      found.push(...page.schedules.map(({ name }) => name));
      after = page.next ?? undefined;
      pages++;
    } while (after !== undefined);
    expect(pages).toBe(3);
    expect(found).toHaveLength(28);
    expect(found.slice(0, 3)).toEqual(['b', 'z', 'a']);
    expect(new Set(found).size).toBe(28);
    expect(await names({ kind: 'code' })).toEqual(['b', 'z']);
    expect(await names({ prefix: 'tenant-1' })).toEqual([
      'tenant-1',
      ...Array.from({ length: 10 }, (_, n) => `tenant-1${n}`),
    ]);
    expect(await names({ prefix: 'tenant-1', kind: 'code' })).toEqual([]);
    expect(await names({ type: 'report', kind: 'runtime' }, { limit: 1 })).toEqual(['a']);
    expect(await names({ type: 'other' })).toEqual([]);
    for (const [filter, page] of [
      [{ prefix: '%' }, {}],
      [{ kind: 'both' }, {}],
      [{ name: 'a' }, {}],
      [{}, { limit: 1_001 }],
      [{}, { after: 'a' }],
      [{}, { before: 'runtime a' }],
    ] as const)
      await expect(queue.schedules.list(filter as never, page as never)).rejects.toMatchObject({
        code: 'option_invalid',
      });
  });

  test('10,000 are the most', async () => {
    const { queue } = withoutSchedules();
    await queue.schedules.create(tenant(), ANN);
    await copies(9_999);
    await expect(queue.schedules.create(tenant({ name: 'one-more' }), ANN)).rejects.toEqual(
      refused('too_many_schedules', 'name'),
    );
    await queue.schedules.delete('tenant-7', ANN);
    await queue.schedules.create(tenant({ name: 'one-more' }), ANN);
  });

  /** The same schedule under further names: tenant-1, tenant-2 … */
  const copies = (count: number) =>
    rows(
      database,
      `insert into jobqueue.schedules (name, kind, definition)
       select 'tenant-' || n, kind, definition
       from (select * from jobqueue.schedules where kind = 'runtime' limit 1) one, generate_series(1, $1::int) n`,
      count,
    );

  describe('in SQL', () => {
    const sql = (text: string, ...params: unknown[]) => rows(database, text, ...params);
    const CREATE = `select jobqueue.create_schedule('sql', 'report', '0 * * * *', 'UTC', '{"company": "acme"}', actor => 'ann')`;

    test('one is made, changed and deleted, with its lines in the audit log', async () => {
      const { queue, seen } = withoutSchedules();
      await sql(CREATE);
      await missOneSlot(database);
      await queue.drain();
      expect(seen).toHaveLength(1);
      await sql(
        `select jobqueue.update_schedule('sql', '{"cron": "5 * * * *", "time_zone": "Asia/Dubai", "payload": {"company": "b"}, "priority": 4,
           "misfire": {"all": 2}, "missed_after_ms": 5, "overlap": "skip", "jitter_ms": 6, "paused": true}', 'ann', 'a reason')`,
      );
      expect(await queue.schedules.get('sql')).toMatchObject({
        ...{ cron: '5 * * * *', timeZone: 'Asia/Dubai', payload: { company: 'b' }, priority: 4, misfire: { all: 2 } },
        ...{ missedAfterMs: 5, overlap: 'skip', jitterMs: 6, paused: { reason: 'a reason' } },
      });
      await sql(`select jobqueue.delete_schedule('sql', 'ann')`);
      expect(await queue.schedules()).toEqual([]);
      expect((await audited()).map(({ action }) => action)).toEqual([
        'schedule_created',
        'schedule_updated',
        'schedule_deleted',
      ]);
    });

    test('what Postgres can tell is refused by name', async () => {
      await deployed(report({ name: 'of-code' }));
      await sql(CREATE);
      const create = (changes: string) =>
        `select jobqueue.create_schedule(${changes}, actor => 'ann', payload => '{"company": "a"}')`;
      for (const [text, words] of [
        [CREATE, /run time has the name 'sql'/],
        [create(`'of-code', 'report', '@daily'`), /the code's/],
        [create(`'no name', 'report', '@daily'`), /a name of/],
        [create(`'n', 'report', '60 * * * *'`), /cron line/],
        [create(`'n', 'report', '0 24 * * *'`), /cron line/],
        [create(`'n', 'report', '0 0 * *'`), /cron line/],
        [create(`'n', 'report', '? ? * * *'`), /cron line/],
        [create(`'n', 'report', '@often'`), /cron line/],
        [create(`'n', 'report', '@daily', 'Mars'`), /time zone "Mars"/],
        [create(`'n', 'no type', '@daily'`), /type and queue/],
        [create(`'n', 'report', '@daily', priority => 11`), /priority/],
        [create(`'n', 'report', '@daily', max_attempts => 0`), /attempts/],
        [create(`'n', 'report', '@daily', misfire => '"never"'`), /misfire/],
        [create(`'n', 'report', '@daily', misfire => '{"all": 1001}'`), /misfire/],
        [create(`'n', 'report', '@daily', misfire => '{"all": 1.5}'`), /misfire/],
        [create(`'n', 'report', '@daily', overlap => 'wait'`), /overlap/],
        [create(`'n', 'report', '@daily', jitter_ms => 3600001`), /jitterMs/],
        [create(`'n', 'report', '@daily', missed_after_ms => -1`), /missedAfterMs/],
        [`select jobqueue.create_schedule('n', 'report', '@daily')`, /the actor/],
        [
          `select jobqueue.create_schedule('n', 'report', '@daily', payload => to_jsonb(repeat('x', 600000)), actor => 'a')`,
          /256 KiB/,
        ],
        [`select jobqueue.update_schedule('sql', '{"timeZone": "UTC"}', 'ann')`, /no "timeZone"/],
        [`select jobqueue.update_schedule('nobody', '{}', 'ann')`, /there is no schedule/],
        [`select jobqueue.update_schedule('of-code', '{}', 'ann')`, /the code's/],
        [`select jobqueue.delete_schedule('of-code', 'ann')`, /the code's/],
        [`select jobqueue.delete_schedule('nobody', 'ann')`, /there is no schedule/],
      ] as const)
        await expect(sql(text), text).rejects.toThrow(words);
      const { queue } = withoutSchedules();
      expect((await queue.schedules()).map(({ name }) => name)).toEqual(['of-code', 'sql']);
    });

    test('every line that the code reads is taken', async () => {
      const lines = [
        '@hourly',
        '*/5 * * * *',
        '0,30 9-17/2 1,15 jan-jun mon-fri',
        '0 0 L * *',
        '0 0 15W * 5#2',
        '00 02 LW * +5L',
        '59 23 * DEC sun',
      ];
      for (const [n, cron] of lines.entries())
        await sql(`select jobqueue.create_schedule('line-${n}', 'report', $1, actor => 'ann')`, cron);
      const { queue } = withoutSchedules();
      await queue.drain();
      for (const { cron, problem, nextSlot } of await queue.schedules())
        expect({ cron, problem, nextSlot }).toEqual({ cron, problem: null, nextSlot: expect.any(Date) });
    });

    test('lines that only code can refuse are a problem that everyone sees, however many, and hold up no other', async () => {
      const { queue, seen, logged } = withoutSchedules();
      await sql(
        `select jobqueue.create_schedule('february-' || n, 'report', '0 0 30 2 *', 'UTC', '{"company": "a"}', actor => 'ann'),
                jobqueue.create_schedule('ninth-day-' || n, 'report', '0 0 * * 9', 'UTC', '{"company": "a"}', actor => 'ann')
         from generate_series(1, 125) n`,
      );
      await sql(CREATE);
      await missOneSlot(database);
      await queue.drain();
      expect(seen.map(({ schedule }) => schedule?.name)).toEqual(['sql']);
      await queue.drain();
      expect(logged.filter((event) => event === 'schedule_unreadable')).toHaveLength(250); // not again with each tick
      expect(await queue.schedules.get('february-1')).toMatchObject({
        problem: expect.stringContaining('names some instant'),
        nextSlot: null,
      });
      expect(await queue.schedules.get('ninth-day-1')).toMatchObject({
        problem: expect.stringContaining('weekday'),
        nextSlot: null,
      });
      expect(await queue.schedules.preview('february-1')).toMatchObject({ before: [], after: [] });
      // mended, it fires again
      await sql(`select jobqueue.update_schedule('february-1', '{"cron": "0 * * * *"}', 'ann')`);
      await queue.drain();
      expect(await queue.schedules.get('february-1')).toMatchObject({ problem: null, nextSlot: expect.any(Date) });
    });
  });
});
