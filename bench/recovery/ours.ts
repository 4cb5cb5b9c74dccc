/** Ours, ticking as a cron does: one drain after another, each a short invocation. */
import { createQueue, defineJob } from '@conversure/jobqueue';
import { connect } from '@conversure/jobqueue/postgres';
import { z } from 'zod';
import { steady } from './steady.ts';

/** A lease lasts until the end of its drain, and 15 s. */
const BUDGET_MS = 10_000;
const PAUSE_MS = 100;

await steady(async ({ url, concurrency }, run, over) => {
  const database = connect(url);
  const noop = defineJob({
    type: 'noop',
    payload: z.object({ n: z.number() }),
    timeout: '5s',
    handler: async () => ({ run: ({ payload }: { payload: { n: number } }) => run(payload.n) }),
  });
  const queue = createQueue({ database, jobs: [noop], log: () => undefined });
  while (!over.aborted) {
    // A drain that never reached the database rejects: the next tick tries again.
    await queue.drain({ budgetMs: BUDGET_MS, concurrency, signal: over }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  await database.close();
});
