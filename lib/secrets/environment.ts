/** The keys that companies' secrets are encrypted with: `SECRETS_KEY`, read when it is used. */
import { createHash } from 'node:crypto';

export interface SecretsKey {
  /** Eight hex digits of the key's SHA-256. Every ciphertext begins with it, so that the right key is found after a rotation. */
  readonly id: string;
  readonly bytes: Buffer;
}

const MAKE_A_KEY = `node -p "crypto.randomBytes(32).toString('base64url')"`;

/** A rotation needs two; more than four are a list that nobody cleans up. */
const MOST_KEYS = 4;
const BYTES = 32;

/** A key that is missing or malformed, or a secret that no key opens. Its message names the setting and holds no secret. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
  readonly code: 'secrets_key_missing' | 'secrets_key_invalid' | 'secret_unreadable';

  constructor(code: SecretError['code'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The keys of `SECRETS_KEY`: the first encrypts, all decrypt. Throws SecretError if it is unset or one of them is no key. */
export function secretsKeys(value = process.env.SECRETS_KEY ?? ''): readonly [SecretsKey, ...SecretsKey[]] {
  const [first, ...others] = value.split(/[\s,]+/).filter((part) => part !== '');
  if (first === undefined)
    throw new SecretError(
      'secrets_key_missing',
      `SECRETS_KEY is not set, and companies' secrets are encrypted with it. Set the key that this database's secrets were encrypted with where the app runs, or make a first one with ${MAKE_A_KEY}; then deploy`,
    );
  if (others.length >= MOST_KEYS)
    throw new SecretError(
      'secrets_key_invalid',
      `SECRETS_KEY: expected at most ${MOST_KEYS} keys, got ${others.length + 1}`,
    );
  return [keyOf(first, 1), ...others.map((part, n) => keyOf(part, n + 2))];
}

function keyOf(part: string, n: number): SecretsKey {
  const bytes = /^[0-9a-f]{64}$/i.test(part) ? Buffer.from(part, 'hex') : decoded(part);
  if (bytes?.length !== BYTES)
    throw new SecretError(
      'secrets_key_invalid',
      `SECRETS_KEY: expected keys of 32 random bytes, as 43 characters of base64url or 64 hex digits, separated by commas; key ${n} has ${part.length} characters. Make one with ${MAKE_A_KEY}`,
    );
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 8), bytes };
}

function decoded(part: string): Buffer | null {
  return /^[\w+/-]{43}=?$/.test(part) ? Buffer.from(part, 'base64url') : null;
}
