/** The rows that a health check reads of a large queue: as few as of a small one. */
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { thresholdsOf } from '../src/core/thresholds.ts';
import { FUNCTIONS } from '../src/postgres/statements/functions.ts';

test('the protocol check knows every function that a statement of the queue calls', () => {
  // Statements that only `./testing` sends: no drain and no endpoint waits for them.
  const files = readdirSync('packages/jobqueue/src/postgres/statements').filter(
    (file) => !['functions.ts', 'testing.ts'].includes(file),
  );
  const statements = files.map((file) => readFileSync(`packages/jobqueue/src/postgres/statements/${file}`, 'utf8'));
  const called = statements.flatMap((text) => [...text.matchAll(/(jobqueue\.\w+)\(/g)]);
  const known = FUNCTIONS.map((signature) => signature.replace(/\(.*/, ''));
  expect(known.length).toBeGreaterThan(3);
  expect([...new Set(called.map(([, name]) => name))].sort()).toEqual([...known].sort());
});

let home: TestDatabase;
let sql: pg.Client;
beforeAll(async () => {
  home = await freshDatabase();
  sql = new pg.Client(home.url);
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await home.drop();
});

const NOTHING = { seq_tup_read: 0, idx_tup_fetch: 0 };

/** Rows read of each table by one statement, sequentially and by an index; Postgres counts them per transaction. */
async function readsOf(statement: string, params: unknown[]): Promise<Map<string, typeof NOTHING>> {
  await sql.query('begin');
  await sql.query(statement, params);
  const { rows } = await sql.query(
    `select relname, seq_tup_read::int, coalesce(idx_tup_fetch, 0)::int as idx_tup_fetch
     from pg_stat_xact_user_tables where schemaname = 'jobqueue'`,
  );
  await sql.query('rollback');
  return new Map(rows.map(({ relname, ...reads }) => [relname, reads]));
}

async function fill(rows: number): Promise<void> {
  const many = `generate_series(1, ${rows}) as n`;
  await sql.query('truncate jobqueue.jobs, jobqueue.job_history, jobqueue.drains, jobqueue.rollups');
  await sql.query(`
    insert into jobqueue.jobs (due_at, type, queue, payload, payload_bytes, lease_until)
    select now() - interval '1 hour', 'work', 'queue' || n % 300, '{}', 2, case when n < 1000 then now() + interval '1 hour' end
    from ${many};
    insert into jobqueue.job_history (id, status, created_at, due_at, finished_at, fence, attempt, max_attempts, priority, queue, type, payload)
    select n, case when n % 10 = 0 then 'DEAD_LETTER' else 'COMPLETED' end::jobqueue.terminal_status, now(), now(),
           now() - n * interval '1 second', 1, 1, 3, 0, 'default', 'work', '{}'
    from ${many};
    insert into jobqueue.drains (id, source, started_at, deadline_at, finished_at, stop_reason)
    select gen_random_uuid(), case when n % 100 = 0 then 'cron' else 'kick' end, now() - n * interval '1 second', now(), now(), 'empty'
    from ${many};
    insert into jobqueue.rollups (minute, type, drain, completed, runs)
    select date_trunc('minute', now()) - (n % 1440) * interval '1 minute', 'work', gen_random_uuid(), 1, '{0,1}'
    from ${many};
    analyze`);
}

// 800,000 rows are written first.
const FILLED = { timeout: 120_000 };
test.for([1_000, 200_000])('of %i rows of each kind it reads 200 lanes and a thousand rows', FILLED, async (rows) => {
  await fill(rows);
  const reads = await readsOf('select jobqueue.health_1($1)', [thresholdsOf({}, [], FUNCTIONS, 0)]);
  // A lane is found, then its head: what others hold in front of it is passed.
  expect(reads.get('jobs')?.idx_tup_fetch ?? 0).toBeLessThan(2_500);
  if (rows === 1_000) return; // so few are read as they stand
  for (const table of ['jobs', 'job_history', 'drains', 'rollups'])
    expect([table, reads.get(table)?.seq_tup_read ?? 0]).toEqual([table, 0]);
  expect(reads.get('job_history')?.idx_tup_fetch).toBeLessThanOrEqual(1_100);
  expect(reads.get('drains')?.idx_tup_fetch).toBeLessThanOrEqual(400);
  expect(reads.get('rollups')?.idx_tup_fetch).toBeLessThanOrEqual(1_100);
});

test('an idle watch reads its one row, and no incident of thousands that are over', async () => {
  await sql.query(`
    insert into jobqueue.incidents (check_name, subject, closed_at, notified_at, recovery_notified_at)
    select 'ticks', 't' || n, now(), now(), now() from generate_series(1, 20000) as n;
    update jobqueue.watch set looked_at = now();
    analyze jobqueue.incidents;
    select pg_stat_force_next_flush()`); // each insert has looked for the highest id, which is not this test's matter
  const request = {
    token: '00000000-0000-4000-8000-000000000000',
    thresholds: thresholdsOf({}, [], FUNCTIONS, 0),
    guards: {},
  };
  const reads = await readsOf('select jobqueue.watch_1($1)', [request]);
  expect(reads.get('incidents') ?? NOTHING).toEqual(NOTHING);
});
