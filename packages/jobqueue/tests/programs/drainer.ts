/** Drains in a process of its own. Reads its orders from the first line of stdin, and tells facts on stdout, one JSON a line. */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { DrainOptions, DrainReport } from '../../src/index.ts';
import { type ConnectOptions, connect, type Database, type Statement } from '../../src/postgres/connect.ts';
import { doomedQueue } from '../doomed.ts';

export interface Orders {
  readonly url: string;
  readonly connection: ConnectOptions;
  readonly drain: Pick<DrainOptions, 'budgetMs' | 'concurrency' | 'maxBatch'>;
  /** Drains that share the process; default 1. Each prints its report. */
  readonly drains?: number;
  /** So many handlers end; those that start after them never do. */
  readonly runsBeforeHanging?: number;
  /** No exchange that carries an outcome leaves the process. */
  readonly withholdsOutcomes?: boolean;
}

export type Fact =
  | { readonly fact: 'ready' }
  | {
      readonly fact: 'started';
      readonly id: string;
      readonly fence: number;
      readonly n: number;
      readonly hangs: boolean;
    }
  | { readonly fact: 'withheld' }
  | { readonly fact: 'drained'; readonly report: DrainReport };

function tell(fact: Fact): void {
  writeSync(1, `${JSON.stringify(fact)}\n`); // synchronous: what was told before a SIGKILL arrives
}

/** A process that works, but never gets to send what came of it. */
function withholdingOutcomes(database: Database): Database {
  const carriesOutcomes = ({ text, params: [, completed, , settlements] }: Statement) =>
    text.includes('step_2') && (completed !== '{}' || settlements !== '[]');
  return {
    ...database,
    execute(statement, options) {
      if (!carriesOutcomes(statement)) return database.execute(statement, options);
      tell({ fact: 'withheld' });
      return new Promise(() => undefined);
    },
  };
}

async function obey(orders: Orders): Promise<void> {
  const database = connect(orders.url, orders.connection);
  const { drains = 1, runsBeforeHanging = Number.POSITIVE_INFINITY, withholdsOutcomes = false } = orders;
  let starts = 0;
  const queue = doomedQueue(withholdsOutcomes ? withholdingOutcomes(database) : database, ({ job, payload }) => {
    const hangs = ++starts > runsBeforeHanging;
    tell({ fact: 'started', id: job.id, fence: job.fence, n: payload.n, hangs });
    return hangs ? new Promise(() => undefined) : undefined;
  });
  await Promise.all(
    Array.from({ length: drains }, async () => tell({ fact: 'drained', report: await queue.drain(orders.drain) })),
  );
  await database.close();
}

const orders = createInterface({ input: process.stdin });
orders.once('line', (line) => {
  orders.close();
  process.stdin.destroy(); // nothing but the drain keeps this process alive
  void obey(JSON.parse(line));
});
tell({ fact: 'ready' });
