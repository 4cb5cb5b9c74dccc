/** Checks that companies' secrets can be read, and that none is stored in plain. Says the settings' names, never a character of a secret. */

import { SecretError, secretsKeys } from '../../../../../lib/secrets/environment.ts';
import { countStale } from '../../../../../lib/secrets/reseal.ts';
import type { Database } from '../../postgres/connect.ts';
import { type Finding, ok, red, warn } from './finding.ts';

/** None where the database has no companies: the queue may be another app's. */
export async function companySecretFindings(database: Database): Promise<Finding[]> {
  const [row] = await database.execute<{ there: boolean }>({
    text: `select to_regclass('crm_settings') is not null and to_regclass('ai_settings') is not null as there`,
    params: [],
  });
  if (!row?.there) return [];
  try {
    const [key] = secretsKeys();
    const stale = Object.entries(await countStale(database, key));
    if (stale.length === 0) return [ok('SECRETS_KEY', `no company's secret is stored in plain or under another key`)];
    const which = stale.map(([column, count]) => `${count} of ${column}`).join(', ');
    const detail = `not encrypted with its first key: ${which}`;
    return [warn('SECRETS_KEY', detail, 'node --import tsx scripts/seal-secrets.ts, with the environment of the app')];
  } catch (error) {
    if (!(error instanceof SecretError)) throw error;
    return [red('SECRETS_KEY', error.message, 'docs/operations.md tells how it is set and rotated')];
  }
}
