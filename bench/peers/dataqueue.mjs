// DataQueue as a serverless function runs it: `start` takes a batch, runs it and ends, until there is nothing more. At most five at once: it takes
// a connection for each job beside those of its own, ten in all, and with more at once its jobs wait for each other for ever.
import { readdirSync, readFileSync } from 'node:fs';
import { initJobQueue } from '@nicnocquee/dataqueue';
import pg from 'pg';
import { compete, handlersOf, payloadOf } from '../contestant.ts';

const MOST_AT_ONCE = 5;
const MIGRATIONS = new URL('./node_modules/@nicnocquee/dataqueue/migrations/', import.meta.url);

await compete(async (assignment) => {
  const { url } = assignment;
  const { concurrency, run } = handlersOf(assignment);
  const queue = initJobQueue({ databaseConfig: { connectionString: url } });
  await queue.getPool().query('select 1');

  return {
    async install() {
      const client = new pg.Client(url);
      await client.connect();
      for (const name of readdirSync(MIGRATIONS).sort()) {
        const [up] = readFileSync(new URL(name, MIGRATIONS), 'utf8').split('-- Down Migration');
        await client.query(up);
      }
      await client.end();
    },

    async drain(batchSize, started) {
      const processor = queue.createProcessor(
        { noop: run },
        { batchSize, concurrency: Math.min(concurrency, MOST_AT_ONCE) },
      );
      started();
      let jobs = 0;
      for (;;) {
        const ran = await processor.start();
        if (ran === 0) return jobs;
        jobs += ran;
      }
    },

    async enqueueOne(n) {
      await queue.addJob({ jobType: 'noop', payload: payloadOf(n) });
    },

    // It has no call for many; each takes two connections of ten, too.
    async enqueueBatch(first, count) {
      const left = Array.from({ length: count }, (_, n) => first + n).values();
      await Promise.all(
        Array.from({ length: MOST_AT_ONCE }, async () => {
          for (const n of left) await this.enqueueOne(n);
        }),
      );
    },

    close: () => queue.getPool().end(),
  };
});
