/**
 * Measures the overview's cost for a database with millions of jobs, by the very statements that the page sends: `npm run
 * bench:overview`.
 */

import { createQueue } from '@conversure/jobqueue';
import { connect, type Database, migrate, type Statement } from '@conversure/jobqueue/postgres';
import pg from 'pg';
import { jobs } from '../lib/queue/jobs.ts';
import { startBenchServer } from './server.ts';

const LIVE = Number(process.argv[2] ?? 5_000_000);
const HISTORY = Number(process.argv[3] ?? 5_000_000);
const ROUNDS = 21;
const TYPES = jobs.map(({ type }) => type);
/** Lanes: each type in three priorities, the first two types in a second queue as well. */
const LANE = `
  (array['default', 'default', 'default', 'bulk'])[1 + n % 4], (array['${TYPES.join("','")}'])[1 + n % ${TYPES.length}], (n / 7) % 3`;

const server = await startBenchServer(process.env.DATABASE_URL);
const url = Object.assign(new URL(server.url), { pathname: '/jobqueue_bench_overview' }).href;
const admin = new pg.Client(server.url);
await admin.connect();
try {
  await admin.query('drop database if exists jobqueue_bench_overview with (force)');
  await admin.query('create database jobqueue_bench_overview');
  await migrate({ url });
  const client = new pg.Client(url);
  await client.connect();
  await fillUp(client);
  await measure(client);
  await client.end();
} finally {
  await admin.query('drop database if exists jobqueue_bench_overview with (force)');
  await admin.end();
  await server.stop();
}

async function fillUp(client: pg.Client): Promise<void> {
  // A third is due, the rest is scheduled; of history one in two hundred is dead; a drain every twenty seconds for an hour.
  await client.query(`
    insert into jobqueue.jobs (due_at, created_at, payload_bytes, queue, type, priority, payload)
    select now() + (n % 3 - 0.5) * interval '1 hour' + n % 1000 * interval '1 s', now() - interval '1 hour', 40, ${LANE}, jsonb_build_object('companyId', 'c' || n % 97, 'n', n)
    from generate_series(1, ${LIVE}) as n`);
  await client.query("select setval('jobqueue.jobs_id_seq', $1)", [LIVE + HISTORY]);
  await client.query(`
    insert into jobqueue.job_history (id, created_at, due_at, started_at, finished_at, fence, attempt, max_attempts, status, queue, type, priority, payload, errors)
    select ${LIVE} + n, now() - n * interval '100 ms', now() - n * interval '100 ms', now() - n * interval '99 ms', now() - n * interval '98 ms', 1, 1, 3,
           (case when n % 200 = 0 then 'DEAD_LETTER' else 'COMPLETED' end)::jobqueue.terminal_status, ${LANE}, jsonb_build_object('companyId', 'c' || n % 97, 'n', n),
           case when n % 200 = 0 then '[{"name": "Error", "message": "gone", "attempt": 3}]'::jsonb end
    from generate_series(1, ${HISTORY}) as n`);
  await client.query(`
    insert into jobqueue.drains (id, source, started_at, last_step_at, deadline_at, finished_at, stop_reason, report)
    select gen_random_uuid(), (array['cron', 'kick', 'kick'])[1 + n % 3], now() - n * interval '20 s', now() - n * interval '20 s' + interval '15 s',
           now() - n * interval '20 s' + interval '300 s', now() - n * interval '20 s' + interval '15 s', 'empty', '{"claimed": 10, "completed": 10}'
    from generate_series(1, 40000) as n`);
  await client.query(
    `
    insert into jobqueue.rollups (minute, type, drain, completed, failed, wait_ms, run_ms, waits, runs)
    select date_trunc('minute', now()) - n / 3 * interval '1 min', t.type, gen_random_uuid(), 40, 1, 1000, 1000,
           array_fill(3, array[24]), array_fill(3, array[20])
    from generate_series(0, 24 * 60 * 3) as n, unnest($1::text[]) as t(type)`,
    [TYPES],
  );
  await client.query('vacuum (analyze)');
}

async function measure(client: pg.Client): Promise<void> {
  const sent: Statement[] = [];
  const database = connect(url);
  const queue = createQueue({ database: recording(database, sent), jobs });
  await Promise.all([queue.health(), queue.overview(), queue.stats({ by: 'minute', together: true })]);
  const samples = sent.map(() => [] as number[]);
  for (let round = 0; round < ROUNDS; round++)
    for (const [n, statement] of sent.entries()) samples[n]?.push(await databaseMs(client, statement));
  const { rows } = await client.query('select version()');
  console.log(
    `${LIVE.toLocaleString('en')} live and ${HISTORY.toLocaleString('en')} historical jobs, ${rows[0].version.split(' on ')[0]}\n`,
  );
  console.log('| Statement | median ms | worst ms |\n| --- | ---: | ---: |');
  for (const [n, { text }] of sent.entries()) {
    const sorted = (samples[n] ?? []).toSorted((a, b) => a - b);
    console.log(`| ${nameOf(text)} | ${at(sorted, 0.5).toFixed(1)} | ${at(sorted, 1).toFixed(1)} |`);
  }
  const together = samples.reduce(
    (sum, list) =>
      sum +
      at(
        list.toSorted((a, b) => a - b),
        0.5,
      ),
    0,
  );
  console.log(`\nThe overview: ${sent.length} statements, ${together.toFixed(1)} ms of database time`);
  await database.close();
}

/** Planning and execution, as the server itself measures them. */
async function databaseMs(client: pg.Client, { text, params }: Statement): Promise<number> {
  const { rows } = await client.query(`explain (analyze, timing off, format json) ${text}`, params as unknown[]);
  const [plan] = rows[0]['QUERY PLAN'];
  return plan['Planning Time'] + plan['Execution Time'];
}

function recording(database: Database, sent: Statement[]): Database {
  return {
    ...database,
    execute: (statement, options) => {
      sent.push(statement);
      return database.execute(statement, options);
    },
  };
}

function nameOf(text: string): string {
  return /jobqueue\.(\w+_1)\(/.exec(text)?.[1] ?? 'counts per minute, of the last hour';
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
