/** A database of the first release comes up to date with everything that it holds. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { emptyDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { connect, type Database } from '../../src/postgres/connect.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { queueOf } from '../support.ts';

let home: TestDatabase;
let database: Database;

beforeEach(async () => {
  home = await emptyDatabase();
  await installFirstRelease();
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

test('jobs, history, keys, ids and the view survive', async () => {
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

test('in a new database the first job has the id 1, as the README shows it', async () => {
  await migrate({ url: home.url });
  expect(await queueOf(database).queue.addJob('work', { mode: 'noop' })).toEqual({ id: '1' });
});

test('a relation of the name JobQueue that is not ours is left alone', async () => {
  await sql('drop view "JobQueue"; create table "JobQueue" (id int); insert into "JobQueue" values (5)');
  await migrate({ url: home.url });
  expect((await sql('select * from "JobQueue"')).rows).toEqual([{ id: 5 }]);
});

test('the view that the first release made is the one of migrate({ compatibilityView: true })', async () => {
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
