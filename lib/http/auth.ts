/** Bearer secrets at the edge: closed while unset, compared in constant time, never logged. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { acceptedSecrets, type SecretName } from '../config.ts';
import { log } from '../log.ts';
import { HttpError } from './errors.ts';

/** Lets the request pass, or throws 401 and, while `name` is unset or too short, 503: no secret means no access. */
export function authorize(request: Request, name: SecretName): void {
  const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '') ?? [];
  if (!opens(token ?? '', name)) throw new HttpError(401, 'unauthorized', 'A valid bearer token is required.');
}

/** Whether the request carries a bearer at all: where numbers are shown only to those who ask as the operator. */
export function hasBearer(request: Request): boolean {
  return request.headers.has('authorization');
}

/** Whether `token` is a current secret of `name`. Throws 503 while none is configured. */
export function opens(token: string, name: SecretName): boolean {
  const accepted = acceptedSecrets(name);
  if (accepted.length === 0) throw notConfigured(name);
  const given = digest(token);
  // Both digests are compared whatever the first says, and have one length: time tells nothing of either secret.
  return accepted.map((secret) => timingSafeEqual(digest(secret), given)).includes(true);
}

/** Logs which variable is missing, for the operator, and says nothing of it to the client. */
export function notConfigured(name: SecretName): HttpError {
  log.error(
    { variable: name },
    `${name} is unset or shorter than 16 visible ASCII characters: what it guards stays closed`,
  );
  return new HttpError(
    503,
    'not_configured',
    'This deployment is not configured for it; its log names what is missing.',
  );
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
