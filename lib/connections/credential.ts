/** A company's own credential as its jobs use it. One that cannot be decrypted pauses the connection: no job can mend that. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { SecretError } from '../secrets/environment.ts';
import type { EncryptedField } from '../secrets/fields.ts';
import { openSecret } from '../secrets/seal.ts';
import { pauseConnection } from './connection.ts';
import type { Connection } from './provider.ts';

/** Null if it cannot be read: the connection is paused then, with one alert, and nothing else may be used in its place. */
export async function openCredential(
  database: Executor,
  connection: Connection,
  field: EncryptedField,
  stored: string,
): Promise<string | null> {
  try {
    return openSecret(field, connection.companyId, stored);
  } catch (error) {
    if (!(error instanceof SecretError)) throw error;
    await pauseConnection(database, connection, { code: error.code, reason: error.message });
    return null;
  }
}
