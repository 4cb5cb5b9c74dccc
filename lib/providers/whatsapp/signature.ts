/** Meta signs each webhook over the bytes of its body: parsed and written anew they would be others. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** The value of `X-Hub-Signature-256`. */
export function signatureOf(body: Uint8Array, appSecret: string): string {
  return `sha256=${createHmac('sha256', appSecret).update(body).digest('hex')}`;
}

/** True if `signature` is that of `body`. Compares in constant time. */
export function isSigned(body: Uint8Array, signature: string | null, appSecret: string): boolean {
  const expected = Buffer.from(signatureOf(body, appSecret));
  const given = Buffer.from(signature ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
