/** Databases of earlier releases come up to date with everything that they hold. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { emptyDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { connect, type Database } from '../../src/postgres/connect.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { endLeases, queueOf } from '../support.ts';

let home: TestDatabase;
let database: Database;

beforeEach(async () => {
  home = await emptyDatabase();
  database = connect(home.url);
});

afterEach(async () => {
  await database.close();
  await home.drop();
});

/** The migration of that release, including its view in `public`. */
async function installFirstRelease(): Promise<void> {
  const first = readFileSync('packages/jobqueue/sql/migrations/0001_create_queue.sql', 'utf8');
  await sql(`
    create schema jobqueue;
    create table jobqueue.migrations (
      scope text not null, name text not null, sha256 text not null, applied_at timestamptz not null default now(), primary key (scope, name));
    insert into jobqueue.migrations values ('jobqueue', '0001_create_queue.sql', '${createHash('sha256').update(first).digest('hex')}')`);
  await sql(first);
}

async function sql(text: string): Promise<pg.QueryResult> {
  const client = new pg.Client(home.url);
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

test('jobs, history, keys, ids and the view of the first release survive', async () => {
  await installFirstRelease();
  await sql(`
    insert into jobqueue.jobs (type, payload, payload_bytes, priority, idempotency_key, fence, attempt, errors)
    values ('work', '{"mode": "noop", "n": 7}', 24, 9, 'k', 4, 1, '[{"name": "Error", "message": "once", "attempt": 1}]');
    insert into jobqueue.idempotency_keys (type, key, job_id) select type, idempotency_key, id from jobqueue.jobs;
    insert into jobqueue.job_history (id, created_at, due_at, started_at, finished_at, fence, status, attempt, max_attempts,
      priority, queue, type, payload, result)
    select nextval('jobqueue.jobs_id_seq'), now(), now(), now(), now(), 1, 'COMPLETED', 1, 3, 0, 'default', 'work', '{}', '{"ok": true}'`);
  const before = (await sql('select * from "JobQueue" order by id')).rows;

  await migrate({ url: home.url });

  expect((await sql('select * from "JobQueue" order by id')).rows).toEqual(before);
  const { queue } = queueOf(database);
  expect(await queue.getJob('2')).toMatchObject({ status: 'COMPLETED', result: { ok: true } });
  const added = await queue.addJob('work', { mode: 'noop' });
  expect(added).toEqual({ id: '3' }); // no id is left out, none given twice
  expect(await queue.addJob('work', { mode: 'noop' }, { idempotencyKey: 'k' })).toBeNull(); // the key still holds
  expect(await queue.drain({ budgetMs: 5_000 })).toMatchObject({ completed: 2, stopReason: 'empty' });
  expect(await queue.getJob('1')).toMatchObject({
    status: 'COMPLETED',
    priority: 9,
    fence: 5,
    attempts: 2,
    payload: { mode: 'noop', n: 7 },
    errors: [{ message: 'once' }],
  });
});

/**
 * A dump of a database whose queue was migrated, filled and drained by the code of 0.8.0: 1 completed, 2 waiting for its retry,
 * 3 dead, 4 with a key, 5 delayed, 6 in a paused queue, 7 the parent of 8, 9 held by a process that died.
 */
const RELEASE_0_8 = 'packages/jobqueue/tests/infrastructure/release-0.8.0.sql.gz';

test('a database of 0.8.0 comes up to date under its jobs, and they end as they would have', async () => {
  await sql(gunzipSync(readFileSync(RELEASE_0_8)).toString());
  const { queue } = queueOf(database);
  await migrate({ url: home.url });
  expect(await queue.getJob('2')).toMatchObject({ status: 'PENDING', priority: 9, errors: [{ message: 'once' }] });
  expect(await queue.addJob('work', { mode: 'noop' }, { idempotencyKey: 'held' })).toBeNull();
  await sql('update jobqueue.jobs set due_at = now() where id in (2, 5)');
  await endLeases(database);
  expect(await queue.drain({ budgetMs: 10_000 })).toMatchObject({
    completed: 5,
    retried: 1,
    rescued: 1,
    stopReason: 'empty',
  });
  const ended = Object.fromEntries(
    await Promise.all(
      ['1', '3', '4', '5', '6', '7', '8', '9'].map(async (id) => [id, (await queue.getJob(id))?.status] as const),
    ),
  );
  expect(ended).toEqual({
    ...{ 1: 'COMPLETED', 3: 'DEAD_LETTER', 4: 'COMPLETED', 5: 'COMPLETED', 6: 'PENDING', 7: 'COMPLETED' },
    ...{ 8: 'COMPLETED', 9: 'COMPLETED' },
  });
});

test('in a new database the first job has the id 1, as the README shows it', async () => {
  await migrate({ url: home.url });
  expect(await queueOf(database).queue.addJob('work', { mode: 'noop' })).toEqual({ id: '1' });
});

test('a relation of the name JobQueue that is not ours is left alone', async () => {
  await installFirstRelease();
  await sql('drop view "JobQueue"; create table "JobQueue" (id int); insert into "JobQueue" values (5)');
  await migrate({ url: home.url });
  expect((await sql('select * from "JobQueue"')).rows).toEqual([{ id: 5 }]);
});

test('the view that the first release made is the one of migrate({ compatibilityView: true })', async () => {
  await installFirstRelease();
  await migrate({ url: home.url });
  const definition = `select pg_get_viewdef('public."JobQueue"'::regclass) as text`;
  const before = (await sql(definition)).rows;
  await sql('drop view public."JobQueue"');
  const told: string[] = [];
  const makeView = () => migrate({ url: home.url, compatibilityView: true, log: (line) => told.push(line) });
  await makeView();
  expect((await sql(definition)).rows).toEqual(before);
  await makeView();
  expect(told).toEqual(['created the view public."JobQueue"', 'public."JobQueue" exists and was left as it is']);
});
