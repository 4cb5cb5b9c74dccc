/** A database of the first release comes up to date with everything that it holds. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { emptyDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { connect, type Database } from '../../src/postgres/connect.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { queueOf } from '../support.ts';

let home: TestDatabase;
let database: Database;
let folder: string;

beforeEach(async () => {
  home = await emptyDatabase();
  folder = mkdtempSync(join(tmpdir(), 'first-release-'));
  mkdirSync(join(folder, 'core'));
  cpSync('packages/jobqueue/sql/migrations/0001_create_queue.sql', join(folder, 'core/0001_create_queue.sql'));
  await migrate({ url: home.url, sources: [{ scope: 'jobqueue', versioned: join(folder, 'core') }] });
  database = connect(home.url);
});

afterEach(async () => {
  await database.close();
  await home.drop();
  rmSync(folder, { recursive: true });
});

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
