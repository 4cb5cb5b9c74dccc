/** Dead letters that go back: the same jobs with their history, at once or as a throttled replay, never twice and never past another's key. */
import { beforeEach, expect, test } from 'vitest';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { perform } from '../src/operations/perform.ts';
import type { Database } from '../src/postgres/connect.ts';
import { CLAIM, claimOne, news, outcome, send } from './played-exchange.ts';
import { emptyTables, endLeases, queueOf, rows, statuses, witness, works } from './support.ts';

const ANN = { actor: 'ann' };
const noop = { mode: 'noop' } as const;

interface Burial {
  readonly type?: string;
  readonly queue?: string;
  readonly key?: string;
  readonly status?: 'DEAD_LETTER' | 'CANCELLED' | 'COMPLETED';
  readonly mode?: string;
  readonly error?: { readonly name?: string; readonly code?: string; readonly message?: string };
  readonly hoursAgo?: number;
}

/** Finished jobs, numbered by `n` from 0; answers their ids. */
async function bury(database: Database, count: number, burial: Burial = {}): Promise<string[]> {
  const { type = 'work', queue = 'default', key = null, status = 'DEAD_LETTER', mode = 'noop', hoursAgo = 1 } = burial;
  const error = { name: 'Error', message: 'the provider is down', attempt: 3, fence: 3, ...burial.error };
  const buried = await rows<{ id: string }>(
    database,
    `insert into jobqueue.job_history (id, status, created_at, due_at, started_at, finished_at, fence, attempt, max_attempts,
       priority, queue, type, idempotency_key, payload, state, errors, meta)
     select nextval('jobqueue.jobs_id_seq'), $1::jobqueue.terminal_status, now() - interval '2 days', now() - interval '1 day',
            now(), now() - $2 * interval '1 hour', 3, 3, 3, 4, $3, $4, $5, jsonb_build_object('mode', $6::text, 'n', n), '{"done": 1}',
            jsonb_build_array($7::jsonb), '{"schedule": "nightly"}'
     from generate_series(0, $8 - 1) n
     returning id::text`,
    status,
    hoursAgo,
    queue,
    type,
    key,
    mode,
    JSON.stringify(error),
    count,
  );
  return buried.map(({ id }) => id);
}

/** Lets so many seconds pass for every throttled replay: the row moves, not the clock. */
async function pass(database: Database, seconds: number): Promise<void> {
  await rows(
    database,
    `update jobqueue.replays set budget_from = budget_from - $1 * interval '1 second', looked_at = looked_at - interval '1 minute'`,
    seconds,
  );
}

describeOnOneDriver('a replay', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('brings a dead letter back as the same job: id, payload, state, meta and errors kept, attempts anew, fence raised', async () => {
    const { database } = setup;
    const { queue, seen } = queueOf(database);
    const [id = ''] = await bury(database, 1, { key: 'k' });
    expect(await queue.replay({ type: 'work' }, ANN)).toEqual({
      operation: expect.stringMatching(/^\d+$/),
      changed: 1,
      skipped: 0,
      done: true,
      refusals: [],
      warnings: [],
    });
    expect(await queue.getJob(id)).toMatchObject({
      status: 'PENDING',
      attempts: 0,
      fence: 4,
      priority: 4,
      idempotencyKey: 'k',
    });
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).toBeNull(); // it holds its key again
    expect(await rows(database, 'select meta from jobqueue.jobs')).toEqual([{ meta: { schedule: 'nightly' } }]);
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: 1 });
    expect(seen.contexts[0]?.job).toMatchObject({ id, attempt: 1, fence: 5, state: { done: 1 } });
    expect(await queue.getJob(id)).toMatchObject({
      status: 'COMPLETED',
      attempts: 1,
      errors: [{ message: 'the provider is down' }],
    });
  });

  test('takes dead letters only, and cancelled jobs where they are asked for', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    for (const status of ['COMPLETED', 'CANCELLED', 'DEAD_LETTER'] as const) await bury(database, 2, { status });
    expect(await queue.replay({ type: 'work' }, ANN)).toMatchObject({ changed: 2 });
    expect(await statuses(database)).toEqual({ COMPLETED: 2, CANCELLED: 2, PENDING: 2 });
    const ids = (await rows<{ id: string }>(database, 'select id::text from jobqueue.finished_jobs')).map(
      ({ id }) => id,
    );
    expect(await queue.replay({ ids }, { ...ANN, statuses: ['CANCELLED', 'DEAD_LETTER'] })).toMatchObject({
      changed: 2,
    });
    expect(await statuses(database)).toEqual({ COMPLETED: 2, PENDING: 4 });
  });

  test('of a job that was cancelled before its time waits for that time, and runs at once where that is asked for', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const month = 30 * 86_400_000;
    const added = await queue.addJobs([
      ...works(2, { mode: 'noop' }, { delayMs: month }),
      ...works(1, { mode: 'noop' }),
    ]);
    await queue.cancel({ type: 'work' }, { ...ANN, reason: 'by mistake' });
    const [first, second, past] = added.map(({ id }) => id);
    const filter = { ids: added.map(({ id }) => id) };
    const statuses = ['CANCELLED'] as const;
    const { later } = await queue.previewReplay(filter, { statuses });
    expect(later?.total).toBe(2);
    expect(Math.abs((later?.firstAt.getTime() ?? 0) - Date.now() - month)).toBeLessThan(60_000);
    expect(await queue.previewReplay(filter, { statuses, due: 'now' })).toMatchObject({ total: 3, later: null });
    await queue.replay({ ids: [first ?? '', past ?? ''] }, { ...ANN, statuses });
    expect((await queue.getJob(first ?? ''))?.scheduledFor).toEqual(later?.firstAt);
    await queue.replay({ ids: [second ?? ''] }, { ...ANN, statuses, due: 'now' });
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 2, stopReason: 'empty' });
    expect(await queue.getJob(first ?? '')).toMatchObject({ status: 'PENDING' });
    await expect(queue.replay(filter, { ...ANN, statuses, due: 'soon' } as never)).rejects.toThrow(
      "due: expected 'planned' or 'now'",
    );
  });

  test('means only those that fit every criterion; of a message, the text as it is written', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await bury(database, 1, {
      error: { message: '100% of _them_ failed', name: 'HttpError', code: 'E429' },
      hoursAgo: 5,
    });
    await bury(database, 1, { error: { message: '1000 of xthemx failed', name: 'HttpError', code: 'E500' } });
    await bury(database, 1, { type: 'other', queue: 'vip', error: { name: 'TypeError' } });
    const found = async (filter: Parameters<typeof queue.previewReplay>[0]) =>
      (await queue.previewReplay(filter)).total;
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
    expect(await found({ messageContains: '100%' })).toBe(1);
    expect(await found({ messageContains: '_them_' })).toBe(1);
    expect(await found({ messageContains: 'of .*them' })).toBe(0);
    expect(await found({ errorName: 'HttpError' })).toBe(2);
    expect(await found({ errorName: 'HttpError', errorCode: 'E500' })).toBe(1);
    expect(await found({ queue: 'vip' })).toBe(1);
    expect(await found({ type: 'work', queue: 'vip' })).toBe(0);
    expect(await found({ finishedBefore: hoursAgo(3) })).toBe(1);
    expect(await found({ finishedAfter: hoursAgo(3) })).toBe(2);
    expect(await queue.replay({ errorName: 'HttpError', errorCode: 'E429' }, ANN)).toMatchObject({ changed: 1 });
    await expect(queue.replay({ messageContains: '' }, ANN)).rejects.toThrow('filter.messageContains: expected text');
    await expect(queue.replay({} as never, ANN)).rejects.toThrow('at least one of ids, type');
    await expect(queue.replay({ type: 'work' }, { ...ANN, stopWhen: { failed: 1 } } as never)).rejects.toThrow(
      'perMinute',
    );
    await expect(queue.replay({ type: 'work' }, { ...ANN, perMinute: 0 })).rejects.toThrow('from 1 to 10000, got 0');
  });

  test('shows before what it would find: how many, of which type and error, and examples', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await bury(database, 30, { error: { name: 'HttpError', message: 'x'.repeat(500) } });
    await bury(database, 10_000, { type: 'other' });
    const before = await statuses(database);
    const preview = await queue.previewReplay({ finishedBefore: new Date() });
    expect(preview).toMatchObject({
      total: 10_000,
      atLeast: true,
      samples: [{ id: expect.any(String) }, {}, {}, {}, {}],
    });
    expect(await queue.previewReplay({ type: 'work' })).toMatchObject({
      total: 30,
      atLeast: false,
      groups: [{ type: 'work', errorName: 'HttpError', total: 30 }],
    });
    const [sample] = (await queue.previewReplay({ type: 'work' })).samples;
    expect(sample).toMatchObject({ type: 'work', attempts: 3, finishedAt: expect.any(Date), message: 'x'.repeat(200) });
    expect(await queue.previewReplay({ type: 'nobody' })).toEqual({
      later: null,
      total: 0,
      atLeast: false,
      groups: [],
      samples: [],
      warnings: [],
    });
    expect(await statuses(database)).toEqual(before);
  });

  test('is refused for a job whose key another holds now, and names the holder', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const [refused] = await bury(database, 1, { key: 'held' });
    const [first, second] = await bury(database, 2, { key: 'twice' });
    await bury(database, 1, { key: 'over' });
    const holder = await queue.addJob('work', noop, { idempotencyKey: 'held' });
    await rows(
      database,
      `insert into jobqueue.idempotency_keys values ('work', 'over', 1, now() - interval '1 second')`,
    );
    const report = await queue.replay({ type: 'work' }, ANN);
    expect(report).toMatchObject({ changed: 2, skipped: 2, done: true });
    expect(report.refusals).toEqual([
      { id: refused, holder: holder?.id },
      { id: second, holder: first },
    ]);
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'twice' })).toMatchObject({
      id: first,
      status: 'PENDING',
    });
    expect(await statuses(database)).toEqual({ DEAD_LETTER: 2, PENDING: 3 });
    expect((await queue.auditLog({ limit: 1 }))[0]).toMatchObject({
      action: 'replay.done',
      details: { changed: 2, skipped: 2 },
    });
  });

  test('names the first twenty that it refused, of however many', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const refused = await bury(database, 600, { key: 'held' });
    const holder = await queue.addJob('work', noop, { idempotencyKey: 'held' });
    const report = await queue.replay({ type: 'work' }, ANN);
    expect(report).toMatchObject({ changed: 0, skipped: 600, done: true });
    expect(report.refusals).toEqual(refused.slice(0, 20).map((id) => ({ id, holder: holder?.id })));
  });

  test('leaves no room for a stale outcome: what was not recorded under its fence is lost', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await queue.addJob('work', noop, { idempotencyKey: 'k' });
    const error = { error: { name: 'E', message: 'm', attempt: 1 }, ranMs: 1 };
    const stale = await claimOne(database);
    await endLeases(database);
    const holder = await claimOne(database); // rescued: the stale one's fence is behind
    const buries = outcome(holder, { to: 'dead_letter', ...error });
    await send(database, buries);
    await queue.replay({ type: 'work' }, ANN);
    const expectLost = async (status: 'PENDING' | 'PROCESSING' | 'COMPLETED') => {
      for (const drain of [{}, { again: true }])
        for (const to of ['completed', 'dead_letter', 'retry'])
          expect(await send(database, { ...outcome(stale, { to, ...error }), drain })).toMatchObject({
            lost: [stale.place],
          });
      expect(await send(database, outcome(holder, { to: 'completed', ...error }))).toMatchObject({
        lost: [holder.place],
      });
      // What was recorded answers as settled, whatever came since. That is known by the place: a job leaves it once.
      for (const drain of [{}, { again: true }])
        expect(await send(database, { ...buries, drain })).toMatchObject({ lost: [] });
      const { revoked } = await send(database, { running: [news(stale), news(holder)] });
      expect(new Set(revoked)).toEqual(new Set([stale.place, holder.place]));
      expect(await statuses(database)).toEqual({ [status]: 1 });
    };
    await expectLost('PENDING');
    const anew = await claimOne(database);
    expect(anew.fence).toBeGreaterThan(holder.fence);
    await expectLost('PROCESSING');
    expect(await send(database, outcome(anew, { to: 'completed' }))).toMatchObject({ lost: [] });
    await expectLost('COMPLETED');
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).toBeNull();
  });

  test('of a job that was convicted of crashing: its holder, back from the dead, is lost before and after', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await queue.addJob('work', noop);
    await rows(database, 'update jobqueue.jobs set rescues = 2');
    const back = await claimOne(database);
    await send(database, { running: [news(back)] });
    await endLeases(database);
    expect(await send(database, { claim: { ...CLAIM, suspects: true } })).toMatchObject({ crashed: [back.id] });
    const late = outcome(back, { to: 'completed' });
    expect(await send(database, late)).toMatchObject({ lost: [back.place] });
    expect(await queue.replay({ errorCode: 'crashed' }, ANN)).toMatchObject({ changed: 1 });
    expect(await send(database, late)).toMatchObject({ lost: [back.place] });
    expect(await send(database, { ...late, drain: { again: true } })).toMatchObject({ lost: [back.place] });
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: 1, lost: 0 });
  });

  test('of 3,000 under four drains and two operators at once: each runs once more, and what dies anew stays dead', {
    timeout: 60_000,
  }, async () => {
    const { database } = setup;
    const seen = witness();
    await bury(database, 2_500);
    await bury(database, 500, { mode: 'fail_for_good' });
    const drains = Array.from({ length: 4 }, () =>
      queueOf(setup.connect(), seen).queue.drain({ budgetMs: 60_000, concurrency: 20 }),
    );
    const { queue } = queueOf(database, seen);
    const reports = await Promise.all([
      queue.replay({ type: 'work' }, ANN),
      queue.replay({ finishedBefore: new Date() }, ANN),
    ]);
    expect(reports.reduce((sum, { changed }) => sum + changed, 0)).toBe(3_000);
    await Promise.all(drains);
    await queue.drain({ budgetMs: 30_000 });
    expect(await statuses(database)).toEqual({ COMPLETED: 2_500, DEAD_LETTER: 500 });
    expect(seen.starts.size).toBe(3_000);
    expect(new Set(seen.starts.values())).toEqual(new Set([1]));
  });

  test('takes at most so many jobs as it is told', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await bury(database, 700);
    expect(await queue.replay({ type: 'work' }, { ...ANN, maxJobs: 600 })).toMatchObject({ changed: 600, done: true });
    expect(await statuses(database)).toEqual({ PENDING: 600, DEAD_LETTER: 100 });
  });
});

describeOnOneDriver('a throttled replay', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  const moved = async () => (await statuses(setup.database)).DEAD_LETTER;
  const only = async () => {
    const [replay] = await queueOf(setup.database).queue.replays();
    if (replay === undefined) throw new Error('there is no throttled replay');
    return replay;
  };

  test('is started, listed and stopped by an operator, also by a command line of 0.8, which calls it a ramp', async () => {
    const { queue } = queueOf(setup.database);
    await bury(setup.database, 3);
    const names = [
      ['throttledReplay', 'replays', 'stopReplay'],
      ['ramp', 'ramps', 'stopRamp'],
    ] as const;
    for (const [start, list, stop] of names) {
      const stopWhen = { failureRatio: 0.5, minOutcomes: 1 };
      const begun = await perform(
        queue,
        { action: start, filter: { type: 'work' }, perMinute: 1, stopWhen, ...ANN },
        {},
      );
      const { id } = begun as { readonly id: string };
      expect(await perform(queue, { action: list }, {})).toEqual({ [list]: await queue.replays() });
      expect(await perform(queue, { action: stop, id, ...ANN }, {})).toEqual({ stopped: true });
    }
    expect(await queue.replays()).toMatchObject([{ state: 'stopped' }, { state: 'stopped' }]);
  });

  test('moves n a minute by the clock of the database, however many ask, and makes up for one minute at most', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await bury(database, 400);
    const { id } = await queue.replay({ type: 'work' }, { ...ANN, perMinute: 60 });
    const ask = () => Promise.all(Array.from({ length: 16 }, () => rows(database, 'select jobqueue.replays_1()')));
    const elapsed = async () =>
      Number(
        (
          await rows<{ s: string }>(
            database,
            'select extract(epoch from now() - started_at)::text as s from jobqueue.replays',
          )
        )[0]?.s,
      );
    await pass(database, 30);
    await ask();
    const { replayed } = await only();
    expect(replayed).toBeGreaterThanOrEqual(30);
    expect(replayed).toBeLessThanOrEqual(30 + (await elapsed()));
    await pass(database, 3_600); // an hour without a drain
    await ask();
    const now = await only();
    expect(now.replayed - replayed).toBeGreaterThanOrEqual(60);
    expect(now.replayed - replayed).toBeLessThanOrEqual(60 + (await elapsed()));
    expect(now).toMatchObject({ id, state: 'running', perMinute: 60, actor: 'ann', filter: { type: 'work' } });
    expect(await moved()).toBe(400 - now.replayed);
  });

  test('is moved on by drains, each job runs once, and it ends when all came to an outcome', async () => {
    const { database } = setup;
    const { queue, seen } = queueOf(database);
    await bury(database, 40);
    await bury(database, 5, { type: 'other' });
    await queue.replay({ type: 'work' }, { ...ANN, perMinute: 600 });
    await pass(database, 60);
    const drain = () => queueOf(setup.connect(), seen).queue.drain({ budgetMs: 30_000 });
    const reports = await Promise.all(Array.from({ length: 4 }, drain));
    expect(reports.reduce((sum, { completed }) => sum + completed, 0)).toBe(40);
    await pass(database, 1);
    await drain(); // judges the last of them
    expect(await only()).toMatchObject({
      state: 'finished',
      replayed: 40,
      completed: 40,
      failed: 0,
      undecided: 0,
      endedAt: expect.any(Date),
    });
    expect(await statuses(database)).toEqual({ COMPLETED: 40, DEAD_LETTER: 5 });
    expect(new Set(seen.starts.values())).toEqual(new Set([1]));
    expect((await queue.auditLog({ limit: 2 })).map(({ actor, action }) => ({ actor, action }))).toEqual([
      { actor: 'queue', action: 'replay.finished' },
      { actor: 'ann', action: 'replay' },
    ]);
    expect(await rows(database, 'select from jobqueue.replayed_jobs')).toEqual([]);
    expect(await drain()).toMatchObject({ steps: 1, stopReason: 'empty' }); // nothing is left to look after
  });

  test.each([
    [{ failed: 10 }, '10 of its jobs failed again'],
    [{ failureRatio: 0.2, minOutcomes: 40 }, '10 of 40 of its jobs failed again'],
  ])('stops by itself when %o', async (stopWhen, endReason) => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await bury(database, 30);
    await bury(database, 10, { mode: 'fail' }); // a failed attempt counts, dead or not
    await bury(database, 60);
    await queue.replay({ type: 'work' }, { ...ANN, perMinute: 600, stopWhen });
    await pass(database, 60);
    await queue.drain({ budgetMs: 30_000, types: ['work'], limit: 40 });
    expect(await only()).toMatchObject({
      state: 'stopped',
      endReason,
      replayed: 40,
      failed: 10,
      completed: 30,
      undecided: 0,
      waitsFor: null,
    });
    expect(await statuses(database)).toEqual({ COMPLETED: 30, PENDING: 10, DEAD_LETTER: 60 });
    expect((await queue.auditLog({ limit: 1 }))[0]).toMatchObject({
      action: 'replay.stopped',
      details: { failed: 10 },
    });
  });

  test.each([
    [{ failed: 3 }, 3],
    [{ failureRatio: 0.5, minOutcomes: 20 }, 20],
  ])(
    'never brings back more than %o needs to see that the cause is not mended, under four drains at once',
    async (stopWhen, most) => {
      const { database } = setup;
      const { queue } = queueOf(database);
      await bury(database, 200, { mode: 'fail_for_good' });
      await queue.replay({ type: 'work' }, { ...ANN, perMinute: 10_000, stopWhen });
      await pass(database, 60);
      await Promise.all(
        Array.from({ length: 4 }, () => queueOf(setup.connect()).queue.drain({ budgetMs: 30_000, concurrency: 50 })),
      );
      expect(await only()).toMatchObject({ state: 'stopped', replayed: most, failed: most });
      expect(await statuses(database)).toEqual({ DEAD_LETTER: 200 });
    },
  );

  test('has never more open than its stop condition needs, and still goes as fast as its jobs end, under four drains at once', async () => {
    const { database } = setup;
    const seen = witness();
    let mostOpen = 0;
    seen.onStart = async () => {
      const [open] = await rows<{ n: number }>(database, 'select count(*)::int as n from jobqueue.jobs');
      mostOpen = Math.max(mostOpen, open?.n ?? 0);
    };
    await bury(database, 10, { mode: 'fail' }); // tried again, and open until they have ended
    await bury(database, 90);
    await rows(database, 'update jobqueue.job_history set max_attempts = 2');
    await queueOf(database).queue.replay(
      { type: 'work' },
      { ...ANN, perMinute: 10_000, stopWhen: { failureRatio: 0.6, minOutcomes: 20 } },
    );
    await pass(database, 60);
    await Promise.all(
      Array.from({ length: 4 }, () => queueOf(setup.connect(), seen).queue.drain({ budgetMs: 60_000 })),
    );
    await pass(database, 1);
    await queueOf(database).queue.drain({ budgetMs: 30_000 }); // judges the last of them
    expect(await only()).toMatchObject({ state: 'finished', replayed: 100, failed: 10, completed: 90 });
    expect(mostOpen).toBeGreaterThan(1);
    expect(mostOpen).toBeLessThanOrEqual(20);
  }, 60_000);

  test.each([[{ type: 'work' }], [{ queue: 'default' }], [{ queue: 'default', type: 'work' }], [{}]])(
    'brings nothing back while %o is paused, so that its stop condition can act after the resume',
    async (target) => {
      const { database } = setup;
      const { queue } = queueOf(database);
      await bury(database, 19, { mode: 'fail_for_good' });
      await queue.pause(target, ANN);
      await queue.replay({ type: 'work' }, { ...ANN, perMinute: 600, stopWhen: { failed: 5 } });
      const drainAll = () =>
        Promise.all(Array.from({ length: 4 }, () => queueOf(setup.connect()).queue.drain({ budgetMs: 30_000 })));
      await pass(database, 60);
      await drainAll();
      expect(await only()).toMatchObject({ state: 'running', replayed: 0, waitsFor: 'resume' });
      await queue.resume(target, ANN);
      await pass(database, 60);
      await drainAll();
      expect(await only()).toMatchObject({ state: 'stopped', replayed: 5, failed: 5, waitsFor: null });
    },
  );

  test('brings back what can run, and the rest once its queue is resumed or a drain has its handler', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await bury(database, 5, { type: 'nobody' }); // has no handler here
    await bury(database, 5, { queue: 'a' });
    await bury(database, 5, { queue: 'b' });
    await queue.pause({ queue: 'a' }, ANN);
    await queue.replay({ finishedBefore: new Date() }, { ...ANN, perMinute: 600 });
    const tick = async () => {
      await pass(database, 60);
      await queue.drain({ budgetMs: 30_000 });
    };
    await tick();
    expect(await statuses(database)).toEqual({ COMPLETED: 5, DEAD_LETTER: 10 });
    await tick();
    expect(await only()).toMatchObject({ state: 'running', replayed: 5, completed: 5, waitsFor: 'resume' });
    await queue.resume({ queue: 'a' }, ANN);
    await tick();
    await tick();
    expect(await only()).toMatchObject({ state: 'running', replayed: 10, completed: 10, waitsFor: 'handler' });
    await pass(database, 60);
    await rows(database, `select jobqueue.replays_2('{"types": ["nobody"]}')`); // as a deployment that has one does
    expect(await only()).toMatchObject({ replayed: 15, waitsFor: null });
    expect(await statuses(database)).toEqual({ COMPLETED: 10, PENDING: 5 });
  });

  test('does not count what comes back for a later time as open', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await queue.addJobs(works(5, { mode: 'noop' }, { delayMs: 3_600_000 }));
    await queue.cancel({ type: 'work' }, { ...ANN, reason: 'by mistake' });
    await queue.addJobs(works(5));
    await queue.cancel(
      { status: 'PENDING', dueBefore: new Date(Date.now() + 60_000) },
      { ...ANN, reason: 'so were these' },
    );
    await queue.replay(
      { type: 'work' },
      { ...ANN, statuses: ['CANCELLED'], perMinute: 600, stopWhen: { failureRatio: 0.5, minOutcomes: 2 } },
    );
    await pass(database, 60);
    await queue.drain({ budgetMs: 30_000 });
    await pass(database, 1);
    await queue.drain({ budgetMs: 30_000 });
    expect(await only()).toMatchObject({ state: 'finished', replayed: 10, completed: 5, undecided: 0 });
    expect(await statuses(database)).toEqual({ COMPLETED: 5, PENDING: 5 });
  });

  test('does not stop below its condition', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await bury(database, 19);
    await bury(database, 1, { mode: 'fail_for_good' });
    await queue.replay({ type: 'work' }, { ...ANN, perMinute: 100, stopWhen: { failureRatio: 0.1, minOutcomes: 20 } });
    for (let tick = 0; tick < 3; tick++) {
      await pass(database, 60);
      await queue.drain({ budgetMs: 30_000 });
    }
    expect(await only()).toMatchObject({ state: 'finished', replayed: 20, failed: 1, completed: 19 });
    expect(await moved()).toBe(1); // dead anew, and not replayed again
  });

  test('is stopped by an operator, once; what it moved stays moved', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await bury(database, 100);
    const { id } = await queue.replay({ type: 'work' }, { ...ANN, perMinute: 30 });
    await pass(database, 60);
    await queue.drain({ budgetMs: 30_000 });
    expect(await queue.stopReplay(id, { actor: 'bob' })).toBe(true);
    expect(await queue.stopReplay(id, { actor: 'bob' })).toBe(false);
    const { replayed } = await only();
    await pass(database, 600);
    expect(await queue.drain({ budgetMs: 30_000 })).toMatchObject({ claimed: 0, steps: 1 });
    expect(await only()).toMatchObject({ state: 'stopped', endReason: 'stopped by bob', replayed });
    expect((await queue.auditLog({ limit: 1 }))[0]).toMatchObject({
      actor: 'bob',
      action: 'replay.stopped',
      details: { replay: id },
    });
  });

  test('refuses jobs whose key another holds, and ends at the most that it is told', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    const [refused] = await bury(database, 1, { key: 'held' });
    await bury(database, 50);
    const holder = await queue.addJob('other', noop, { idempotencyKey: 'held' });
    expect(holder).not.toBeNull();
    await rows(database, `insert into jobqueue.idempotency_keys values ('work', 'held', $1, null)`, holder?.id);
    await queue.replay({ type: 'work' }, { ...ANN, perMinute: 100, maxJobs: 20 });
    for (let tick = 0; tick < 2; tick++) {
      await pass(database, 60);
      await queue.drain({ budgetMs: 30_000 });
    }
    expect(await only()).toMatchObject({
      state: 'finished',
      maxJobs: 20,
      replayed: 20,
      refused: 1,
      refusals: [{ id: refused, holder: holder?.id }],
    });
    expect(await moved()).toBe(31);
  });

  test('waits when ten thousand of its jobs have come to no outcome yet', async () => {
    const { database } = setup;
    const { queue } = queueOf(database);
    await bury(database, 20);
    const { id } = await queue.replay({ type: 'work' }, { ...ANN, perMinute: 10_000 });
    await queue.addJobs(works(9_990));
    await rows(
      database,
      'insert into jobqueue.replayed_jobs (replay, job_id, fence) select $1, id, 0 from jobqueue.jobs',
      id,
    );
    await rows(database, 'update jobqueue.replays set undecided = 9990');
    await pass(database, 60);
    for (let n = 0; n < 3; n++) await rows(database, 'select jobqueue.replays_1()');
    expect(await only()).toMatchObject({ replayed: 10, undecided: 10_000, waitsFor: 'outcomes' });
  });
});
