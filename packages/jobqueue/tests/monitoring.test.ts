/** Monitoring: the SQL of the previous system, the ledger, and a job in each of its states. */
import pg from 'pg';
import { beforeEach, expect, test } from 'vitest';
import { emptyDatabase } from '../../../tests/support/database.ts';
import { describeOnOneDriver } from '../../../tests/support/drivers.ts';
import { migrate } from '../src/postgres/migrate.ts';
import { CLAIM, send } from './played-exchange.ts';
import { emptyTables, endLeases, queueOf, rows, works } from './support.ts';

const ANN = { actor: 'ann' };

const noop = { mode: 'noop' } as const;

/** Word for word as they stand in the runbooks of the replaced system. */
const BY_STATUS = 'SELECT status, COUNT(*) FROM "JobQueue" GROUP BY status;';
const DEAD = `SELECT id, type, lastError, attempts, createdAt FROM "JobQueue" WHERE status = 'DEAD_LETTER' ORDER BY createdAt DESC LIMIT 10;`;
const SPEED = `SELECT AVG(EXTRACT(EPOCH FROM (completedAt - startedAt))) as avg_seconds FROM "JobQueue" WHERE status = 'COMPLETED' AND completedAt IS NOT NULL;`;
const PLANNED = 'SELECT id, scheduledFor FROM "JobQueue" WHERE scheduledFor > NOW();';

describeOnOneDriver('monitoring', (setup) => {
  beforeEach(() => emptyTables(setup.database));

  test('the four monitoring statements of the replaced system run verbatim', async () => {
    const { queue, seen } = queueOf(setup.database);
    const [planned] = await queue.addJobs(works(1, noop, { delayMs: 3_600_000 }));
    const dead = await queue.addJob('work', { mode: 'fail_for_good' });
    await queue.addJobs(works(3, { mode: 'sleep', ms: 50 }));
    await queue.addJob('other', { mode: 'cancel' });
    const running = await queue.addJob('other', noop);
    seen.onStart = async ({ job, checkpoint }) => {
      if (job.id !== running?.id) return;
      await checkpoint({ so: 'far' }); // until it is committed, nobody knows that it runs
      const counts = await rows<{ status: string; count: string }>(setup.database, BY_STATUS);
      expect(counts.find(({ status }) => status === 'PROCESSING')).toBeDefined();
    };
    await queue.drain({ budgetMs: 10_000 });

    const counts = await rows<{ status: string; count: string }>(setup.database, BY_STATUS);
    expect(Object.fromEntries(counts.map(({ status, count }) => [status, Number(count)]))).toEqual({
      PENDING: 1,
      COMPLETED: 4,
      DEAD_LETTER: 1,
      CANCELLED: 1,
    });
    expect(await rows(setup.database, DEAD)).toEqual([
      { id: dead?.id, type: 'work', lasterror: 'no use', attempts: 1, createdat: expect.any(String) },
    ]);
    const [speed] = await rows<{ avg_seconds: string }>(setup.database, SPEED);
    expect(Number(speed?.avg_seconds)).toBeGreaterThan(0.03);
    expect(Number(speed?.avg_seconds)).toBeLessThan(5);
    expect(await rows(setup.database, PLANNED)).toEqual([{ id: planned?.id, scheduledfor: expect.any(String) }]);
  });

  test('a role that may read the view alone reads all of it', async () => {
    const { queue, seen } = queueOf(setup.database);
    await queue.addJobs([...works(2), { type: 'work', payload: { mode: 'fail_for_good' } }]);
    await queue.drain({ budgetMs: 10_000 });
    const added = await queue.addJob('work', noop);
    const client = new pg.Client(setup.directUrl);
    await client.connect();
    seen.onStart = async ({ job }) => {
      if (job.id !== added?.id) return;
      await client.query(
        'begin; create role view_reader; grant select on "JobQueue" to view_reader; set local role view_reader',
      );
      const { rows: counts } = await client.query(BY_STATUS).finally(() => client.query('rollback'));
      expect(Object.fromEntries(counts.map(({ status, count }) => [status, Number(count)]))).toEqual({
        PROCESSING: 1,
        COMPLETED: 2,
        DEAD_LETTER: 1,
      });
    };
    expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: 1 });
    await client.end();
  });

  test('a job is added from psql, and its type may be one that only another deployment knows', async () => {
    const { queue } = queueOf(setup.database);
    const add = `select * from jobqueue.add_job('lead_import', '{"companyId": "c"}'::jsonb, priority => 5, idempotency_key => 'k')`;
    const [added] = await rows<{ id: string; duplicate: boolean }>(setup.database, add);
    expect(added).toEqual({ id: expect.stringMatching(/^\d+$/), duplicate: false });
    expect(await rows(setup.database, add)).toEqual([{ id: added?.id, duplicate: true }]);
    expect(await queue.getJob(added?.id ?? '')).toMatchObject({ status: 'PENDING', priority: 5, idempotencyKey: 'k' });
  });

  test.for([
    ['a priority of 11', `select jobqueue.add_job('work', priority => 11)`],
    ['no attempts', `select jobqueue.add_job('work', max_attempts => 0)`],
    ['a type that is no name', `select jobqueue.add_job('no such thing')`],
    ['no type', `select jobqueue.add_job(null)`],
    ['an empty key', `select jobqueue.add_job('work', idempotency_key => '')`],
    ['a plan for twenty years ahead', `select jobqueue.add_job('work', scheduled_for => now() + interval '20 years')`],
    ['a payload of a megabyte', `select jobqueue.add_job('work', jsonb_build_object('x', repeat('x', 1000000)))`],
    ['what is no list of jobs', `select * from jobqueue.add_jobs('{"type": "work"}')`],
  ] as const)('SQL is refused %s too, and nothing is written', async ([, call]) => {
    await expect(rows(setup.database, call)).rejects.toMatchObject({ code: expect.stringMatching(/^2[23]/) });
    expect(await rows(setup.database, BY_STATUS)).toEqual([]);
    expect(await rows(setup.database, 'select key from jobqueue.idempotency_keys')).toEqual([]);
  });

  test.for([
    ['of an empty tick', 0],
    ['of a drain with work', 300],
  ] as const)('the ledger row %s says what the report says', async ([, jobs]) => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(jobs));
    await queue.addJob('nobody', {});
    const report = await queue.drain({ source: 'cron', budgetMs: 10_000 });
    const ledger = await rows<{ report: object }>(
      setup.database,
      'select id::text, source, stop_reason, steps, running, finished_at >= started_at as closed, report from jobqueue.drains',
    );
    expect(ledger).toEqual([
      {
        id: report.id,
        source: 'cron',
        stop_reason: 'empty',
        steps: expect.any(Number),
        running: '{}',
        closed: true,
        report: { ...report, steps: expect.any(Number) },
      },
    ]);
    expect(report).toMatchObject({ claimed: jobs, completed: jobs, unhandled: ['nobody'] });
  });

  test('the ledger row of a drain with every kind of outcome says what the report says', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(20));
    await queue.addJobs(
      (['cancel', 'fail_for_good', 'wait', 'retry_after'] as const).map((mode) => ({
        type: 'work' as const,
        payload: { mode, ms: 60_000 },
      })),
    );
    await queue.addJob('work', { mode: 'slices', n: 2 });
    const report = await queue.drain({ budgetMs: 6_000 }); // room for the others beside the one that waits for its end
    expect(report).toMatchObject({
      completed: 21,
      cancelled: 1,
      deadLettered: 1,
      givenBack: 1,
      retried: 1,
      continued: 1,
    });
    const [ledger] = await rows<{ report: object; stop_reason: string }>(
      setup.database,
      'select stop_reason, report from jobqueue.drains',
    );
    expect(ledger).toEqual({ stop_reason: 'deadline', report: { ...report, steps: expect.any(Number) } });
  });

  test('while a drain runs, its ledger row names what runs', async () => {
    const { queue, seen } = queueOf(setup.database);
    seen.onStart = async ({ job, checkpoint }) => {
      await checkpoint(1);
      expect(await rows(setup.database, 'select running, finished_at from jobqueue.drains')).toEqual([
        { running: `{${job.id}}`, finished_at: null },
      ]);
    };
    await queue.addJob('work', noop, { maxAttempts: 1 });
    expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 1 });
  });

  test('getJob tells each status as it is', async () => {
    const { queue, seen } = queueOf(setup.database);
    const added = await queue.addJobs([
      ...works(1),
      { type: 'work', payload: { mode: 'fail' } },
      { type: 'work', payload: { mode: 'cancel' } },
      { type: 'work', payload: { mode: 'fail_for_good' } },
    ]);
    const [completed, failing, cancelled, dead] = added.map(({ id }) => id) as [string, string, string, string];
    expect(await queue.getJob(completed)).toMatchObject({
      status: 'PENDING',
      attempts: 0,
      startedAt: null,
      finishedAt: null,
    });
    seen.onStart = async ({ job, checkpoint }) => {
      if (job.id !== completed) return;
      await checkpoint({ at: 1 });
      expect(await queue.getJob(job.id)).toMatchObject({
        status: 'PROCESSING',
        attempts: 1,
        fence: job.fence,
        startedAt: expect.any(Date),
        finishedAt: null,
      });
    };
    await queue.drain({ budgetMs: 10_000, limit: 4 });
    expect(await queue.getJob(completed)).toMatchObject({
      status: 'COMPLETED',
      attempts: 1,
      result: null,
      finishedAt: expect.any(Date),
    });
    expect(await queue.getJob(failing)).toMatchObject({ status: 'PENDING', attempts: 1, errors: [{ attempt: 1 }] });
    expect(await queue.getJob(cancelled)).toMatchObject({ status: 'CANCELLED', finishedAt: expect.any(Date) });
    expect(await queue.getJob(dead)).toMatchObject({ status: 'DEAD_LETTER', finishedAt: expect.any(Date) });
    for (const id of ['0', '-1', 'x', '', '999999999', '9223372036854775808', '1; drop table jobqueue.jobs'])
      expect(await queue.getJob(id)).toBeNull();
  });

  test('a preview tells what is due, by lane, and claims nothing', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs([
      ...works(3, noop, { priority: 2 }),
      { type: 'other', payload: noop },
      { type: 'work', payload: noop, options: { delayMs: 60_000 } },
    ]);
    await queue.addJob('nobody', {}); // due later, so it comes last of its priority
    await queue.pause({ type: 'other' }, ANN);
    const found = await queue.preview();
    expect(found.due).toBe(3);
    expect(found.lanes).toEqual([
      { queue: 'default', type: 'work', priority: 2, due: 3, paused: false, handled: true, atLeast: false },
      expect.objectContaining({ type: 'other', due: 1, paused: true, handled: true }),
      expect.objectContaining({ type: 'nobody', due: 1, paused: false, handled: false }),
    ]);
    expect((await queue.preview({ includePaused: true })).due).toBe(4);
    expect((await queue.preview({ types: ['other'] })).lanes).toHaveLength(1);
    const untouched = await rows(setup.database, 'select id::text from jobqueue.jobs where fence > 0');
    expect(untouched).toEqual([]);
  });

  test('a preview counts what a dead drain left, once its leases have ended', async () => {
    const { queue } = queueOf(setup.database);
    await queue.addJobs(works(5));
    await send(setup.database, { claim: CLAIM });
    expect((await queue.preview()).due).toBe(0);
    await endLeases(setup.database);
    expect((await queue.preview()).due).toBe(5);
  });
});

test('a relation named JobQueue that was there before is left as it is', async () => {
  const database = await emptyDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    await client.query('create table "JobQueue" (id text); insert into "JobQueue" values (\'mine\')');
    await migrate({ url: database.url });
    const { rows } = await client.query('select * from public."JobQueue"');
    expect(rows).toEqual([{ id: 'mine' }]);
  } finally {
    await client.end();
    await database.drop();
  }
});
