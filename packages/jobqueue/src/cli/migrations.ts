/** The migrations of a database over its direct URL: the queue's own, then the app's. */

import type { JobqueueConfig } from '../config.ts';
import { addressOf, connectionError } from '../postgres/connection-error.ts';
import { directUrl } from '../postgres/direct-url.ts';
import { MigrationError } from '../postgres/errors.ts';
import { type MigrateOptions, migrate, pendingMigrations, QUEUE_MIGRATIONS } from '../postgres/migrate.ts';
import { ownEnvironment } from './environment.ts';

/** What a migration would apply. Writes nothing. */
export async function readPending(
  config: JobqueueConfig,
): Promise<{ readonly address: string; readonly pending: readonly string[] }> {
  return directly(config, async (options) => ({ pending: await pendingMigrations(options) }));
}

/** `log` gets one line per applied file. */
export async function applyPending(
  config: JobqueueConfig,
  log: (line: string) => void,
): Promise<{ readonly address: string; readonly applied: readonly string[] }> {
  return directly(config, (options) => migrate({ ...options, environment: ownEnvironment(), log }));
}

async function directly<Result>(
  { migrations = [] }: JobqueueConfig,
  run: (options: MigrateOptions) => Promise<Result>,
): Promise<Result & { readonly address: string }> {
  const { variable, url } = directUrl();
  const address = addressOf(url);
  try {
    return { address, ...(await run({ url, sources: [QUEUE_MIGRATIONS, ...migrations] })) };
  } catch (error) {
    if (error instanceof MigrationError) throw error; // it names its file
    throw connectionError(error, { variable, address }) ?? error;
  }
}
