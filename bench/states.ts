/**
 * `npm run bench:states`: what this queue costs in states that a row of the benchmark does not reach: an idle tick, a cold start, a snapshot
 * that somebody holds open, millions that wait or ended. Beside it, in turns, the queue before jobs moved in batches.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { createMeter } from './meter.ts';
import { beforeBatches, NODE, requirePeers } from './queues.ts';
import { startBenchServer } from './server.ts';
import { migrateSide, openSide, type Side } from './side.ts';
import { median } from './table.ts';

const USAGE = `npm run bench:states -- [options]
  --full         also the states with millions of jobs: half an hour instead of five minutes
  --only TEXT    only states whose name contains TEXT (repeatable)
  --before       beside this queue as it was before jobs moved in batches
DATABASE_URL, if set, names the server to measure on.`;

const { values: options } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    before: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const DATABASE = 'jobqueue_bench_state';
const BUDGET_MS = 600_000;
const CONCURRENCY = 24;
/** Jobs that ended under a snapshot, each of which left a dead row. */
const UNDER_A_SNAPSHOT = 120_000;
const EMPTY_TICKS = 50;

/** Named figures of a state, in the order in which the table shows them. */
type Figures = Readonly<Record<string, number>>;

/** A database with the queue's schema and nothing else in it. */
interface World {
  readonly folder: string;
  readonly url: string;
  readonly side: Side;
  readonly client: pg.Client;
  /** µs of the whole server's CPU for each job that `work` returns the number of, and jobs a second. */
  metered(work: () => Promise<number>): Promise<{ readonly micros: number; readonly rate: number }>;
}

interface State {
  readonly name: string;
  readonly rounds: number;
  readonly isLarge?: boolean;
  measure(world: World): Promise<Figures>;
}

const STATES: readonly State[] = [
  { name: 'an idle tick', rounds: 5, measure: idleTick },
  { name: 'a cold start', rounds: 11, measure: coldStart },
  { name: 'a snapshot held open', rounds: 3, measure: snapshotHeldOpen },
  { name: 'a backlog of 10,000', rounds: 5, measure: backlogOf(10_000) },
  { name: 'a backlog of 1,000,000', rounds: 1, isLarge: true, measure: backlogOf(1_000_000) },
  { name: 'a backlog of 5,000,000', rounds: 1, isLarge: true, measure: backlogOf(5_000_000) },
  { name: '1,000,000 finished jobs on disk', rounds: 1, isLarge: true, measure: onDisk },
  {
    name: '1,000,000 future and 5,000,000 finished jobs beside 10,000',
    rounds: 1,
    isLarge: true,
    measure: besideMillions,
  },
];

if (options.help) process.stdout.write(`${USAGE}\n`);
else await measureAll();

async function measureAll(): Promise<void> {
  requirePeers();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const states = STATES.filter(({ name, isLarge }) =>
    options.only.length > 0 ? options.only.some((part) => name.includes(part)) : options.full || !isLarge,
  );
  if (states.length === 0) throw new Error(`Nothing to measure.\n${USAGE}`);
  const folders = [resolve('.'), ...(options.before ? [resolve((await beforeBatches()).script, '../..')] : [])];
  const server = await startBenchServer(process.env.DATABASE_URL);
  try {
    const lines: string[] = [];
    for (const state of states) {
      const found: Figures[][] = folders.map(() => []);
      for (let round = 0; round < state.rounds; round += 1)
        for (const n of round % 2 ? [...folders.keys()].toReversed() : folders.keys()) {
          const figures = await inWorld(server.url, folders[n] as string, (world) => state.measure(world));
          found[n]?.push(figures);
          process.stderr.write(`${state.name}, ${n === 0 ? 'ours' : 'before'}: ${JSON.stringify(figures)}\n`);
        }
      lines.push(...linesOf(state.name, found));
    }
    const head = ['State', 'Figure', 'ours', ...(options.before ? ['before', 'ours ÷ before'] : [])];
    const table = [head, ['---', '---', ...head.slice(2).map(() => '---:')], ...lines.map((line) => [line])];
    const day = new Date().toISOString().slice(0, 10);
    process.stdout.write(
      `${day}, ${cpus().length} cores shared by server and clients.\n\n${table.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`,
    );
  } finally {
    await server.stop();
  }
}

function linesOf(state: string, [ours = [], before]: readonly Figures[][]): string[] {
  return Object.keys(ours[0] ?? {}).map((figure, n) => {
    const of = (rounds: readonly Figures[]) => median(rounds.map((round) => round[figure])) ?? Number.NaN;
    const cells = before ? [of(ours), of(before), of(ours) / of(before)] : [of(ours)];
    return [n === 0 ? state : '', figure, ...cells.map((value, at) => shown(value, at))].join(' | ');
  });
}

function shown(value: number, at: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = at === 2 || value < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Each measurement has a database of its own, without what an earlier one left. */
async function inWorld(server: string, folder: string, measure: (world: World) => Promise<Figures>): Promise<Figures> {
  const admin = new pg.Client(server);
  await admin.connect();
  const url = Object.assign(new URL(server), { pathname: `/${DATABASE}` }).href;
  try {
    await admin.query(`drop database if exists ${DATABASE} with (force)`);
    await admin.query(`create database ${DATABASE}`);
    await migrateSide(folder, url);
    const meter = await createMeter(admin);
    const client = new pg.Client(url);
    client.on('error', () => {}); // it ends with its database
    await client.connect();
    const side = await openSide(folder, url, async () => {});
    try {
      return await measure({
        folder,
        url,
        side,
        client,
        async metered(work) {
          const before = await meter.read();
          const began = performance.now();
          const jobs = await work();
          const seconds = (performance.now() - began) / 1_000;
          const after = await meter.read();
          const known = before.cpuMs !== null && after.cpuMs !== null;
          return { micros: known ? ((after.cpuMs - before.cpuMs) * 1_000) / jobs : Number.NaN, rate: jobs / seconds };
        },
      });
    } finally {
      await side.close();
      await client.end();
    }
  } finally {
    await admin.query(`drop database if exists ${DATABASE} with (force)`);
    await admin.end();
  }
}

async function idleTick({ side }: World): Promise<Figures> {
  await side.queue.drain({ budgetMs: BUDGET_MS });
  const before = side.sent();
  const ms = await emptyTickMs(side);
  return { 'statements a tick': (side.sent() - before) / EMPTY_TICKS, 'ms a tick': ms };
}

/** The median. */
async function emptyTickMs(side: Side): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < EMPTY_TICKS; n += 1) {
    const began = performance.now();
    const report = await side.queue.drain({ budgetMs: BUDGET_MS });
    took.push(performance.now() - began);
    if (report.claimed > 0) throw new Error(`expected an empty queue, and ${report.claimed} jobs were claimed`);
  }
  return median(took) as number;
}

async function coldStart({ folder, url, client }: World): Promise<Figures> {
  await fill(client, 1);
  const child = spawn(NODE, [resolve('bench/first-claim.ts'), folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write(`${url}\n`);
  const [printed] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return { 'ms from the start of Node to the job': Number(printed) };
}

async function snapshotHeldOpen({ side, client, url, metered }: World): Promise<Figures> {
  await fill(client, 1_000);
  await drainAll(side, 100); // the connection is made, the plans are
  await fill(client, UNDER_A_SNAPSHOT);
  const clean = await metered(() => drainAll(side, 100));
  await client.query('vacuum (analyze)');
  const holder = new pg.Client(url);
  holder.on('error', () => {});
  await holder.connect();
  await holder.query('begin isolation level repeatable read');
  await holder.query('select count(*) from jobqueue.jobs');
  try {
    await fill(client, UNDER_A_SNAPSHOT);
    const held = await metered(() => drainAll(side, 100));
    return {
      'jobs a second ÷ without it': held.rate / clean.rate,
      'ms an empty tick behind 120,000 dead rows': await emptyTickMs(side),
    };
  } finally {
    await holder.end();
  }
}

/** Three times 10,000 jobs of the backlog: the median. */
function backlogOf(waiting: number) {
  return async ({ side, client, metered }: World): Promise<Figures> => {
    await fill(client, 1_000);
    await drainAll(side, 100); // the connection is made, the plans are
    await fill(client, waiting + 30_000);
    const measured = [];
    for (let n = 0; n < 3; n += 1) measured.push(await metered(() => drainSome(side, 10_000)));
    return {
      'database CPU, µs a job': median(measured.map(({ micros }) => micros)) ?? Number.NaN,
      'jobs a second': median(measured.map(({ rate }) => rate)) ?? Number.NaN,
    };
  };
}

async function onDisk({ side, client }: World): Promise<Figures> {
  await finish(side, client, 1_000_000);
  await client.query('vacuum (analyze)');
  const { rows } = await client.query<{ bytes: string }>(
    "select sum(pg_total_relation_size(c.oid)) as bytes from pg_class c where c.relnamespace = 'jobqueue'::regnamespace and c.relkind in ('r', 'p')",
  );
  return { 'bytes a job, indexes included': Number(rows[0]?.bytes) / 1_000_000 };
}

async function besideMillions({ side, client, metered }: World): Promise<Figures> {
  await finish(side, client, 5_000_000);
  await fill(client, 1_000_000, "interval '30 days'");
  await fill(client, 30_000);
  await client.query('vacuum (analyze)');
  const measured = [];
  for (let n = 0; n < 3; n += 1) measured.push(await metered(() => drainSome(side, 10_000)));
  return {
    'database CPU, µs a job': median(measured.map(({ micros }) => micros)) ?? Number.NaN,
    'jobs a second': median(measured.map(({ rate }) => rate)) ?? Number.NaN,
    'ms an empty tick': await emptyTickMs(side),
  };
}

/** Drained in parts, so that the live table stays as small as a queue's that keeps up. */
async function finish(side: Side, client: pg.Client, jobs: number): Promise<void> {
  const part = 250_000;
  for (let done = 0; done < jobs; done += part) {
    await fill(client, Math.min(part, jobs - done));
    await drainAll(side, 500);
    await client.query('vacuum jobqueue.jobs');
    process.stderr.write(`${(done + part).toLocaleString('en-US')} finished\n`);
  }
}

/** Jobs as `addJobs` stores them, each with a payload of 100 bytes. */
async function fill(client: pg.Client, jobs: number, from = "interval '0'"): Promise<void> {
  await client.query(
    `insert into jobqueue.jobs (due_at, created_at, queue, type, payload, payload_bytes)
     select now() + ${from}, now() + ${from}, 'default', 'noop', p.payload, octet_length(p.payload::text)
     from generate_series(1, $1::int) as g(n)
     cross join lateral (select jsonb_build_object('n', g.n, 'text', repeat(substr(md5(g.n::text), 1, 25), 3)) as payload) p`,
    [jobs],
  );
  await client.query('analyze jobqueue.jobs');
}

async function drainAll(side: Side, maxBatch: number): Promise<number> {
  const report = await side.queue.drain({ budgetMs: BUDGET_MS, concurrency: CONCURRENCY, maxBatch });
  if (report.stopReason !== 'empty')
    throw new Error(`expected an empty queue, and the drain ended with ${report.stopReason}`);
  return report.completed;
}

async function drainSome(side: Side, limit: number): Promise<number> {
  const report = await side.queue.drain({ budgetMs: BUDGET_MS, concurrency: CONCURRENCY, maxBatch: 100, limit });
  if (report.completed !== limit)
    throw new Error(`expected ${limit} jobs to be completed, and ${report.completed} were`);
  return report.completed;
}
