/** The app's own log of jobs and drains: one line of JSON each, as the platform's log drain reads it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.drop());

const PROGRAM = `
  const { queue } = await import('./lib/queue/index.ts');
  const { database } = await import('@conversure/jobqueue/postgres');
  await queue.drain({ source: 'cron' });
  await database().close();`;

async function drainIn(environment: Record<string, string>): Promise<Record<string, unknown>[]> {
  const sql = new pg.Client(db.url);
  await sql.connect();
  await sql.query(`select jobqueue.add_job('lead_import', '{"companyId":"acme-corporation","importId":"none"}')`);
  await sql.end();
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', PROGRAM], {
    env: { ...process.env, DATABASE_URL: db.url, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return printed
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => msg !== 'schedules_fired'); // the app's own schedules are met for the first time
}

test('a dead letter and a drain are one line each, with the ids that lead from one to the other', async () => {
  const [dead, drained, ...rest] = await drainIn({});
  expect(rest).toEqual([]);
  const report = drained?.report as { id: string };
  expect(drained).toMatchObject({ level: 'info', msg: 'drain_ended', report: { source: 'cron', deadLettered: 1 } });
  expect(dead).toEqual({
    level: 'error',
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    msg: 'job_dead_lettered',
    drain: report.id,
    job: expect.stringMatching(/^\d+$/),
    type: 'lead_import',
    queue: 'default',
    attempt: 1,
    fence: 1,
    ranMs: expect.any(Number),
    waitedMs: expect.any(Number),
    errorName: expect.any(String),
    errorMessage: expect.any(String),
  });
  expect(JSON.stringify([dead, drained])).not.toContain('acme-corporation');
});

test('starts are printed where they are asked for', async () => {
  const lines = await drainIn({ JOBQUEUE_LOG_JOBS: 'all', LOG_LEVEL: 'debug' });
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    ['debug', 'job_started'],
    ['error', 'job_dead_lettered'],
    ['info', 'drain_ended'],
  ]);
});
