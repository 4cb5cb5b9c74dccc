/** A drain process of a world: ticks one after another, until its stdin ends. Its orders are the first line of stdin, because they hold a password. */
import { createInterface } from 'node:readline';
import { connect, type Database, type ExecuteOptions, type Statement } from '@conversure/jobqueue/postgres';
import { openRecords } from './records.ts';
import { chaosQueue } from './work.ts';

/** The orders of a drain process. */
export interface Orders {
  readonly url: string;
  readonly name: string;
  readonly records: string;
  readonly budgetMs: number;
  readonly concurrency: number;
  readonly maxBatch: number;
  /** Ended jobs, and the ledger, are kept for a minute only. */
  readonly keepsLittle?: boolean;
  /** Ends after the first drain that finds the queue empty; else the process ticks on. */
  readonly untilEmpty?: boolean;
  /** SIGKILLs itself at this statement: before it leaves, on its way, or once its answer is there. */
  readonly dieAt?: { readonly statement: number; readonly moment: 'before' | 'sent' | 'answered' };
}

/** Time from the call of a driver with an open connection until a statement has left. */
const LEAVES_MS = 2;

function dying(database: Database, { statement: last, moment }: NonNullable<Orders['dieAt']>): Database {
  let sent = 0;
  const die = () => process.kill(process.pid, 'SIGKILL');
  return {
    ...database,
    async execute<Row extends object>(statement: Statement, options?: ExecuteOptions): Promise<Row[]> {
      const isLast = ++sent === last;
      if (isLast && moment === 'before') die();
      if (isLast && moment === 'sent') setTimeout(die, LEAVES_MS);
      const rows = await database.execute<Row>(statement, options);
      if (isLast) die();
      return rows;
    },
  };
}

/** The pause between two ticks of a process, and after one that found no database. */
const PAUSE_MS = 100;

async function obey(orders: Orders, isOver: () => boolean): Promise<void> {
  const { budgetMs, concurrency, maxBatch } = orders;
  const records = openRecords(orders.records, orders.name);
  const recorder = { write: records.write, tick: 0 };
  const database = connect(orders.url);
  const queue = chaosQueue(orders.dieAt ? dying(database, orders.dieAt) : database, recorder, orders);
  while (!isOver()) {
    const tick = ++recorder.tick;
    records.write({ what: 'tick', tick });
    try {
      const report = await queue.drain({ source: 'chaos', budgetMs, concurrency, maxBatch });
      const { completed, unconfirmed, lost, stopReason } = report;
      records.write({ what: 'report', tick, report: { completed, unconfirmed, lost, stopReason } });
      if (orders.untilEmpty && stopReason === 'empty') break;
    } catch (error) {
      records.write({ what: 'rejected', tick, message: String(error).slice(0, 300) });
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  await database.close();
  records.close();
}

const lines = createInterface({ input: process.stdin });
let isOver = false;
lines.once('close', () => {
  isOver = true;
});
lines.once('line', (line) => {
  const orders = JSON.parse(line) as Orders;
  void obey(orders, () => isOver).then(() => process.exit(0)); // a deaf handler may still wait
});
