/** Least rights: a role that may not create in `public` installs, and one with the printed grants does everything that an app and its operators do. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blocksOf } from '../../../../tests/docs/markdown.ts';
import { emptyDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { rightsFinding } from '../../src/cli/doctor/settings.ts';
import { connect, type Database } from '../../src/postgres/connect.ts';
import { connectionError } from '../../src/postgres/connection-error.ts';
import { grants } from '../../src/postgres/grants.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { everyOperation, workQueue } from '../every-operation.ts';

const ANN = { actor: 'ann' };
const mark = randomBytes(4).toString('hex');
const MIGRATOR = `migrator_${mark}`;
const APP = `app_${mark}`;

let home: TestDatabase;
let superuser: pg.Client;
let app: Database;

const as = (role: string) => {
  const url = new URL(home.url);
  url.username = role;
  url.password = mark;
  return url.href;
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
  await superuser.query(`alter default privileges for role ${MIGRATOR} revoke execute on functions from public`); // as hardened servers have it
  app = connect(as(APP));
});
afterAll(async () => {
  await app.close();
  await superuser.query(`drop owned by ${APP}, ${MIGRATOR} cascade`);
  await superuser.query(`drop role ${APP}, ${MIGRATOR}`);
  await superuser.end();
  await home.drop();
});

test('a role without rights in public installs, and finds nothing to do the second time', async () => {
  const { applied } = await migrate({ url: as(MIGRATOR) });
  expect(applied[0]).toBe('jobqueue/0001_create_queue.sql');
  expect(await migrate({ url: as(MIGRATOR) })).toEqual({ applied: [] });
});

test('a role that may create no schema installs into one that was made for it', async () => {
  await superuser.query(`create schema made_for_it authorization ${APP}`);
  const { applied } = await migrate({ url: as(APP), schema: 'made_for_it' });
  expect(applied[0]).toBe('jobqueue/0001_create_queue.sql');
});

test('a role without the grants is told so, and the doctor names what it lacks', async () => {
  const refused = await workQueue({ database: app })
    .addJob('work', { fail: false })
    .catch((error: unknown) => error);
  const told = connectionError(refused, { variable: 'DATABASE_URL', address: app.address })?.message;
  expect(told).toMatch(
    /lacks a right.*"npx @conversure\/jobqueue doctor" prints.*permission denied for schema jobqueue \(42501\)/,
  );
  expect(await rightsFinding(app)).toMatchObject({
    state: 'red',
    detail: expect.stringMatching(new RegExp(`^${APP} lacks usage on schema jobqueue, \\w+ on \\w+`)),
    mend: expect.stringContaining(grants(APP).join('\n')),
  });
});

test('the doctor is not content while any of the grants is missing', async () => {
  const all = grants(APP);
  const revoke = all.map((grant) => grant.replace('grant ', 'revoke ').replace(` to ${APP};`, ` from ${APP};`));
  for (const missing of all.slice(0, 4)) {
    await asMigrator(all.filter((grant) => grant !== missing).join('\n'));
    expect(await rightsFinding(app), missing).toMatchObject({ state: 'red' });
    await asMigrator(revoke.join('\n'));
  }
});

test('the runbook shows the grants that the doctor prints', () => {
  const shown = blocksOf('docs/operations.md', 'sql').map(({ text }) => text.trim());
  expect(shown).toContain(grants('app').join('\n'));
});

test('with the grants it enqueues, drains and does all that operators do', async () => {
  await asMigrator(grants(APP).join('\n'));
  await asMigrator('create table jobqueue.of_a_later_migration (n bigint generated always as identity)');
  expect(await rightsFinding(app)).toMatchObject({ state: 'ok' });
  const queue = workQueue({ database: app });
  await everyOperation(queue);
  await superuser.query(
    "select setval('jobqueue.jobs_id_seq', 1, false), setval('jobqueue.audit_log_id_seq', 1, false)",
  ); // as after a restore
  await queue.pause({ type: 'work' }, ANN);
  expect(await queue.addJob('work', { fail: false })).not.toBeNull();
});

test('nothing of the queue is in public, whatever the role could create there', async () => {
  await superuser.query('grant create on schema public to public');
  await migrate({ url: home.url, schema: 'by_a_superuser' });
  const { rows } = await superuser.query(`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace
    union all select proname from pg_proc where pronamespace = 'public'::regnamespace
    union all select typname from pg_type where typnamespace = 'public'::regnamespace`);
  expect(rows).toEqual([]);
});
