/**
 * One process of a measurement, whichever queue it runs: reads its assignment from stdin, connects, says `ready`, waits for
 * `go`, does its part and prints one JSON line. Imports nothing but Node, so that ours and the peers (own package.json, own Node) share every line of it.
 */
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

/** The first line that the harness writes to a process's stdin. It is no argument, because it holds a password and arguments are public. */
export interface Assignment {
  readonly url: string;
  readonly mode: 'install' | 'drain' | 'enqueue-one' | 'enqueue-batch';
  /** Jobs to enqueue; a drain takes what it finds. */
  readonly jobs: number;
  /** The batch limit of a drain; jobs per call of `enqueue-batch`. */
  readonly batch: number;
  /**
   * The conditions of a run, so that a queue can pick its fastest configuration: the number of processes, and the distance of the
   * database.
   */
  readonly drains: number;
  readonly latencyMs: number;
  /** How many handlers run at once in each process, and how long each waits. Their default: 24, which do nothing. */
  readonly concurrency?: number;
  readonly jobMs?: number;
}

const CONCURRENCY = 24;

/** The handlers of a row: `run` is one of them, and `at once` is how many a process may have in hand. */
export function handlersOf({ concurrency = CONCURRENCY, jobMs = 0 }: Assignment): {
  readonly concurrency: number;
  readonly run: () => Promise<void>;
} {
  return { concurrency, run: jobMs === 0 ? async () => {} : () => setTimeout(jobMs) };
}

/** A process's result. Instants are wall-clock milliseconds, because all processes share one machine and its clock. */
export interface Outcome {
  readonly jobs: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly roundTrips: number;
  /** This process's own CPU time: what a serverless platform bills. */
  readonly clientCpuMicros: number;
}

/** One queue, ready to be measured: its connection is open, its process warm enough to answer at once. */
export interface Contestant {
  /** Creates the schema. Never measured. */
  install(): Promise<void>;
  /** Runs every waiting job with a handler that does nothing; resolves to their number once the last outcome is committed. */
  drain(batch: number, started: () => void): Promise<number>;
  enqueueOne(n: number): Promise<void>;
  enqueueBatch(first: number, count: number): Promise<void>;
  close(): Promise<void>;
}

/** Every job of every queue carries this payload: small, and different for each job. */
export const payloadOf = (n: number) => ({ n });

export async function compete(open: (assignment: Assignment) => Promise<Contestant>): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const assignment = JSON.parse((await lines.next()).value ?? '') as Assignment;
  const roundTrips = countRoundTrips();
  const contestant = await open(assignment);
  try {
    if (assignment.mode === 'install') return await contestant.install();
    process.stdout.write('ready\n');
    await lines.next(); // the barrier: `go` comes when all processes are ready
    let startedAt = 0;
    let countedBefore = 0;
    let cpuBefore = process.cpuUsage();
    const started = () => {
      startedAt = now();
      countedBefore = roundTrips();
      cpuBefore = process.cpuUsage();
    };
    const jobs = await perform(contestant, assignment, started);
    const cpu = process.cpuUsage(cpuBefore);
    const outcome: Outcome = {
      jobs,
      startedAt,
      endedAt: now(),
      roundTrips: roundTrips() - countedBefore,
      clientCpuMicros: cpu.user + cpu.system,
    };
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
  } finally {
    await contestant.close();
    process.stdin.destroy(); // open, it would keep the process alive
  }
}

async function perform(
  contestant: Contestant,
  { mode, jobs, batch }: Assignment,
  started: () => void,
): Promise<number> {
  if (mode === 'drain') {
    return await contestant.drain(batch, started);
  }
  started();
  if (mode === 'enqueue-one') {
    for (let n = 0; n < jobs; n += 1) await contestant.enqueueOne(n);
  } else {
    for (let n = 0; n < jobs; n += batch) await contestant.enqueueBatch(n, Math.min(batch, jobs - n));
  }
  return jobs;
}

/** Wall-clock milliseconds, finer than `Date.now()`, comparable between processes. */
const now = () => performance.timeOrigin + performance.now();

/**
 * Counts how often a client spoke after the server had spoken, over all sockets: that is what added latency multiplies.
 * Messages that leave together, and answers that arrive in many packets, count once; so do pipelined statements.
 */
function countRoundTrips(): () => number {
  let count = 0;
  const connect = Socket.prototype.connect;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    const connecting = Reflect.apply(connect, this, args); // it also puts the plain `write` back: ours comes after
    let heard = true;
    const write = this.write;
    this.write = function (this: Socket, ...chunk: unknown[]) {
      if (heard) count += 1;
      heard = false;
      return Reflect.apply(write, this, chunk);
    } as typeof write;
    this.on('data', () => {
      heard = true;
    });
    return connecting;
  } as typeof connect;
  return () => count;
}
