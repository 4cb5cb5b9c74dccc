/** What a migration would apply, read over the direct URL, as the migration itself would. */
import { addressOf, connectionError } from '../db/connectionError.ts';
import { pendingMigrations } from '../db/migrate.ts';
import { directUrl } from '../scripts/database.ts';

export async function readPending(): Promise<{ readonly address: string; readonly pending: readonly string[] }> {
  const { variable, url } = directUrl();
  const address = addressOf(url);
  try {
    return { address, pending: await pendingMigrations({ url }) };
  } catch (error) {
    throw connectionError(error, { variable, address }) ?? error;
  }
}
