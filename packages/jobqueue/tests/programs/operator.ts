/** An operator in a process of its own. Its orders are its argument; tells the count of each slice on stdout, and stops dead where it is told to. */
import { writeSync } from 'node:fs';
import { type ConnectOptions, connect } from '../../src/postgres/connect.ts';
import { doomedQueue } from '../doomed.ts';

export interface OperatorOrders {
  readonly url: string;
  readonly connection: ConnectOptions;
  readonly does: 'cancel' | 'replay' | 'reprioritise';
  readonly slicesBeforeHanging: number;
}

const orders = JSON.parse(process.argv[2] ?? '') as OperatorOrders;
const queue = doomedQueue(connect(orders.url, orders.connection));
let slices = 0;
const options = {
  actor: 'ann',
  onProgress: ({ changed }: { changed: number }) => {
    writeSync(1, `${changed}\n`);
    if (++slices >= orders.slicesBeforeHanging) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // for ever
  },
};
if (orders.does === 'cancel') await queue.cancel({ type: 'doomed' }, { ...options, reason: 'wrong template' });
else if (orders.does === 'replay') await queue.replay({ type: 'doomed' }, options);
else await queue.setPriority({ type: 'doomed' }, { ...options, priority: 9 });
