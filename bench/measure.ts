/** One run of one row by one queue: a fresh database, the jobs, the clock, the meter. */
import pg from 'pg';
import type { Outcome } from './contestant.ts';
import { startLatencyProxy } from './latency-proxy.ts';
import { createMeter, type Reading } from './meter.ts';
import type { Queue } from './queues.ts';
import type { Row } from './rows.ts';
import { install, runTeam } from './team.ts';

export interface Sample {
  readonly jobsPerSecond: number;
  readonly roundTripsPerJob: number;
  readonly walBytesPerJob: number;
  /** CPU of the database; `null` if its processes cannot be seen. */
  readonly cpuMicrosPerJob: number | null;
  readonly clientCpuMicrosPerJob: number;
}

export interface Bench {
  /** PostgreSQL's. */
  readonly version: string;
  /** Makes the template that each run of `queue` starts from. */
  prepare(queue: Queue): Promise<void>;
  run(queue: Queue, row: Row): Promise<Sample>;
  close(): Promise<void>;
}

/** The jobs that a drain row takes are enqueued in calls of this size, never measured. */
const PRELOAD_BATCH = 1_000;

/** `url` names any database of the server; ours are created beside it and dropped again. */
export async function openBench(url: string): Promise<Bench> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  const meter = await createMeter(admin);
  const template = (queue: Queue) => `jobqueue_bench_${queue.name.toLowerCase().replace('-', '_')}`;
  const RUN = 'jobqueue_bench_run';
  const inDatabase = (name: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  const drop = (name: string) => admin.query(`drop database if exists ${name} with (force)`);
  const prepared: Queue[] = [];
  const { rows } = await admin.query<{ server_version: string }>('show server_version');

  return {
    version: rows[0]?.server_version ?? 'unknown',

    async prepare(queue) {
      await drop(template(queue));
      await admin.query(`create database ${template(queue)}`);
      prepared.push(queue);
      await install(queue, inDatabase(template(queue)));
    },

    async run(queue, row) {
      await drop(RUN);
      await admin.query(`create database ${RUN} template ${template(queue)}`);
      const direct = inDatabase(RUN);
      await admin.query('checkpoint'); // before the jobs: none falls due while the queue runs, and no page is logged whole for it
      if (row.mode === 'drain') await preload(queue, direct, row.jobs);

      const proxy = row.latencyMs === 0 ? null : await startLatencyProxy(addressOf(direct), row.latencyMs);
      const target = proxy
        ? Object.assign(new URL(direct), { hostname: '127.0.0.1', port: `${proxy.port}` }).href
        : direct;
      const readings: Reading[] = [];
      const read = async () => {
        readings.push(await meter.read());
      };
      try {
        const outcomes = await runTeam(queue, { ...row, url: target }, { before: read, after: read });
        return sample(queue, row, outcomes, readings);
      } finally {
        await proxy?.close();
        await drop(RUN);
      }
    },

    async close() {
      await drop(RUN);
      for (const queue of prepared) await drop(template(queue));
      await admin.end();
    },
  };
}

async function preload(queue: Queue, url: string, jobs: number): Promise<void> {
  await runTeam(queue, { url, mode: 'enqueue-batch', jobs, batch: PRELOAD_BATCH, drains: 1, latencyMs: 0 });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('analyze'); // autovacuum would do it sooner or later: here at the same moment for all
  await client.end();
}

function sample(queue: Queue, row: Row, outcomes: readonly Outcome[], [before, after]: readonly Reading[]): Sample {
  const total = (pick: (outcome: Outcome) => number) => outcomes.reduce((sum, outcome) => sum + pick(outcome), 0);
  const jobs = total((outcome) => outcome.jobs);
  if (jobs !== row.jobs) throw new Error(`${queue.name}, ${row.name}: ${jobs} jobs were done of ${row.jobs}`);
  if (!before || !after) throw new Error('a run is metered before and after');
  const startedAt = Math.min(...outcomes.map((outcome) => outcome.startedAt));
  const endedAt = Math.max(...outcomes.map((outcome) => outcome.endedAt));
  const known = before.cpuMs !== null && after.cpuMs !== null;
  return {
    jobsPerSecond: jobs / ((endedAt - startedAt) / 1000),
    roundTripsPerJob: total((outcome) => outcome.roundTrips) / jobs,
    walBytesPerJob: (after.walBytes - before.walBytes) / jobs,
    cpuMicrosPerJob: known ? ((after.cpuMs - before.cpuMs) * 1000) / jobs : null,
    clientCpuMicrosPerJob: total((outcome) => outcome.clientCpuMicros) / jobs,
  };
}

function addressOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || 5432) };
}
