/** Two processes of one queue that work at a steady rate and can be killed, and the events that their handlers wrote down. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE, type Queue } from '../queues.ts';
import type { Orders } from './steady.ts';

/** Two processes with ten jobs at once of 50 ms: 400 a second at most, far below what any of the three can do here. So the ratio is recovery, not speed. */
const WORK = { holdMs: 50, concurrency: 10 } as const;
/** A slow machine's start of a process, tenfold. */
const START_MS = 60_000;
/** The longest wait for a process to begin a job before it is killed. */
const BUSY_MS = 1_000;

/** A begin or an end of a job, as the handler wrote it down. */
export interface Event {
  readonly what: string;
  readonly n: number;
  readonly at: number;
}

/** The events of all processes, or of the one with this file. */
export function eventsOf(folder: string, of = ''): readonly Event[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(of))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean))
    .map((line) => line.split(' '))
    .map(([what = '', n, at]) => ({ what, n: Number(n), at: Number(at) }));
}

/** Two processes of a queue, and the jobs that those which were killed had begun. */
export class Pair {
  readonly #queue: Queue;
  readonly #url: string;
  readonly #folder: string;
  readonly #members: { child: ChildProcess; file: string }[] = [];
  readonly #torn = new Set<number>();
  #started = 0;
  #isOver = false;

  constructor(queue: Queue, url: string, folder: string) {
    this.#queue = queue;
    this.#url = url;
    this.#folder = folder;
    process.once('exit', this.#abandon);
  }

  start(which: 0 | 1): void {
    if (this.#queue.steady === undefined)
      throw new Error(`${this.#queue.name}: expected a queue with a steady process`);
    const child = spawn(NODE, [this.#queue.steady], { stdio: ['pipe', 'ignore', 'ignore'] });
    const name = `${++this.#started}.log`;
    const orders: Orders = { url: this.#url, file: join(this.#folder, name), ...WORK };
    child.stdin?.on('error', () => undefined);
    child.stdin?.write(`${JSON.stringify(orders)}\n`);
    this.#members[which] = { child, file: name };
    // As a supervisor would, whatever ended it.
    child.once('exit', () => {
      if (!this.#isOver && this.#members[which]?.child === child) this.start(which);
    });
  }

  /** Waits until both have begun a job. */
  async isAtWork(): Promise<void> {
    for (const until = performance.now() + START_MS; performance.now() < until; ) {
      if (this.#members.every(({ file }) => eventsOf(this.#folder, file).length > 0)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${this.#queue.name}: expected both processes to begin a job within ${START_MS} ms`);
  }

  async kill(which: 0 | 1): Promise<void> {
    const member = this.#members[which];
    if (!member) throw new Error('expected a process to kill');
    // Between two batches it would lose nothing, and the comparison would depend on luck.
    for (const until = performance.now() + BUSY_MS; this.#begunBy(member).size === 0 && performance.now() < until; )
      await new Promise((resolve) => setTimeout(resolve, 5));
    const ended = once(member.child, 'exit');
    member.child.kill('SIGKILL');
    await ended;
    for (const n of this.#begunBy(member)) this.#torn.add(n);
  }

  #begunBy({ file }: { readonly file: string }): ReadonlySet<number> {
    const open = new Set<number>();
    for (const { what, n } of eventsOf(this.#folder, file))
      if (what === 'b') open.add(n);
      else open.delete(n);
    return open;
  }

  torn(): ReadonlySet<number> {
    return this.#torn;
  }

  async end(): Promise<void> {
    process.off('exit', this.#abandon);
    this.#isOver = true;
    for (const { child } of this.#members) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  }

  readonly #abandon = () => {
    for (const { child } of this.#members) child.kill('SIGKILL');
  };
}
