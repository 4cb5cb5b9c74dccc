/** Sessions of the pages: who signed in, as what, until when. Sealed into a cookie, so nothing is stored; a changed secret ends all. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { acceptedSecrets, NotConfiguredError, opens } from '@conversure/jobqueue/next';
import { z } from 'zod';

/** A working day: who comes back the next morning signs in again. */
export const SESSION_MS = 12 * 3_600_000;

/** An operator may do everything, a viewer only look. */
export type Role = 'operator' | 'viewer';

/** Somebody who signed in. */
export interface Session {
  readonly role: Role;
  /** As its owner has given it; it stands in the audit log. */
  readonly name: string;
  readonly expiresAt: Date;
}

const sealed = z.strictObject({
  role: z.enum(['operator', 'viewer']),
  name: z.string().min(1).max(60),
  until: z.int().positive(),
});

/** The role that a secret opens, or null. Throws NotConfiguredError while OPERATOR_SECRET is unset: then nobody gets in, viewers neither. */
export function roleOf(secret: string): Role | null {
  const isOperator = opens(secret, 'OPERATOR_SECRET');
  const isViewer = acceptedSecrets('VIEWER_SECRET').length > 0 && opens(secret, 'VIEWER_SECRET');
  if (isOperator) return 'operator';
  return isViewer ? 'viewer' : null;
}

/** True if anybody can sign in: OPERATOR_SECRET is set, and 16 to 512 visible ASCII characters. */
export function hasLogin(): boolean {
  return acceptedSecrets('OPERATOR_SECRET').length > 0;
}

/** The cookie's value for a session. Throws NotConfiguredError 503 while OPERATOR_SECRET is unset. */
export function seal({ role, name, expiresAt }: Session): string {
  const body = Buffer.from(JSON.stringify({ role, name, until: expiresAt.getTime() })).toString('base64url');
  return `${body}.${mac(body).toString('base64url')}`;
}

/** The session of a cookie's value, or null: not ours, made under another secret, over, or there is no secret at all. */
export function unseal(value: string, now: Date): Session | null {
  if (!hasLogin()) return null;
  const [body = '', given = '', ...more] = value.split('.');
  const expected = mac(body);
  const bytes = Buffer.from(given, 'base64url');
  if (more.length > 0 || bytes.length !== expected.length || !timingSafeEqual(bytes, expected)) return null;
  const { role, name, until } = sealed.parse(JSON.parse(Buffer.from(body, 'base64url').toString())); // we wrote it
  return until > now.getTime() ? { role, name, expiresAt: new Date(until) } : null;
}

function mac(body: string): Buffer {
  return createHmac('sha256', key()).update(body).digest();
}

/** Derived from both current secrets: changing or rotating either one ends every session. */
function key(): Buffer {
  const [operator] = acceptedSecrets('OPERATOR_SECRET');
  if (operator === undefined) throw new NotConfiguredError('OPERATOR_SECRET');
  const [viewer = ''] = acceptedSecrets('VIEWER_SECRET');
  return createHmac('sha256', operator).update(`jobqueue console session 1\n${viewer}`).digest();
}
