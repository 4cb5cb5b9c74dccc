/**
 * Checks for `jobqueue doctor` that companies' secrets can be read and that none is stored in plain text. Names settings only,
 * never a character of a secret.
 */
import type { Check, Finding } from '@conversure/jobqueue';
import { SecretError, secretsKeys } from './environment.ts';
import { countStale } from './reseal.ts';

/** None where the database has no companies: the queue may be another app's. */
export const companySecretFindings: Check = async ({ database }) => {
  const [row] = await database.execute<{ there: boolean }>({
    text: `select to_regclass('crm_settings') is not null and to_regclass('ai_settings') is not null as there`,
    params: [],
  });
  if (!row?.there) return [];
  try {
    const [key] = secretsKeys();
    const stale = Object.entries(await countStale(database, key));
    if (stale.length === 0) return [finding('ok', `no company's secret is stored in plain or under another key`, null)];
    const which = stale.map(([column, count]) => `${count} of ${column}`).join(', ');
    const mend = 'node --import tsx scripts/seal-secrets.ts, with the environment of the app';
    return [finding('warn', `not encrypted with its first key: ${which}`, mend)];
  } catch (error) {
    if (!(error instanceof SecretError)) throw error;
    return [finding('red', error.message, 'docs/operations.md explains how to set and rotate it')];
  }
};

function finding(state: Finding['state'], detail: string, mend: string | null): Finding {
  return { name: 'SECRETS_KEY', state, detail, mend };
}
