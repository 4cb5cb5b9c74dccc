/**
 * `npm run bench:recovery`: throughput after a fault ÷ before it, and what became of the jobs that the dead had begun: ours, graphile-worker and pg-boss
 * side by side, on one server, in turns.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { QUEUES, type Queue, requirePeers } from './queues.ts';
import { RECOVERY_FAULTS, type RecoveryFault } from './recovery/faults.ts';
import { eventsOf, Pair } from './recovery/pair.ts';
import { type BenchServer, startBenchServer } from './server.ts';
import { install, runTeam } from './team.ts';

/** More than any run needs. */
const JOBS = 16_000;
const CALL = 1_000;
/** A start's caches and first polls. */
const WARM_MS = 2_000;
const BEFORE_MS = 4_000;
const AFTER_MS = 4_000;
/** Too short for a rate. */
const SHORT_MS = 1_000;
/** Until the jobs of the dead are looked for: longer than a lease of ours. */
const HELD_MS = 35_000;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    queue: { type: 'string', multiple: true, default: [] },
  },
});
const faults = RECOVERY_FAULTS.filter(
  ({ name }) => values.only.length === 0 || values.only.some((text) => name.includes(text)),
);
const queues = QUEUES.filter(
  ({ name, steady }) => steady !== undefined && (values.queue.length === 0 || values.queue.includes(name)),
);

interface Result {
  readonly before: number;
  /** Null for a fault of a moment. */
  readonly during: number | null;
  readonly after: number;
  /** Jobs that processes had begun when they were killed, and those of them that ended later. */
  readonly torn: number;
  readonly back: number;
}

requirePeers();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
const server = await startBenchServer(undefined);
try {
  console.log(
    `| Fault | ${queues.map(({ name }) => `${name}: during, after ÷ before`).join(' | ')} | ${queues.map(({ name }) => `${name}: jobs of the dead back after ${HELD_MS / 1_000} s`).join(' | ')} |`,
  );
  console.log(`| --- | ${queues.map(() => '---: | ---:').join(' | ')} |`);
  for (const fault of faults) {
    const results: Result[] = [];
    for (const queue of queues) results.push(await measure(server, queue, fault));
    const ratios = results.map(({ before, during, after }) =>
      [during, after].map((rate) => (rate === null ? '–' : (rate / before).toFixed(2))).join(', '),
    );
    const back = results.map((result) => (result.torn === 0 ? '–' : `${result.back} of ${result.torn}`));
    console.log(`| ${[fault.name, ...ratios, ...back].join(' | ')} |`);
  }
} finally {
  await server.stop();
}

async function measure(bench: BenchServer, queue: Queue, fault: RecoveryFault): Promise<Result> {
  const name = 'jobqueue_recovery';
  const url = Object.assign(new URL(bench.url), { pathname: `/${name}` }).href;
  const inMaintenance = async (text: string) => {
    const client = new pg.Client(bench.url);
    await client.connect();
    await client.query(text).finally(() => client.end());
  };
  await inMaintenance(`drop database if exists ${name} with (force)`);
  await inMaintenance(`create database ${name}`);
  await install(queue, url);
  const enqueue = async (jobs: number) => {
    await runTeam(queue, { url, mode: 'enqueue-batch', jobs, batch: CALL, drains: 1, latencyMs: 0 });
  };
  await enqueue(JOBS);
  const folder = mkdtempSync(join(tmpdir(), 'jobqueue-recovery-'));
  const pair = new Pair(queue, url, folder);
  try {
    pair.start(0);
    pair.start(1);
    await pair.isAtWork();
    await pause(WARM_MS);
    const began = now();
    await pause(BEFORE_MS);
    const struck = now();
    await fault.strike({ server: bench, url, kill: (which) => pair.kill(which), enqueue });
    const over = now();
    await pause(AFTER_MS);
    const ended = now();
    const torn = pair.torn();
    if (torn.size > 0) await pause(HELD_MS - AFTER_MS);
    const events = eventsOf(folder);
    const rate = (from: number, to: number) =>
      (events.filter(({ what, at }) => what === 'e' && at >= from && at < to).length * 1_000) / (to - from);
    const done = new Set(events.filter(({ what }) => what === 'e').map(({ n }) => n));
    const before = rate(began, struck);
    process.stderr.write(`${fault.name}, ${queue.name}: ${Math.round(before)} jobs a second before it\n`);
    return {
      before,
      during: over - struck < SHORT_MS ? null : rate(struck, over),
      after: rate(over, ended),
      torn: torn.size,
      back: [...torn].filter((n) => done.has(n)).length,
    };
  } finally {
    await pair.end();
    rmSync(folder, { recursive: true, force: true });
    await inMaintenance(`drop database if exists ${name} with (force)`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
