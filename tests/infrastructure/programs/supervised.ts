/** Runs the supervisor of `npm run dev` around the small app; ticks every second. */
import { fileURLToPath } from 'node:url';
import { listenForStop, supervise } from '@conversure/jobqueue/dev';
import { openDatabase } from '../../../scripts/database.ts';
import { runScript } from '../../../scripts/setup-error.ts';

const [, , port = '', mode = ''] = process.argv;

await runScript(async () => {
  const signals = listenForStop();
  const database = await openDatabase({ embedded: true });
  console.log(`database: ${database.url}`);
  try {
    return await supervise({
      app: { args: ['--import', 'tsx', fileURLToPath(new URL('app.ts', import.meta.url)), port, mode], env: {} },
      origin: `http://127.0.0.1:${port}`,
      readyPath: '/api/health',
      schedules: [{ path: '/api/cron/drain', schedule: '* * * * * *' }],
      cronSecret: 'the-secret',
      signals,
      print: (line) => console.log(`supervisor: ${line}`),
    });
  } finally {
    await database.stop();
    console.log('database: stopped');
  }
});
