/** A drain of rate-limited jobs in a process of its own. Reads its orders from the first line of stdin; one JSON a line on stdout. */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { DrainOptions, DrainReport, Limit } from '../../src/index.ts';
import { connect } from '../../src/postgres/connect.ts';
import { limitedQueue } from '../limited.ts';

export interface SenderOrders {
  readonly url: string;
  readonly limit: Limit;
  readonly drain: DrainOptions;
}

export type SenderFact = { readonly fact: 'ready' } | { readonly fact: 'drained'; readonly report: DrainReport };

function tell(fact: SenderFact): void {
  writeSync(1, `${JSON.stringify(fact)}\n`);
}

async function obey({ url, limit, drain }: SenderOrders): Promise<void> {
  const database = connect(url);
  tell({ fact: 'drained', report: await limitedQueue(database, { limit }).drain(drain) });
  await database.close();
}

const orders = createInterface({ input: process.stdin });
orders.once('line', (line) => {
  orders.close();
  process.stdin.destroy(); // nothing but the drain keeps this process alive
  void obey(JSON.parse(line));
});
tell({ fact: 'ready' });
