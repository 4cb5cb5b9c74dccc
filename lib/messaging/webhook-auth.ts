/** Authenticates calls of WhatsApp's webhook: the verify token permits subscribing, the app secret's signature permits posting. */
import { acceptedSecrets, HttpError, NotConfiguredError, opens } from '@conversure/jobqueue/next';
import { isSigned } from '../providers/whatsapp/signature.ts';

/** The answer to the handshake. Throws 403 on a wrong token, 503 if none is configured. */
export function challengeOf(request: Request): string {
  const given = new URL(request.url).searchParams;
  const token = given.get('hub.verify_token') ?? '';
  const challenge = given.get('hub.challenge') ?? '';
  const isSubscribe = given.get('hub.mode') === 'subscribe';
  // A challenge is a number; anything else would make this page say what a stranger likes.
  if (opens(token, 'WHATSAPP_VERIFY_TOKEN') && isSubscribe && /^[\w-]{1,200}$/.test(challenge)) return challenge;
  throw new HttpError(403, 'forbidden', 'Expected hub.mode=subscribe with the verify token of this app.');
}

/** Throws 401 unless `X-Hub-Signature-256` is that of these very bytes, 503 while no app secret is configured. */
export function admitMeta(headers: Headers, body: Uint8Array): void {
  const secrets = acceptedSecrets('WHATSAPP_APP_SECRET');
  if (secrets.length === 0) throw new NotConfiguredError('WHATSAPP_APP_SECRET');
  const signature = headers.get('x-hub-signature-256');
  // each is tried whatever the first says: time tells nothing of which it was
  if (secrets.map((secret) => isSigned(body, signature, secret)).includes(true)) return;
  throw new HttpError(401, 'signature_invalid', 'Expected X-Hub-Signature-256 over this body with the app secret.');
}
