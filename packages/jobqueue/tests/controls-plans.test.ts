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
    with made as (
      insert into jobqueue.batches (drain, queue, type, priority, ids, due_at, payloads)
      select gen_random_uuid(), 'queue-1', 'type-' || b % 7, 0, array_agg(200000 + b * 5 + n), array_agg(now() + n * interval '1 ms'), array_agg('{}'::jsonb)
      from generate_series(1, 20000) b cross join generate_series(1, 5) n group by b order by b
      returning id, ids
    ), placed as (
      insert into jobqueue.blocks (block, last, batch) select i >> 10, max(i & 1023), id from made cross join unnest(ids) i group by 1, 3
    ), settled as (
      insert into jobqueue.settlements (batch, n, done, ran, ended)
      select id, 1, repeat('1', 5)::varbit, array_fill(1, array[5]), array_fill(0, array[5]) from made where id <= 19990
    )
    insert into jobqueue.leases (batch, claim, lease_until, open) select id, 1, now() + interval '1 minute', repeat('1', 5)::varbit from made where id > 19990;
    analyze jobqueue.jobs, jobqueue.job_history, jobqueue.batches, jobqueue.blocks, jobqueue.settlements, jobqueue.leases;
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

/** Runs it and takes it back; answers every scan of the queue's tables that it made. */
async function scansOf(text: string): Promise<{ scans: PlanNode[]; indexes: Set<string> }> {
  plans = [];
  await sql.query(`begin; ${text}; rollback`);
  const scans = plans.flatMap(nodesOf).filter((node) => node['Node Type'].includes('Scan'));
  return { scans, indexes: new Set(scans.flatMap((node) => node['Index Name'] ?? [])) };
}

const touched = (node: PlanNode) =>
  ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1);

const BY = `"actor": "ann", "reason": "r"`;
/** In one of the ten batches that a drain holds, of some hundred in its block of ids. */
const HELD = '299978';
const cases: [name: string, call: string, index: string][] = [
  ['cancel by type', `cancel_1('{"type": "type-3"}', '{${BY}}')`, 'jobs_lane'],
  ['cancel by queue', `cancel_1('{"queue": "queue-1"}', '{${BY}}')`, 'jobs_lane'],
  ['cancel by queue and type', `cancel_1('{"queue": "queue-1", "type": "type-3"}', '{${BY}}')`, 'jobs_lane'],
  ['cancel by due time', `cancel_1('{"dueBefore": "2020-01-01"}', '{${BY}}')`, 'jobs_lane'],
  ['cancel by ids', `cancel_1('{"ids": ["5", "17", "49000"]}', '{${BY}}')`, 'jobs_pkey'],
  ['cancel of what drains hold', `cancel_1('{"status": "PROCESSING"}', '{${BY}}')`, 'batches_pkey'],
  ['cancel of a held job', `cancel_1('{"ids": ["${HELD}"]}', '{${BY}}')`, 'one_row_per_block_and_batch'],
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
    (node) =>
      node['Node Type'] === 'Seq Scan' &&
      /^(jobs|job_history|batches|blocks|settlements)$/.test(node['Relation Name'] ?? ''),
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

test('a cancel of one held job reads the held batches of its block of ids, of two hundred that are in it', async () => {
  await sql.query('begin');
  const { rows } = await sql.query(
    `select (jobqueue.cancel_1('{"ids": ["${HELD}"]}', '{${BY}}') ->> 'changed')::int as changed`,
  );
  await sql.query('rollback');
  expect(rows).toEqual([{ changed: 1 }]);
  const { scans } = await scansOf(`select jobqueue.cancel_1('{"ids": ["${HELD}"]}', '{${BY}}')`);
  for (const node of scans.filter((scan) => scan['Relation Name'] === 'batches'))
    expect(touched(node)).toBeLessThanOrEqual(10);
});
