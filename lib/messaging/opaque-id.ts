/** The id under which a message goes out and by which Meta's webhooks speak of it. */
import { randomBytes } from 'node:crypto';

/** 36 characters, of which 32 are 160 random bits in base32: nobody guesses one, and none names a person. */
export function newOpaqueId(): string {
  let digits = '';
  for (const byte of randomBytes(32)) digits += ALPHABET[byte % 32];
  return `cvr_${digits}`;
}

/** Crockford's, in small letters: 32 divides 256, so every digit is equally likely. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
