/** `npm run db:migrate`; with `--deploy`, as `npm run deploy` calls it, only for production: previews share its database. */
import { openDatabase } from './database.ts';
import { loadEnvironment } from './environment.ts';
import { requireSecretsKey } from './secrets.ts';
import { runScript } from './setup-error.ts';

const onDeploy = process.argv.includes('--deploy');

await runScript(async () => {
  loadEnvironment(process.env.NODE_ENV === 'production' ? 'production' : 'development');
  if (onDeploy && process.env.VERCEL_ENV !== 'production' && process.env.JOBQUEUE_MIGRATE !== '1') {
    console.log('Migrations left out: this build is not for production (JOBQUEUE_MIGRATE=1 runs them all the same).');
    return 0;
  }
  if (onDeploy && process.env.VERCEL_ENV === 'production') requireSecretsKey(); // as npm start does
  const database = await openDatabase({ embedded: !onDeploy && !process.env.VERCEL });
  try {
    const { address, applied } = await database.migrate(console.log);
    console.log(`${address} is up to date${applied.length === 0 ? ' already' : ''}.`);
    return 0;
  } finally {
    await database.stop();
  }
});
