/** `npm run bench`: measures every queue in every row, interleaved over rounds, and prints the table. Writes only what `--out` names. */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { openBench, type Sample } from './measure.ts';
import { beforeBatches, ofCheckout, QUEUES, type Queue, requirePeers } from './queues.ts';
import { ROWS, type Row } from './rows.ts';
import { startBenchServer } from './server.ts';
import { type Run, table } from './table.ts';

const USAGE = `npm run bench -- [options]
  --rounds N     how often each row is run (default 3, with --quick 1)
  --quick        half the jobs
  --only TEXT    only rows whose name contains TEXT (repeatable)
  --queue NAME   only this queue: ${QUEUES.map((queue) => queue.name).join(', ')}, or before (repeatable)
                 before: beside them ours before jobs moved in batches; installed and built once
  --against DIR  before is another checkout: whether a change costs anything
  --out FILE     also write the table to FILE
DATABASE_URL, if set, names the server to measure on; its role must be allowed to create databases and to checkpoint.`;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    queue: { type: 'string', multiple: true, default: [] },
    against: { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  process.stdout.write(`${USAGE}\n`);
} else {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const report = await measureAll();
  process.stdout.write(`${report}\n`);
  if (options.out) await writeFile(options.out, `${report}\n`);
}

async function measureAll(): Promise<string> {
  requirePeers();
  const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds: expected 1 or more, got ${options.rounds}`);
  const rows = ROWS.filter((row) => chosen(options.only, (text) => row.name.includes(text))).map(sized);
  const named = options.queue.filter((name) => name !== 'before');
  const queues = [
    ...QUEUES.filter((queue) => chosen(named, (name) => queue.name === name)),
    ...(options.against !== undefined ? [ofCheckout(options.against)] : []),
    ...(options.against === undefined && options.queue.includes('before') ? [await beforeBatches()] : []),
  ];
  if (rows.length === 0 || queues.length === 0) throw new Error(`Nothing to measure.\n${USAGE}`);

  const server = await startBenchServer(process.env.DATABASE_URL);
  try {
    const bench = await openBench(server.url);
    try {
      for (const queue of queues) await bench.prepare(queue);
      const runs: Run[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        for (const [n, row] of rows.entries()) {
          for (const queue of rotate(queues.filter(takesPart(row)), round + n)) {
            const sample = await bench.run(queue, row);
            runs.push({ row: row.name, queue: queue.name, round, sample });
            progress(`round ${round}/${rounds}, ${row.name}, ${queue.name}: ${inShort(sample)}`);
          }
        }
      }
      const inOrder = queues.flatMap(({ name }) => runs.filter((run) => run.queue === name));
      return `${conditions(bench.version, rounds)}\n\n${table(inOrder)}`;
    } finally {
      await bench.close();
    }
  } finally {
    await server.stop();
  }
}

function takesPart({ guests = [], jobMs }: Row) {
  return ({ name, isGuest }: Queue) => (isGuest ? guests.includes(name) : name !== 'before' || jobMs === undefined);
}

function sized(row: Row): Row {
  return options.quick ? { ...row, jobs: row.jobs / 2 } : row;
}

function chosen(wanted: readonly string[], matches: (text: string) => boolean): boolean {
  return wanted.length === 0 || wanted.some(matches);
}

/** Each queue runs first, second and last equally often: what one run leaves behind (dirty pages, a warm cache) is shared out. */
function rotate(queues: readonly Queue[], by: number): Queue[] {
  const start = by % queues.length;
  return [...queues.slice(start), ...queues.slice(0, start)];
}

function conditions(version: string, rounds: number): string {
  const processors = cpus();
  const day = new Date().toISOString().slice(0, 10);
  return `${day}, PostgreSQL ${version}, ${processors.length} cores shared by server and clients (${processors[0]?.model ?? 'unknown'}), medians of ${rounds} interleaved ${rounds === 1 ? 'round' : 'rounds'}.`;
}

function inShort(sample: Sample): string {
  const cpu = sample.cpuMicrosPerJob === null ? '–' : sample.cpuMicrosPerJob.toFixed(1);
  return [
    `${Math.round(sample.jobsPerSecond)} jobs/s`,
    `CPU ${cpu} + ${sample.clientCpuMicrosPerJob.toFixed(1)} µs (database + client)`,
    `${sample.roundTripsPerJob.toFixed(4)} round trips`,
    `${Math.round(sample.walBytesPerJob)} B WAL`,
  ].join(', ');
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
