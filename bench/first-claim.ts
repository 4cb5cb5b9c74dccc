/** A process that does what a cold function does: imports the queue, connects, and drains one job. Prints how many ms after its start the job began. */
import { createInterface } from 'node:readline';
import { openSide } from './side.ts';

const [folder = ''] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const url = (await lines.next()).value ?? ''; // no argument, because it holds a password
let beganMs = 0;
const side = await openSide(folder, url, async () => {
  beganMs = performance.now();
});
await side.queue.drain({ budgetMs: 30_000, limit: 1 });
process.stdout.write(`${beganMs}\n`);
await side.close();
process.stdin.destroy();
