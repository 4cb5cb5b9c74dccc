// graphile-worker as a long-lived worker: its defaults, but for a local queue and a poll of half a second.
import { Logger, run } from 'graphile-worker';
import { steady } from '../recovery/steady.ts';

const silent = new Logger(() => () => {});

await steady(async ({ url, concurrency }, work, over) => {
  while (!over.aborted) {
    try {
      const runner = await run({
        connectionString: url,
        maxPoolSize: concurrency + 2,
        logger: silent,
        noHandleSignals: true,
        taskList: { noop: ({ n }) => work(n) },
        preset: { worker: { concurrentJobs: concurrency, pollInterval: 500, localQueue: { size: 50 } } },
      });
      const stop = () => runner.stop().catch(() => {});
      over.addEventListener('abort', stop, { once: true });
      await runner.promise;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100)); // as a supervisor would start it again
    }
  }
});
