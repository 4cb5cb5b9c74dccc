/** Drains campaigns in a process of its own until it is killed. Its orders are its first line of stdin; tells when it is ready. */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect } from '../../../packages/jobqueue/src/postgres/connect.ts';
import { campaignQueue } from '../queue.ts';

export interface SenderOrders {
  readonly url: string;
  readonly whatsAppUrl: string;
  /** The name of its drains in the ledger. */
  readonly source: string;
}

async function obey({ url, whatsAppUrl, source }: SenderOrders): Promise<void> {
  process.env.WHATSAPP_BASE_URL = whatsAppUrl;
  const queue = campaignQueue(connect(url));
  for (;;) {
    await queue.drain({ budgetMs: 60_000, source });
    await new Promise((resolve) => setTimeout(resolve, 50)); // an empty queue is asked like a quick tick would
  }
}

const orders = createInterface({ input: process.stdin });
orders.once('line', (line) => {
  orders.close();
  void obey(JSON.parse(line) as SenderOrders);
});
writeSync(1, 'ready\n');
