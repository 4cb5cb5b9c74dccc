/** Tells `npx jobqueue` about this app: its queue, its migrations, and further checks of `doctor`. */
import { defineConfig } from '@conversure/jobqueue';
import { APP_MIGRATIONS } from './db/migrations.ts';
import { companySecretFindings } from './lib/secrets/findings.ts';

process.env.LOG_LEVEL = 'silent'; // the app's log goes to stdout, which here carries results

export default defineConfig({
  queue: () => import('./lib/queue/index.ts'),
  migrations: [APP_MIGRATIONS],
  checks: [companySecretFindings],
  secrets: ['OPERATOR_SECRET', 'QUEUE_API_KEY'],
});
