/** `npm start`: the built app, self-hosted, with the ticker that the platform's cron would be. */
import { run } from './run.ts';
import { runScript } from './setup-error.ts';

await runScript(() => run('production'));
