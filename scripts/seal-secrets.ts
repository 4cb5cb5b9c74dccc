/**
 * `node --import tsx scripts/seal-secrets.ts`: encrypts companies' secrets with the first key of `SECRETS_KEY`, those stored in plain and
 * those of an older key. Safe at any time, and after a kill: docs/operations.md tells the steps of a rotation.
 */

import { connect } from '@conversure/jobqueue/postgres';
import { secretsKeys } from '../lib/secrets/environment.ts';
import { countStale, resealSecrets } from '../lib/secrets/reseal.ts';
import { openDatabase } from './database.ts';
import { loadEnvironment } from './environment.ts';
import { requireSecretsKey } from './secrets.ts';
import { runScript } from './setup-error.ts';

await runScript(async () => {
  loadEnvironment(process.env.NODE_ENV === 'production' ? 'production' : 'development');
  requireSecretsKey();
  const [key] = secretsKeys();
  const { url, address } = await openDatabase({ embedded: false });
  const database = connect(url);
  try {
    const { sealed, unreadable } = await resealSecrets(database);
    console.log(`${address}: ${sealed} secrets were encrypted with key ${key.id}.`);
    for (const message of unreadable) console.error(`Not readable: ${message}.`);
    const left = Object.entries(await countStale(database, key));
    for (const [column, count] of left) console.error(`Not encrypted with key ${key.id}: ${count} of ${column}.`);
    if (left.length > 0) return 1;
    console.log('No secret is stored in plain or under another key: older keys can be removed from SECRETS_KEY.');
    return 0;
  } finally {
    await database.close();
  }
});
