/** A handler that awaits nothing of what it is given, after its job was cancelled. In a process of its own: what nobody hears ends one. */

import { z } from 'zod';
import { createQueue, defineJob } from '../../src/index.ts';
import { connect, type Database } from '../../src/postgres/connect.ts';

const [url = ''] = process.argv.slice(2);
const database = connect(url);
const limit = { perSecond: 1, burst: 1 };

/** Postgres refuses what reads a parent's children and what blocks a bucket. */
const refusing: Database = {
  ...database,
  execute: (statement, options) =>
    /block_1|from jobqueue.flows/.test(statement.text)
      ? Promise.reject(new Error('refused'))
      : database.execute(statement, options),
};

const work = defineJob({
  type: 'work',
  payload: z.object({}),
  handler: async () => ({
    run: async ({ job, signal, checkpoint, rateLimit, children }) => {
      await queue.cancel({ ids: [job.id] }, { actor: 'test', reason: 'no longer wanted' });
      const ended = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      void checkpoint({ row: 1 }); // its exchange learns that the job is gone
      void rateLimit.blockUntil('k', { delayMs: 1_000 });
      void children()[Symbol.asyncIterator]().next();
      await ended;
      void checkpoint({ row: 2 });
      void rateLimit('k', limit);
      const thrown = [() => checkpoint(undefined), () => rateLimit('', limit)].map((mistake) => {
        try {
          void mistake();
          return 'nothing';
        } catch (error) {
          return (error as Error).name;
        }
      });
      console.log(`throws at once: ${thrown.join(', ')}`);
    },
  }),
});

const queue = createQueue({ database: refusing, jobs: [work] });
await queue.addJob('work', {});
const { lost } = await queue.drain({ budgetMs: 10_000 });
console.log(`lost: ${lost}`);
await database.close();
