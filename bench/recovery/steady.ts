/**
 * One process that works until its stdin ends, whichever queue it runs: reads its orders from the first line, and appends a line to its file for each
 * begin and end of a job. Imports nothing but Node, so that ours and the peers share every line of it.
 */
import { openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** The first line on stdin: no argument, because it holds a password and arguments are public. */
export interface Orders {
  readonly url: string;
  /** The process's own file. */
  readonly file: string;
  /** The handlers' work: each job takes so long. */
  readonly holdMs: number;
  /** Jobs at the same time. */
  readonly concurrency: number;
}

/** Works until `over` fires; `run` is the handler of one job. */
export type Steady = (orders: Orders, run: (n: number) => Promise<void>, over: AbortSignal) => Promise<void>;

/** Obeys the orders of this process. */
export async function steady(work: Steady): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  const over = new AbortController();
  lines.once('close', () => over.abort());
  const orders = await new Promise<Orders>((resolve) => lines.once('line', (line) => resolve(JSON.parse(line))));
  const file = openSync(orders.file, 'a');
  const write = (what: 'b' | 'e', n: number) =>
    writeSync(file, `${what} ${n} ${performance.timeOrigin + performance.now()}\n`);
  const run = async (n: number) => {
    write('b', n);
    await new Promise((resolve) => setTimeout(resolve, orders.holdMs));
    write('e', n);
  };
  await work(orders, run, over.signal);
  process.exit(0);
}
