/** The product under measurement, through its public API alone: what an app and its cron endpoint would call. */

import { createQueue, defineJob } from '@conversure/jobqueue';
import { connect, migrate } from '@conversure/jobqueue/postgres';
import { z } from 'zod';
import { compete, handlersOf, payloadOf } from './contestant.ts';

/** One invocation of a function; no run comes near it. */
const BUDGET_MS = 100_000;

await compete(async (assignment) => {
  const { url } = assignment;
  const { concurrency, run } = handlersOf(assignment);
  let ran = 0;
  const noop = defineJob({
    type: 'noop',
    payload: z.object({ n: z.number() }),
    handler: async () => ({
      run: async () => {
        await run();
        ran += 1;
      },
    }),
  });
  const database = connect(url);
  const queue = createQueue({ database, jobs: [noop] });
  await database.execute({ text: 'select 1', params: [] });

  return {
    async install() {
      await migrate({ url });
    },

    async drain(batch, started) {
      started();
      const report = await queue.drain({ budgetMs: BUDGET_MS, concurrency, maxBatch: batch });
      if (report.stopReason !== 'empty' || report.completed !== ran)
        throw new Error(`expected every job that ran to be completed, got ${ran} and ${JSON.stringify(report)}`);
      return report.completed;
    },

    async enqueueOne(n) {
      await queue.addJob('noop', payloadOf(n));
    },

    async enqueueBatch(first, count) {
      await queue.addJobs(
        Array.from({ length: count }, (_, n) => ({ type: 'noop' as const, payload: payloadOf(first + n) })),
      );
    },

    close: () => database.close(),
  };
});
