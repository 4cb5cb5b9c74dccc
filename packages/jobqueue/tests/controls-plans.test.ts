/** Query plans of operations among 50,000 rows: the claim index, the primary key, or the index of dead letters. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../tests/support/database.ts';

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
    select nextval('jobqueue.jobs_id_seq'), (case n % 10 when 0 then 'DEAD_LETTER' when 1 then 'CANCELLED' else 'COMPLETED' end)::jobqueue.terminal_status,
           now(), now(), now() - interval '1 hour', 1, 1, 3, 0, 'default', 'type-' || n % 7, '{}', '[{"name": "Error", "message": "down"}]'
    from generate_series(1, 50000) n;
    analyze jobqueue.jobs, jobqueue.job_history;
    load 'auto_explain';
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

/** Runs it and takes it back; answers every scan of the two tables that it made. */
async function scansOf(text: string): Promise<{ scans: PlanNode[]; indexes: Set<string> }> {
  plans = [];
  await sql.query(`begin; ${text}; rollback`);
  const scans = plans.flatMap(nodesOf).filter((node) => node['Node Type'].includes('Scan'));
  return { scans, indexes: new Set(scans.flatMap((node) => node['Index Name'] ?? [])) };
}

const touched = (node: PlanNode) =>
  ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1);

const BY = `"actor": "ann", "reason": "r"`;
const cases: [name: string, call: string, index: string][] = [
  ['cancel by type', `cancel_1('{"type": "type-3"}', '{${BY}}')`, 'jobs_lane'],
  ['cancel by queue', `cancel_1('{"queue": "queue-1"}', '{${BY}}')`, 'jobs_lane'],
  ['cancel by queue and type', `cancel_1('{"queue": "queue-1", "type": "type-3"}', '{${BY}}')`, 'jobs_lane'],
  ['cancel by due time', `cancel_1('{"dueBefore": "2020-01-01"}', '{${BY}}')`, 'jobs_lane'],
  ['cancel by ids', `cancel_1('{"ids": ["5", "17", "49000"]}', '{${BY}}')`, 'jobs_pkey'],
  ['reschedule by type', `reschedule_1('{"type": "type-3"}', '{${BY}, "delayMs": 1000}')`, 'jobs_lane'],
  ['reprioritise by queue', `reprioritise_1('{"queue": "queue-1"}', '{${BY}, "priority": 9}')`, 'jobs_lane'],
  ['replay by type', `replay_1('{"type": "type-0"}', '{${BY}}')`, 'job_history_dead'],
  ['replay by error', `replay_1('{"errorName": "Error"}', '{${BY}}')`, 'job_history_dead'],
  [
    'replay of cancelled jobs',
    `replay_1('{"type": "type-1", "statuses": ["CANCELLED"]}', '{${BY}}')`,
    'job_history_cancelled',
  ],
  ['replay by ids', `replay_1('{"ids": ["50010", "50020"]}', '{${BY}}')`, 'job_history_pkey'],
  ['a throttled replay', `start_replay_1('{"type": "type-0"}', '{${BY}, "perMinute": 100}')`, 'job_history_dead'],
];

test.each(cases)('%s reads no table from end to end: %s', async (_, call, index) => {
  const { scans, indexes } = await scansOf(`select jobqueue.${call}`);
  const whole = scans.filter(
    (node) => node['Node Type'] === 'Seq Scan' && /^(jobs|job_history)$/.test(node['Relation Name'] ?? ''),
  );
  expect(whole).toEqual([]);
  expect(indexes).toContain(index);
  expect(Math.max(...scans.map(touched))).toBeLessThanOrEqual(10_000);
});

test('a preview reads dead letters by their index, and nothing else', async () => {
  const { scans, indexes } = await scansOf(`select jobqueue.preview_replay_1('{"type": "type-0"}')`);
  expect(scans.filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'job_history')).toEqual(
    [],
  );
  expect(indexes).toContain('job_history_dead');
});

test('a tick without a throttled replay looks at one index with nothing in it', async () => {
  await sql.query('set enable_seqscan = off'); // of a table without rows a scan costs nothing either
  const { scans } = await scansOf(`select jobqueue.replays_due_1('{}')`);
  await sql.query('reset enable_seqscan');
  expect(scans.map((node) => [node['Index Name'], touched(node)])).toEqual([['replays_running', 0]]);
});
