/** `npm run dev`: the app in development, with a database of its own unless DATABASE_URL names one, and the local ticker. */
import { run } from './run.ts';
import { runScript } from './setup-error.ts';

await runScript(() => run('development'));
