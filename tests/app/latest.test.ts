/** The list of jobs as a page reads it: every status, newest first, page by page. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { latestJobs, PAGE } from '../../app/jobs/latest.ts';
import { database } from '../../db/client.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

let db: TestDatabase;
let sql: pg.Client;

beforeAll(async () => {
  db = await freshDatabase();
  process.env.DATABASE_URL = db.url;
  sql = new pg.Client(db.url);
  await sql.connect();
  // 1–60 completed, 61 dead, 62 cancelled, 63–122 pending, 123 running
  await sql.query(`
    insert into jobqueue.job_history
      (id, status, created_at, due_at, fence, attempt, max_attempts, priority, queue, type, payload)
    select n, (case n when 61 then 'DEAD_LETTER' when 62 then 'CANCELLED' else 'COMPLETED' end)::jobqueue.terminal_status, now(), now(), 1, 1, 3, 0,
           'default', 'crm_sync', '{}'
    from generate_series(1, 62) n`);
  await sql.query(`
    insert into jobqueue.jobs (id, type, payload, payload_bytes, lease_until)
    select n, 'crm_sync', '{}', 2, case n when 123 then now() + interval '1 minute' end
    from generate_series(63, 123) n`);
  await sql.query(`
    insert into jobqueue.drains (id, source, deadline_at, running)
    values (gen_random_uuid(), 'cron', now() + interval '1 minute', '{123, 5}')`);
});
afterAll(async () => {
  await database().close();
  await sql.end();
  await db.drop();
});

test('pages follow one another without gap or repetition, from live jobs into history', async () => {
  const seen: number[] = [];
  let before: bigint | null = null;
  for (let page = 1; page <= 3; page++) {
    const jobs = await latestJobs({ status: null, before });
    seen.push(...jobs.map(({ id }) => Number(id)));
    before = jobs.at(-1)?.id ?? null;
  }
  expect(seen).toEqual(Array.from({ length: 123 }, (_, n) => 123 - n));
});

test.each([
  ['PENDING', 122, PAGE],
  ['PROCESSING', 123, 1],
  ['COMPLETED', 60, PAGE],
  ['DEAD_LETTER', 61, 1],
  ['CANCELLED', 62, 1],
] as const)('%s shows its own, the newest first', async (status, newest, count) => {
  const jobs = await latestJobs({ status, before: null });
  expect(jobs.map((job) => job.status)).toEqual(Array.from({ length: count }, () => status));
  expect(jobs[0]).toMatchObject({ id: BigInt(newest), maxAttempts: 3, createdAt: expect.any(Date) });
});
