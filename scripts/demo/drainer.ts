/** Drains in a process of its own until it is killed: what `--chaos` kills. `argv[2]` is what its drains are called in the ledger. */
import { setTimeout as wait } from 'node:timers/promises';

const { queue } = await import('../../lib/queue/index.ts');
/** As between two ticks that somebody is in a hurry for. */
const AGAIN_MS = 100;
const source = process.argv[2] ?? 'demo';

for (;;) {
  await queue.drain({ budgetMs: 20_000, source });
  await wait(AGAIN_MS);
}
