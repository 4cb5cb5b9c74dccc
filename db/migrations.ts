/** The histories that a database of this app follows, in the order in which they run. */
import { fileURLToPath } from 'node:url';
import { type MigrationSource, QUEUE_MIGRATIONS } from '@conversure/jobqueue/postgres';

/** The app's migrations, applied after the queue's own. */
export const APP_MIGRATIONS: MigrationSource = {
  scope: 'app',
  versioned: fileURLToPath(new URL('./migrations', import.meta.url)),
};

export const MIGRATIONS: readonly MigrationSource[] = [QUEUE_MIGRATIONS, APP_MIGRATIONS];
