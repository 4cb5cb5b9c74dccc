/** Least rights: a role that may not create in `public` installs, and one with the grants of the runbook does everything that an app and its operators do. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { blocksOf } from '../../../../tests/docs/markdown.ts';
import { emptyDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { rightsFinding } from '../../src/cli/doctor/settings.ts';
import { createQueue, defineJob, defineSchedule } from '../../src/index.ts';
import { connect, type Database } from '../../src/postgres/connect.ts';
import { connectionError } from '../../src/postgres/connection-error.ts';
import { migrate } from '../../src/postgres/migrate.ts';

const ANN = { actor: 'ann' };
const mark = randomBytes(4).toString('hex');
const MIGRATOR = `migrator_${mark}`;
const APP = `app_${mark}`;
const CORE = {
  scope: 'jobqueue',
  versioned: 'packages/jobqueue/sql/migrations',
  repeatable: 'packages/jobqueue/sql/functions',
};

let home: TestDatabase;
let superuser: pg.Client;
let app: Database;

const as = (role: string) => {
  const url = new URL(home.url);
  url.username = role;
  url.password = mark;
  return url.href;
};

const grants = () => {
  const [block] = blocksOf('docs/operations.md', 'sql').filter(({ text }) => text.startsWith('grant usage on schema'));
  return (block?.text ?? '').replaceAll(/\bto app\b/g, `to ${APP}`);
};

async function asMigrator(text: string): Promise<void> {
  const client = new pg.Client(as(MIGRATOR));
  await client.connect();
  await client.query(text);
  await client.end();
}

beforeAll(async () => {
  home = await emptyDatabase();
  superuser = new pg.Client(home.url);
  await superuser.connect();
  for (const role of [MIGRATOR, APP]) await superuser.query(`create role ${role} login password '${mark}'`);
  await superuser.query(`grant create on database ${new URL(home.url).pathname.slice(1)} to ${MIGRATOR}`);
  await superuser.query('revoke create on schema public from public');
  app = connect(as(APP));
});
afterAll(async () => {
  await app.close();
  await superuser.query(`drop owned by ${APP}, ${MIGRATOR} cascade`);
  await superuser.query(`drop role ${APP}, ${MIGRATOR}`);
  await superuser.end();
  await home.drop();
});

test('a role without rights in public installs, leaves the view out, and finds nothing to do the second time', async () => {
  const { applied } = await migrate({ url: as(MIGRATOR), sources: [CORE] });
  expect(applied[0]).toBe('jobqueue/0001_create_queue.sql');
  expect(await migrate({ url: as(MIGRATOR), sources: [CORE] })).toEqual({ applied: [] });
  const { rows } = await superuser.query(`select to_regclass('public."JobQueue"') as view`);
  expect(rows).toEqual([{ view: null }]);
});

test('a role without the grants is told so, and the doctor names what it lacks', async () => {
  const refused = await queueOf()
    .addJob('work', { fail: false })
    .catch((error: unknown) => error);
  const told = connectionError(refused, { variable: 'DATABASE_URL', address: app.address })?.message;
  expect(told).toMatch(/lacks a right.*"Rights of the role".*permission denied for schema jobqueue \(42501\)/);
  expect(await rightsFinding(app)).toMatchObject({
    state: 'red',
    detail: expect.stringContaining('usage on schema jobqueue'),
  });
  await asMigrator(`grant usage on schema jobqueue to ${APP}`);
  expect(await rightsFinding(app)).toMatchObject({
    state: 'red',
    detail: expect.stringMatching(/lacks \w+ on \w+, .* more$/),
  });
});

test('with the grants of the runbook it enqueues, drains and does all that operators do', async () => {
  await asMigrator(grants());
  await asMigrator('create table jobqueue.of_a_later_migration (n bigint generated always as identity)');
  expect(await rightsFinding(app)).toMatchObject({ state: 'ok' });
  const queue = queueOf();
  const [good, , waits] = await queue.addJobs([
    { type: 'work', payload: { fail: false }, options: { idempotencyKey: 'k' } },
    { type: 'work', payload: { fail: true } },
    { type: 'work', payload: { fail: false }, options: { delayMs: 3_600_000 } },
  ]);
  await queue.addFlow({
    type: 'work',
    payload: { fail: false },
    children: [{ type: 'work', payload: { fail: true } }],
  });
  expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({ completed: 1, deadLettered: 2, lost: 0 });
  expect(await queue.replay({ type: 'work' }, ANN)).toMatchObject({ changed: 2 });
  const ids = { ids: [waits?.id ?? ''] };
  expect(await queue.reschedule(ids, { ...ANN, to: { delayMs: 7_200_000 } })).toMatchObject({ changed: 1 });
  expect(await queue.reprioritise(ids, { ...ANN, priority: 9 })).toMatchObject({ changed: 1 });
  expect(await queue.cancel(ids, { ...ANN, reason: 'enough' })).toMatchObject({ changed: 1 });
  await queue.drain({ budgetMs: 10_000 });
  const ramp = await queue.replay({ type: 'work' }, { ...ANN, perMinute: 1 });
  await queue.drain({ budgetMs: 10_000 });
  await queue.stopReplay(ramp.id ?? '', ANN);
  await queue.pause({ type: 'work' }, ANN);
  await queue.resume({ type: 'work' }, ANN);
  await queue.pauseSchedule('nightly', ANN);
  await queue.resumeSchedule('nightly', ANN);
  await queue.overrideSchedule('nightly', { cron: '0 4 * * *' }, ANN);
  await queue.runSchedule('nightly', ANN);
  await queue.takeToken('a bucket', { perSecond: 1, burst: 1 });
  await queue.prune();
  expect((await queue.health()).checks.find(({ name }) => name === 'database')).toMatchObject({ ok: true });
  await superuser.query(
    "select setval('jobqueue.jobs_id_seq', 1, false), setval('jobqueue.audit_log_id_seq', 1, false)",
  ); // as after a restore
  await queue.pause({ type: 'work' }, ANN);
  expect(await queue.addJob('work', { fail: false })).not.toBeNull();
  const id = good?.id ?? '';
  await Promise.all([
    queue.getJob(id),
    queue.jobsPage({ status: 'DEAD_LETTER' }),
    queue.deadGroups(),
    queue.jobTrail(id),
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

function queueOf() {
  const work = defineJob({
    type: 'work',
    payload: z.object({ fail: z.boolean() }),
    maxAttempts: 1,
    handler: async () => ({
      run: async ({ payload, rateLimit }) => {
        await rateLimit('a bucket of a job', { perSecond: 100, burst: 100 });
        if (payload.fail) throw new Error('on purpose');
      },
    }),
  });
  const nightly = defineSchedule({
    name: 'nightly',
    cron: '0 3 * * *',
    timeZone: 'UTC',
    type: 'work',
    payload: { fail: false },
  });
  return createQueue({ database: app, jobs: [work], schedules: [nightly], logJobs: 'none', log: () => undefined });
}
