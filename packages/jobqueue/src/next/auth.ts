/** Bearer secrets: closed while unset, compared in constant time, never logged. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { HttpError, NotConfiguredError } from './http-error.ts';

/** Secrets that an app passes instead of an environment variable. `name` is what the log calls them. */
export interface GivenSecrets {
  readonly name: string;
  /** The current secret and, while a rotation lasts, the one before. */
  readonly values: readonly (string | undefined)[];
}

/** An environment variable's name, or the secrets themselves. */
export type SecretSource = string | GivenSecrets;

/** 16 is the platform's own minimum for CRON_SECRET; visible ASCII is what a header carries unchanged. */
const FIT = /^[\x21-\x7e]{16,512}$/;

/**
 * The values that open what `source` guards: the current one and, while a rotation lasts, `<name>_PREVIOUS`. Empty means closed: the
 * current one is unset, or not 16 to 512 visible ASCII characters. The environment is read at each call. The old secret has a variable
 * of its own because the platform sends CRON_SECRET as it is: a list in it would go over the wire as one token.
 */
export function acceptedSecrets(source: SecretSource): readonly string[] {
  const [current, previous] =
    typeof source === 'string' ? [process.env[source], process.env[`${source}_PREVIOUS`]] : source.values;
  if (!isFit(current)) return [];
  return isFit(previous) ? [current, previous] : [current];
}

/** Lets the request pass if its `Authorization: Bearer` opens `source`. Throws HttpError 401, and NotConfiguredError while no secret is set. */
export function authorize(request: Request, source: SecretSource): void {
  const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '') ?? [];
  if (!opens(token ?? '', source)) throw new HttpError(401, 'unauthorized', 'A valid bearer token is required.');
}

/** True if the request carries an `Authorization` header at all, right or wrong. */
export function hasBearer(request: Request): boolean {
  return request.headers.has('authorization');
}

/** True if `token` is an accepted secret of `source`. Throws NotConfiguredError while none is set. */
export function opens(token: string, source: SecretSource): boolean {
  const accepted = acceptedSecrets(source);
  if (accepted.length === 0) throw new NotConfiguredError(typeof source === 'string' ? source : source.name);
  const given = digest(token);
  // Both digests are compared whatever the first says, and have one length: time tells nothing of either secret.
  return accepted.map((secret) => timingSafeEqual(digest(secret), given)).includes(true);
}

function isFit(secret: string | undefined): secret is string {
  return secret !== undefined && FIT.test(secret);
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
