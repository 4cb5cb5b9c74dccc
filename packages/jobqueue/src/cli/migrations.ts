/** The migrations of a database over its direct URL: the queue's own, then the app's. */

import type { JobqueueConfig } from '../config.ts';
import { addressOf, connectionError } from '../postgres/connection-error.ts';
import { directUrl } from '../postgres/direct-url.ts';
import { MigrationError } from '../postgres/errors.ts';
import { type MigrateOptions, migrate, pendingMigrations, QUEUE_MIGRATIONS } from '../postgres/migrate.ts';
import { namedSchema, ownEnvironment } from './environment.ts';

/** Migrations that would be applied. Writes nothing. */
export async function readPending(
  config: JobqueueConfig,
): Promise<{ readonly address: string; readonly pending: readonly string[] }> {
  return directly(config, async (options) => ({ pending: await pendingMigrations(options) }));
}

/** Applies pending migrations; the database then belongs to this process' environment if it had no owner. */
export async function applyPending(
  config: JobqueueConfig,
  { log, compatibilityView }: Pick<MigrateOptions, 'log' | 'compatibilityView'>,
): Promise<{ readonly address: string; readonly applied: readonly string[] }> {
  return directly(config, (options) =>
    migrate({
      ...options,
      environment: ownEnvironment(),
      ...(log && { log }),
      compatibilityView: compatibilityView ?? false,
    }),
  );
}

async function directly<Result>(
  config: JobqueueConfig,
  run: (options: MigrateOptions) => Promise<Result>,
): Promise<Result & { readonly address: string }> {
  const { migrations = [] } = config;
  const { variable, url } = directUrl();
  const address = addressOf(url);
  try {
    return {
      address,
      ...(await run({ url, schema: namedSchema(config), sources: [QUEUE_MIGRATIONS, ...migrations] })),
    };
  } catch (error) {
    if (error instanceof MigrationError) throw error; // it names its file
    throw connectionError(error, { variable, address }) ?? error;
  }
}
