// pg-boss as a long-lived worker by its fastest public path, fetch and complete of batches in loops; supervision takes back the jobs of the dead.
import { PgBoss } from 'pg-boss';
import { steady } from '../recovery/steady.ts';

const QUEUE = 'noop';
const BATCH = 5;
/** After an empty fetch or an error. */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

await steady(async ({ url, concurrency }, run, over) => {
  const boss = new PgBoss({ connectionString: url, max: 10, migrate: false });
  boss.on('error', () => {});
  while (!over.aborted) {
    try {
      await boss.start();
      break;
    } catch {
      await pause(100); // the database is not there yet
    }
  }
  const loop = async () => {
    while (!over.aborted) {
      try {
        const jobs = await boss.fetch(QUEUE, { batchSize: BATCH });
        await Promise.all(jobs.map(({ data }) => run(data.n)));
        if (jobs.length === 0) await pause(500);
        else
          await boss.complete(
            QUEUE,
            jobs.map(({ id }) => id),
          );
      } catch {
        await pause(100);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency / BATCH }, loop));
});
