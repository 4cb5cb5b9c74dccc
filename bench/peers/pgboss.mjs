// pg-boss by its fastest public path: a fetch and complete loop of whole batches, several loops at once in one process, without
// the background work (supervision, schedules) that a long-lived instance would add.
import { PgBoss } from 'pg-boss';
import { compete, handlersOf, payloadOf } from '../contestant.ts';

const QUEUE = 'noop';
/** Measured: alone, four overlapping loops are its fastest; beside three other processes, one each near the database, two far. */
const loopsFor = ({ drains, latencyMs, jobMs }) => (jobMs ? 1 : drains === 1 ? 4 : latencyMs === 0 ? 1 : 2);

await compete(async (assignment) => {
  const { url, mode } = assignment;
  const loops = loopsFor(assignment);
  const { concurrency, run } = handlersOf(assignment);
  const runAll = async (batch) => {
    const left = batch.values();
    await Promise.all(
      Array.from({ length: Math.min(concurrency, batch.length) }, async () => {
        for (const _ of left) await run();
      }),
    );
  };
  const boss = new PgBoss({
    connectionString: url,
    max: loops,
    supervise: false,
    schedule: false,
    migrate: mode === 'install',
  });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();

  return {
    install: () => boss.createQueue(QUEUE),

    async drain(limit, started) {
      let jobs = 0;
      const loop = async () => {
        for (;;) {
          const batch = await boss.fetch(QUEUE, { batchSize: limit });
          if (batch.length === 0) return;
          if (assignment.jobMs) await runAll(batch);
          const done = await boss.complete(
            QUEUE,
            batch.map((job) => job.id),
          );
          jobs += done.affected;
        }
      };
      started();
      await Promise.all(Array.from({ length: loops }, loop));
      return jobs;
    },

    async enqueueOne(n) {
      await boss.send(QUEUE, payloadOf(n));
    },

    async enqueueBatch(first, count) {
      await boss.insert(
        QUEUE,
        Array.from({ length: count }, (_, n) => ({ data: payloadOf(first + n) })),
      );
    },

    async close() {
      await boss.stop({ graceful: false, close: true });
    },
  };
});
