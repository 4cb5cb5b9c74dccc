// graphile-worker in its fastest configuration: a local queue of one batch, 24 jobs at once, completions batched without delay,
// prepared statements, and a pool that never makes a worker wait. `runOnce` drains and ends, as a function invocation would.
import { EventEmitter } from 'node:events';
import { Logger, makeWorkerUtils, runMigrations, runOnce } from 'graphile-worker';
import pg from 'pg';
import { compete, handlersOf, payloadOf } from '../contestant.ts';

const silent = new Logger(() => () => {});

await compete(async (assignment) => {
  const { url, mode } = assignment;
  const { concurrency, run } = handlersOf(assignment);
  const pgPool = new pg.Pool({ connectionString: url, max: concurrency + 2 });
  pgPool.on('error', () => {}); // a connection that ends with its database is no news here
  pgPool.on('connect', (client) => client.on('error', () => {}));
  await pgPool.query('select 1');
  const options = { pgPool, logger: silent };
  const utils = mode.startsWith('enqueue') ? await makeWorkerUtils(options) : null;

  return {
    install: () => runMigrations(options),

    async drain(limit, started) {
      let jobs = 0;
      const events = new EventEmitter();
      events.once('worker:getJob:start', started); // its start-up checks are not part of the drain
      await runOnce({
        ...options,
        events,
        noHandleSignals: true,
        taskList: {
          noop: async () => {
            await run();
            jobs += 1;
          },
        },
        preset: {
          worker: {
            concurrentJobs: concurrency,
            localQueue: { size: limit },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
          },
        },
      });
      return jobs;
    },

    async enqueueOne(n) {
      await utils.addJob('noop', payloadOf(n));
    },

    async enqueueBatch(first, count) {
      await utils.addJobs(
        Array.from({ length: count }, (_, n) => ({ identifier: 'noop', payload: payloadOf(first + n) })),
      );
    },

    async close() {
      await utils?.release();
      await pgPool.end();
    },
  };
});
