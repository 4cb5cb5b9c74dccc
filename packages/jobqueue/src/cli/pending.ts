/** What a migration would apply, read over the direct URL, as the migration itself would. */

import { MIGRATIONS } from '../../../../db/migrations.ts';
import { directUrl } from '../../../../scripts/database.ts';
import { addressOf, connectionError } from '../postgres/connection-error.ts';
import { pendingMigrations } from '../postgres/migrate.ts';

export async function readPending(): Promise<{ readonly address: string; readonly pending: readonly string[] }> {
  const { variable, url } = directUrl();
  const address = addressOf(url);
  try {
    return { address, pending: await pendingMigrations({ url, sources: MIGRATIONS }) };
  } catch (error) {
    throw connectionError(error, { variable, address }) ?? error;
  }
}
