/** Query plans of screens among 200,000 jobs: no screen reads a whole table with any filter. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { BATCHES, FINISHED_IN_BATCHES } from './finished.ts';

/** Tables that no screen may read as a whole. Leases are as many as drains hold batches. */
const WHOLE = ['jobs', 'job_history', 'idempotency_keys', 'drains', ...BATCHES];

let home: TestDatabase;
let sql: pg.Client;
let plans: PlanNode[] = [];

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

beforeAll(async () => {
  home = await freshDatabase();
  sql = new pg.Client(home.url);
  await sql.connect();
  await sql.query(`
    insert into jobqueue.jobs (type, queue, priority, payload, payload_bytes, due_at)
    select 'type-' || n % 5, 'queue-' || n % 3, n % 4, '{}', 2, now() + n * interval '1 second' from generate_series(1, 50000) n;
    insert into jobqueue.job_history (id, status, created_at, due_at, finished_at, fence, attempt, max_attempts, priority, queue, type, payload, errors)
    select nextval('jobqueue.jobs_id_seq'), (case n % 20 when 0 then 'DEAD_LETTER' when 1 then 'CANCELLED' else 'COMPLETED' end)::jobqueue.terminal_status,
           now(), now(), now() - interval '1 hour', 1, 1, 3, 0, 'default', 'type-' || n % 7, '{}', '[{"name": "Error", "message": "down"}]'
    from generate_series(1, 50000) n;
    insert into jobqueue.idempotency_keys (type, key, job_id) select 'type-' || n % 5, 'lead:' || n, n from generate_series(1, 50000) n;
    insert into jobqueue.drains (id, source, started_at, last_step_at, deadline_at, finished_at, stop_reason)
    select gen_random_uuid(), (array['cron', 'kick'])[1 + n % 2], at, at, at, at, 'empty' from (select n, now() - n * interval '30 s' as at from generate_series(1, 20000) n) t;
  `);
  await sql.query(FINISHED_IN_BATCHES, [100_000, 200]);
  await sql.query(FINISHED_IN_BATCHES, [2_000, 1]);
  await sql.query(`
    insert into jobqueue.leases (batch, claim, lease_until, settled, open)
    select id, 1, now() + interval '1 hour', 1, '0'::varbit from jobqueue.batches order by id desc limit 2000`);
  for (const table of WHOLE) await sql.query(`vacuum analyze jobqueue.${table}`);
  await sql.query(`load 'auto_explain';
    set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on; set auto_explain.log_analyze = on;
    set auto_explain.log_format = json; set auto_explain.log_level = notice`);
  sql.on('notice', ({ message = '' }) => {
    const json = message.slice(message.indexOf('{'));
    if (message.startsWith('duration:')) plans.push((JSON.parse(json) as { Plan: PlanNode }).Plan);
  });
});

afterAll(async () => {
  await sql.end();
  await home.drop();
});

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** Answers every scan that it made. */
async function scansOf(text: string): Promise<{ scans: PlanNode[] }> {
  plans = [];
  await sql.query(text);
  const scans = plans.flatMap(nodesOf).filter((node) => node['Node Type'].includes('Scan'));
  return { scans };
}

const touched = (node: PlanNode) =>
  ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1);

/** The bound that a page without an index has, and what a lane's count adds. */
const MOST = 21_000;

const page = (filter: string, cursor = 'null') => `jobs_page_1('${filter}', ${cursor}, 50)`;
const cases: [name: string, call: string][] = [
  ['the overview', 'overview_1()'],
  ['all jobs', page('{}')],
  ['pending jobs', page('{"status": "PENDING"}')],
  ['pending jobs of a type', page('{"status": "PENDING", "type": "type-3", "from": "2020-01-01"}')],
  ['running jobs', page('{"status": "PROCESSING"}')],
  ['dead letters', page('{"status": "DEAD_LETTER"}')],
  ['dead letters of a queue', page('{"status": "DEAD_LETTER", "queue": "none"}')],
  ['completed jobs of a type that has none', page('{"status": "COMPLETED", "type": "none"}')],
  ['completed jobs of a time', page('{"status": "COMPLETED", "from": "2020-01-01", "until": "2021-01-01"}')],
  ['a further page of what was not found', page('{"type": "none"}', `'["40000"]'`)],
  ['jobs by the beginning of a key', page('{"key": "lead:4"}')],
  ['a job by its id', page('{"key": "17", "id": "17"}')],
  ['groups of dead letters', `dead_groups_2('{}')`],
  ['groups of dead letters of a type', `dead_groups_2('{"type": "type-0"}')`],
  ['what is known beside a job', 'trail_1(50017)'],
  ['what is known beside a completed job', 'trail_1(150017)'],
  ['completed jobs', page('{"status": "COMPLETED"}')],
  ['completed jobs of a type, further down', page('{"status": "COMPLETED", "type": "type-3"}', `'["150000"]'`)],
  ['completed jobs of a day', page('{"status": "COMPLETED", "from": "2020-01-01"}')],
  ['completed jobs of a queue that has none', page('{"status": "COMPLETED", "queue": "none"}')],
  ['jobs above an id', `jobs_newest_1('{"above": "201900"}', null, 50)`],
  ['a live job', 'live_1(array[20017])'],
  ['a completed job', 'ended_1(array[150017])'],
  ['completed jobs far apart', 'ended_1(array[110017, 120017, 130017, 140017, 150017, 160017, 170017, 180017])'],
  ['the sequences', 'sequences_behind_1()'],
  ['health', `health_1('{"functions": [], "types": {}, "startWithinMs": 1, "slices": 1}')`],
  ['metrics', 'metrics_1()'],
];

test.each(cases)('%s: %s', async (_, call) => {
  const { scans } = await scansOf(`select jobqueue.${call}`);
  const whole = scans.filter((node) => node['Node Type'] === 'Seq Scan' && WHOLE.includes(node['Relation Name'] ?? ''));
  expect(whole).toEqual([]);
  expect(Math.max(...scans.map(touched))).toBeLessThanOrEqual(MOST);
});
