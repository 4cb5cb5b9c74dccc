/** The ledger: what each drain says of itself, and what a list of them shows: overlaps, gaps, and drains that died. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freshDatabase } from '../../../tests/support/database.ts';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { connect } from '../src/postgres/connect.ts';
import { createEffects, doomedQueue } from './doomed.ts';
import { endDrainProcesses, startDrainProcess } from './drain-process.ts';
import { CLAIM, send } from './played-exchange.ts';
import { emptyTables, queueOf, rows, works } from './support.ts';

afterEach(endDrainProcesses);

describeOnOneDriver('the drains beside a drain', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('are told to it when it looks for lanes and claims: those under way, none that ended or fell silent', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(30));
    const looks = () => send(setup.database, { claim: { ...CLAIM, limit: 5 } });
    expect((await looks()).peers).toBe(0);
    expect((await looks()).peers).toBe(1);
    await send(setup.database, { drain: { stopReason: 'empty' } }); // ended
    const third = await looks();
    expect(third.peers).toBe(2);
    await rows(
      setup.database,
      "update jobqueue.drains set last_step_at = last_step_at - interval '6 s' where id = (select min(id::text)::uuid from jobqueue.drains where finished_at is null)",
    );
    expect((await looks()).peers).toBe(2);
    const lanes = third.lanes as NonNullable<typeof third.lanes>;
    expect((await send(setup.database, { claim: { ...CLAIM, limit: 5, lanes } })).peers).toBeNull();
    await emptyTables(setup.database);
    expect((await looks()).peers).toBeNull(); // found nothing: an empty tick does not look
  });
});

describeOnOneDriver('the ledger', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  /** Drains of a list, in seconds ago; without an end it has not told one. */
  const drained = async (...list: { source?: string; from: number; to?: number; deadline?: number }[]) => {
    for (const { source = 'cron', from, to, deadline = from - 300 } of list)
      await rows(
        setup.database,
        `insert into jobqueue.drains (id, source, started_at, last_step_at, deadline_at, finished_at)
         values (gen_random_uuid(), $1, now() - $2::float8 * interval '1 s', now() - coalesce($3::float8, $2::float8 - 5) * interval '1 s',
                 now() - $4::float8 * interval '1 s', now() - $3::float8 * interval '1 s')`,
        source,
        from,
        to ?? null,
        deadline,
      );
  };

  test('keeps what the platform said of the tick, and what it cost', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(50, { mode: 'sleep', ms: 5 }));
    const scheduledAt = new Date('2026-01-02T03:04:00Z');
    const report = await queue.drain({ source: 'cron', scheduledAt, executionId: 'fra1::iad1::x-1' });
    const [drain] = await queue.drains();
    expect(drain).toMatchObject({
      id: report.id,
      source: 'cron',
      state: 'finished',
      scheduledAt,
      executionId: 'fra1::iad1::x-1',
      stopReason: 'empty',
      roundTrips: report.steps,
      overlaps: 0,
      gapMs: null,
      report: { completed: 50, stopReason: 'empty' },
    });
    expect(drain?.databaseMs).toBeGreaterThan(0);
    expect(drain?.roundTripMs).toBeGreaterThan(0);
    expect(drain?.finishedAt?.getTime()).toBeGreaterThanOrEqual(drain?.startedAt.getTime() ?? Number.NaN);
  });

  test('knows of an empty tick what it cost in Postgres', async () => {
    const { queue } = queueOf(setup.database);
    await queue.drain();
    const [drain] = await queue.drains();
    expect(drain).toMatchObject({
      source: 'manual',
      state: 'finished',
      roundTrips: 1,
      scheduledAt: null,
      executionId: null,
    });
    expect(drain?.databaseMs).toBeGreaterThan(0);
  });

  test('shows overlaps, gaps since the last tick of the same source, and drains that died', async () => {
    await drained(
      { from: 1_000, to: 950 },
      { from: 940, to: 870 },
      { source: 'kick', from: 900, to: 895 }, // during the one before
      { from: 880, deadline: 600 }, // died; its last exchange was 5 s later
      { from: 874, to: 872 },
      { from: 60, deadline: -240 }, // still runs
      { source: 'kick', from: 10, to: 5 },
    );
    const { queue } = queueOf(setup.database);
    const list = await queue.drains();
    const short = list.map(({ source, state, overlaps, gapMs }) => [
      source,
      state,
      overlaps,
      gapMs && Math.round(gapMs / 1000),
    ]);
    expect(short).toEqual([
      ['kick', 'finished', 1, 890],
      ['cron', 'running', 1, 814],
      ['cron', 'finished', 1, 6],
      ['cron', 'died', 1, 60],
      ['kick', 'finished', 1, null],
      ['cron', 'finished', 3, 60],
      ['cron', 'finished', 0, null],
    ]);
    expect(list[3]).toMatchObject({ finishedAt: null, stopReason: null });
  });

  test('is read page by page, newest first', async () => {
    await drained(...Array.from({ length: 7 }, (_, n) => ({ from: 100 * n + 50, to: 100 * n })));
    const { queue } = queueOf(setup.database);
    const all = await queue.drains();
    expect(all.map(({ gapMs }) => gapMs && Math.round(gapMs / 1000))).toEqual([100, 100, 100, 100, 100, 100, null]);
    const pages: string[] = [];
    for (let before: string | undefined; ; before = pages.at(-1)) {
      const page = await queue.drains({ limit: 3, ...(before && { before }) });
      if (page.length === 0) break;
      pages.push(...page.map(({ id }) => id));
    }
    expect(pages).toEqual(all.map(({ id }) => id));
  });

  test.for([
    ['a limit of none', { limit: 0 }],
    ['a limit of 201', { limit: 201 }],
    ['an id that is none', { before: '7' }],
  ] as const)('refuses %s', async ([, options]) => {
    await expect(queueOf(setup.database).queue.drains(options)).rejects.toMatchObject({ code: 'option_invalid' });
  });

  test.for([
    ['a scheduled time that is none', { scheduledAt: new Date('soon') }],
    ['an execution id with a line break', { executionId: 'a\nb' }],
    ['an execution id of 201 characters', { executionId: 'x'.repeat(201) }],
  ] as const)('refuses a drain with %s', async ([, options]) => {
    await expect(queueOf(setup.database).queue.drain(options)).rejects.toMatchObject({ code: 'option_invalid' });
  });
});

test('the first drain of a process is a cold start, the next is none; one that was killed is seen to have died', async () => {
  const home = await freshDatabase();
  const database = connect(home.url);
  try {
    await createEffects(database);
    const queue = doomedQueue(database);
    const way = { url: home.url, connection: { driver: 'postgres' as const } };
    const first = startDrainProcess();
    first.obey({ ...way, drain: { budgetMs: 10_000 }, drains: 2 });
    await first.ended;
    expect((await queue.drains()).map(({ coldStart }) => coldStart).sort()).toEqual([false, true]);

    await queue.addJob('doomed', { mode: 'wait', n: 0 });
    const second = startDrainProcess();
    second.obey({ ...way, drain: { budgetMs: 60_000 } });
    await second.tells('started');
    second.kill('SIGKILL');
    await second.ended;
    expect((await queue.drains())[0]).toMatchObject({ state: 'running', coldStart: true });
    await rows(database, "update jobqueue.drains set deadline_at = now() - interval '1 s' where finished_at is null");
    expect((await queue.drains())[0]).toMatchObject({ state: 'died', finishedAt: null, stopReason: null });
  } finally {
    await database.close();
    await home.drop();
  }
});
