/** Settings of a role or a database: what changes the meaning of our statements is refused by name, everything else changes nothing. */
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DriverUnderTest, describeEachDriver } from '../../../../tests/support/drivers.ts';
import type { Database } from '../../src/postgres/connect.ts';
import { claimOne, outcome, send } from '../played-exchange.ts';
import { emptyTables, queueOf, rows } from '../support.ts';

const ANN = { actor: 'ann' };
const noop = { mode: 'noop', n: 1 } as const;

/** Runs `statements` past the driver, then ends all other sessions: whoever connects from now on has the new defaults. */
async function administer({ directUrl }: DriverUnderTest, ...statements: string[]): Promise<void> {
  const client = new pg.Client(directUrl);
  await client.connect();
  for (const statement of ['set default_transaction_read_only = off', 'set statement_timeout = 0', ...statements])
    await client.query(statement);
  await client.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  await client.end();
}

async function withDefaults(setup: DriverUnderTest, defaults: Readonly<Record<string, string>>): Promise<Database> {
  const name = new URL(setup.directUrl).pathname.slice(1);
  const sets = Object.entries(defaults).map(([setting, value]) => `alter database ${name} set ${setting} = ${value}`);
  await administer(setup, `alter database ${name} reset all`, ...sets);
  const database = setup.connect();
  // a proxy hears of its ended sessions when it uses them
  await Promise.allSettled(Array.from({ length: 20 }, () => rows(database, 'select pg_sleep(0.01)')));
  return database;
}

/** The distance of an instant from this machine's clock, in whole minutes. */
const minutes = (at: Date | null | undefined) => (at ? Math.round((at.getTime() - Date.now()) / 60_000) : null);

/** The lives of some jobs, and what every way to look at them says. */
async function lives(database: Database): Promise<object> {
  const { queue, seen } = queueOf(database);
  seen.results.set(1, { at: '2026-12-01', name: 'Zoë "\\ \'', half: 0.1 });
  await emptyTables(database);
  const inAnHour = new Date(Date.now() + 3_600_000);
  const later = await queue.addJob('work', noop, { scheduledFor: inAnHour, idempotencyKey: 'later' });
  const now = await queue.addJob('work', { mode: 'return', n: 1 }, { idempotencyKey: 'now' });
  const flow = await queue.addFlow({ type: 'work', payload: noop, children: [{ type: 'other', payload: noop }] });
  const bad = await queue.addJob('work', { mode: 'fail_for_good' });
  const first = await queue.drain({ budgetMs: 5_000 });
  await queue.replayWithPayload(bad?.id ?? '', noop, ANN);
  const rescheduled = await queue.reschedule({ type: 'work', queue: 'default' }, { ...ANN, to: inAnHour });
  const raised = await queue.setPriority({ type: 'work' }, { ...ANN, priority: 9 });
  const cancelled = await queue.cancel({ ids: [bad?.id ?? ''] }, { ...ANN, reason: 'enough' });
  await queue.pause({ type: 'other' }, { ...ANN, reason: 'a test' });
  const [done, waits, parent] = await Promise.all([now, later, flow].map((job) => queue.getJob(job?.id ?? '')));
  const page = await queue.listJobs({ status: 'COMPLETED' }, { limit: 2 });
  const pending = await queue.listJobs({ status: 'PENDING' });
  const [drain] = await queue.drains();
  return {
    first: [first.completed, first.deadLettered, first.stopReason, Math.round((first.nextDueInMs ?? 0) / 60_000)],
    done: [done?.result, done?.status, minutes(done?.createdAt), minutes(done?.startedAt), minutes(done?.finishedAt)],
    waits: [waits?.priority, minutes(waits?.scheduledFor)],
    parent: parent?.status,
    counts: [rescheduled.changed, raised.changed, cancelled.changed],
    page: [page.jobs.map(({ finishedAt }) => minutes(finishedAt)), page.next !== null],
    more: (await queue.listJobs({ status: 'COMPLETED' }, { after: page.next ?? '' })).jobs.length,
    pending: pending.jobs.map(({ scheduledFor }) => minutes(scheduledFor)),
    drain: [minutes(drain?.startedAt), minutes(drain?.finishedAt), drain?.stopReason],
    audit: (await queue.auditLog()).map(({ action, at }) => [action, minutes(at)]),
    health: (await queue.health()).checks.filter(({ ok }) => !ok).map(({ name }) => name),
    stats: (await queue.stats({ from: new Date(Date.now() - 3_600_000), by: 'hour' })).map(
      ({ completed }) => completed,
    ),
    overview: Object.keys(await queue.overview()),
    metrics: (await queue.metrics()).includes('jobqueue_'),
    pauses: (await queue.pauses()).map(({ reason }) => reason),
    pruned: await queue.prune(),
    upkeep: (await rows<Upkeep>(database, 'select task, place from jobqueue.upkeep order by task')).map(inYears),
  };
}

interface Upkeep {
  readonly task: string;
  readonly place: string | null;
}

/** The position of folding; written in one session, read in another. */
const inYears = ({ task, place }: Upkeep) => [task, place?.replace(/^2\d{3}-\d\d-\d\d .*/, 'an ISO date')];

const HARMLESS = {
  DateStyle: "'SQL, DMY'",
  IntervalStyle: "'sql_standard'",
  TimeZone: "'Asia/Kathmandu'",
  bytea_output: 'escape',
  extra_float_digits: '-2',
  array_nulls: 'off',
  transform_null_equals: 'on',
  quote_all_identifiers: 'on',
  row_security: 'off',
  plan_cache_mode: 'force_custom_plan',
  default_toast_compression: 'pglz',
  search_path: "''",
  session_replication_role: 'replica',
  standard_conforming_strings: 'off',
  check_function_bodies: 'off',
  statement_timeout: "'30s'",
  lock_timeout: "'5s'",
  idle_in_transaction_session_timeout: "'5s'",
  default_transaction_deferrable: 'on',
  enable_indexscan: 'off',
  jit_above_cost: '0',
  max_parallel_workers_per_gather: '4',
};

describeEachDriver('the settings of a role', (setup) => {
  afterEach(() => withDefaults(setup, {}));

  test('those that change no meaning change nothing that anybody sees', async () => {
    const plain = await lives(setup.database);
    const other = await withDefaults(setup, HARMLESS);
    expect(await rows(other, 'show datestyle')).toEqual([{ DateStyle: 'SQL, DMY' }]);
    expect(await lives(other)).toEqual(plain);
  });

  test.each([
    ['repeatable read', { default_transaction_isolation: "'repeatable read'" }],
    ['serializable', { default_transaction_isolation: 'serializable' }],
    ['extra_float_digits', { extra_float_digits: '-3' }],
  ])('%s is refused by whatever moves jobs, with what to run, and enqueues go on', async (words, defaults) => {
    const { queue } = queueOf(await withDefaults(setup, defaults));
    await emptyTables(setup.database);
    const job = await queue.addJob('work', noop, { idempotencyKey: 'k' });
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).toBeNull();
    await queue.addFlow({ type: 'work', payload: noop, children: [{ type: 'work', payload: noop }] });
    const ids = { ids: [job?.id ?? ''] };
    for (const move of [
      () => queue.drain({ budgetMs: 5_000 }),
      () => queue.cancel(ids, { ...ANN, reason: 'enough' }),
      () => queue.reschedule(ids, { ...ANN, to: { delayMs: 1 } }),
      () => queue.setPriority(ids, { ...ANN, priority: 1 }),
      () => queue.replay(ids, ANN),
      () => queue.prune(),
    ])
      await expect(move()).rejects.toMatchObject({
        code: '0A000',
        message: expect.stringMatching(
          new RegExp(`^jobqueue needs .*${words}.*"alter role postgres set .*" and reconnect`),
        ),
      });
    const { queue: mended, seen } = queueOf(await withDefaults(setup, {}));
    expect(await mended.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 3, lost: 0 });
    expect([...seen.starts.values()]).toEqual([1, 1, 1]);
  });

  test('a read-only database is named by the drain and by health, and lets everybody look', async () => {
    const { queue: before } = queueOf(setup.database);
    const dead = await before.addJob('work', { mode: 'fail_for_good' });
    await before.drain({ budgetMs: 5_000 });
    const { queue } = queueOf(await withDefaults(setup, { default_transaction_read_only: 'on' }));
    await expect(queue.drain({ budgetMs: 5_000 })).rejects.toThrow(
      /^Postgres refused an exchange 6 times: the database takes no writes\..* The server says: .*read-only transaction \(25006\)\.$/,
    );
    await expect(queue.addJob('work', noop)).rejects.toMatchObject({ code: '25006' });
    const [database] = (await queue.health()).checks;
    expect(database).toMatchObject({
      name: 'database',
      ok: false,
      detail: expect.stringMatching(/refuses writes.*25006/),
    });
    const id = dead?.id ?? '';
    await Promise.all([
      queue.getJob(id),
      queue.waitFor(id),
      queue.listJobs({ status: 'DEAD_LETTER' }),
      queue.listJobs({ status: 'PENDING' }),
      queue.deadGroups(),
      queue.related(id),
      queue.countJobs({ type: 'work' }),
      queue.previewJobs({ type: 'work' }),
      queue.previewReplay({ type: 'work' }),
      queue.preview(),
      queue.overview(),
      queue.metrics(),
      queue.stats({ from: new Date(Date.now() - 3_600_000), by: 'hour' }),
      queue.drains(),
      queue.pauses(),
      queue.replays(),
      queue.incidents(),
      queue.rateLimits(),
      queue.schedules(),
      queue.auditLog(),
    ]);
  });

  test('a drain that the database leaves half-way says in its report why', async () => {
    const { queue, seen } = queueOf(setup.connect());
    const name = new URL(setup.directUrl).pathname.slice(1);
    seen.onStart = () => administer(setup, `alter database ${name} set default_transaction_read_only = on`);
    await queue.addJob('work', noop);
    expect(await queue.drain({ budgetMs: 6_000 })).toMatchObject({
      completed: 0,
      stopReason: 'database_unreachable',
      error: expect.stringMatching(/takes no writes.*\(25006\)\.$/),
    });
  });

  test.each([
    ['lock_timeout', /a lock was not free in time.*\(55P03\)/],
    ['statement_timeout', /a statement was cancelled.*\(57014\)/],
  ])('a drain that meets the %s of its role says so', async (setting, words) => {
    const database = await withDefaults(setup, { [setting]: "'50ms'" });
    const holder = new pg.Client(setup.directUrl);
    await holder.connect();
    await holder.query(`set ${setting} = 0; begin; lock table jobqueue.jobs in access exclusive mode`);
    await expect(queueOf(database).queue.drain({ budgetMs: 10_000 })).rejects.toThrow(words);
    await holder.query('rollback');
    await holder.end();
  });

  test('a transaction of a Database waits for locks and then looks anew, whatever the default', async () => {
    const database = await withDefaults(setup, { default_transaction_isolation: 'serializable' });
    const level = database.transaction((tx) => tx.execute({ text: 'show transaction_isolation', params: [] }));
    if (setup.driver === 'neon-http') await expect(level).rejects.toMatchObject({ code: 'transaction_unsupported' });
    else expect(await level).toEqual([{ transaction_isolation: 'read committed' }]);
  });
});

describeEachDriver("a caller's own stricter transaction", (setup) => {
  beforeEach(() => emptyTables(setup.database));

  const inTransaction = async (level: string, run: (client: pg.Client) => Promise<void>) => {
    const client = new pg.Client(setup.directUrl);
    await client.connect();
    try {
      await client.query(`begin isolation level ${level}`);
      await run(client);
      await client.query('commit');
    } finally {
      await client.end();
    }
  };

  test.each(['repeatable read', 'serializable'])('enqueues jobs and flows atomically at %s', async (level) => {
    const { queue } = queueOf(setup.database);
    const statement = queue.statement([{ type: 'work', payload: noop, options: { idempotencyKey: 'k' } }]);
    await inTransaction(level, async (client) => {
      await client.query(statement.text, [...statement.params]);
      await client.query(
        `select jobqueue.add_flow_1('[{"type": "work", "payload": {"mode": "noop"}}, {"type": "work", "payload": {"mode": "noop"}, "parent": 0}]')`,
      );
      expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ claimed: 0 });
    });
    expect(await queue.addJob('work', noop, { idempotencyKey: 'k' })).toBeNull();
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 3 });
  });

  test('hears 40001, and no wrong id, of a key that was taken or freed since its snapshot', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJob('work', noop, { idempotencyKey: 'freed' });
    const batch = (...keys: string[]) =>
      queue.statement(keys.map((idempotencyKey) => ({ type: 'work', payload: noop, options: { idempotencyKey } })));
    for (const [key, other] of [
      ['freed', 'another'],
      ['taken', 'another'],
    ] as const) {
      const added = inTransaction('repeatable read', async (client) => {
        await client.query('select 1 as snapshot from jobqueue.jobs');
        if (key === 'taken') await queue.addJob('work', noop, { idempotencyKey: key });
        else {
          const held = await claimOne(setup.database);
          await send(setup.database, outcome(held, { to: 'dead_letter' }));
        }
        const { text, params } = batch(key, other);
        await client.query(text, [...params]);
      });
      await expect(added, key).rejects.toMatchObject({ code: '40001' });
    }
    expect(await queue.findJob({ type: 'work', idempotencyKey: 'another' })).toBeNull();
  });
});
