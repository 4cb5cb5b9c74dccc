/**
 * Encrypts a company's secret with AES-256-GCM, bound to its company and field: a ciphertext that somebody copies to another row
 * or column does not open. Pure but for the nonce; the keys are a parameter.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { SecretError, type SecretsKey, secretsKeys } from './environment.ts';
import { type EncryptedField, SECRET_FIELDS, type SecretField } from './fields.ts';

/** `enc1:<key id>:<base64url of nonce, ciphertext and tag>`. No vendor's token begins like this. */
const SEALED = /^enc1:([0-9a-f]{8}):([\w-]+)$/;
const DIGEST = 'sha256:';
/** The length that GCM is made for. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The ciphertext to store for `secret` in the company's row. Throws SecretError without a usable `SECRETS_KEY`. */
export function sealSecret(
  field: SecretField,
  companyId: string,
  secret: string,
  [key]: readonly [SecretsKey, ...SecretsKey[]] = secretsKeys(),
): string {
  if (SECRET_FIELDS[field].kept === 'digest') return digestOf(secret);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: TAG_BYTES }).setAAD(
    boundTo(field, companyId),
  );
  const sealed = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${prefixOf(key)}${sealed.toString('base64url')}`;
}

/**
 * The secret that a column holds; null if it holds none. One that was written in plain, by SQL or before secrets were encrypted, is
 * answered as it stands and needs no key. Throws SecretError for one that no key of `SECRETS_KEY` opens.
 */
export function openSecret(
  field: EncryptedField,
  companyId: string,
  stored: string | null,
  keys?: readonly SecretsKey[],
): string | null {
  if (stored === null || !stored.startsWith('enc1:')) return stored;
  const [, id = '', text = ''] = SEALED.exec(stored) ?? [];
  const known = keys ?? secretsKeys();
  const key = known.find((one) => one.id === id);
  const { table, column } = SECRET_FIELDS[field];
  const what = `${table}.${column} of company ${companyId}`;
  if (key === undefined)
    throw new SecretError(
      'secret_unreadable',
      `${what} was encrypted with key ${id || '(unknown)'}, and SECRETS_KEY holds ${known.map((one) => one.id).join(', ')}: add that key behind the first one, or enter the secret again`,
    );
  try {
    const sealed = Buffer.from(text, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES, // without it, Node.js accepts a tag of four bytes
    })
      .setAAD(boundTo(field, companyId))
      .setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString(
      'utf8',
    );
  } catch (error) {
    throw new SecretError(
      'secret_unreadable',
      `${what} does not open with its key ${id} of SECRETS_KEY: it was damaged, or copied from another company or column. Enter the secret again`,
      { cause: error },
    );
  }
}

/** The digest stored for a secret that is only compared. Such a secret is long and random, so its digest reveals nothing. */
export function digestOf(secret: string): string {
  return `${DIGEST}${createHash('sha256').update(secret).digest('hex')}`;
}

/** The beginning of every value of this field that `key` sealed. */
export function sealedPrefix(field: SecretField, key: SecretsKey): string {
  return SECRET_FIELDS[field].kept === 'digest' ? DIGEST : prefixOf(key);
}

function prefixOf({ id }: SecretsKey): string {
  return `enc1:${id}:`;
}

function boundTo(field: SecretField, companyId: string): Buffer {
  return Buffer.from(JSON.stringify([field, companyId]));
}
