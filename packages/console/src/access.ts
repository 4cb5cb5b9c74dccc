/** Identifies the user of pages and actions: by the host's own sign-in if there is one, else by the session of the console's login. */
import { headers } from 'next/headers';
import { notFound, redirect } from 'next/navigation';
import { admittedOperator, sessionOf } from './auth/access.ts';
import type { Session } from './auth/session.ts';
import type { Setup } from './options.ts';
import { within } from './paths.ts';

/** Null for a stranger. What the host answers counts only if it is an identity: anything else is a stranger, too. */
export async function sessionFor({ authorize, log }: Setup, asked: Headers): Promise<Session | null> {
  if (authorize === undefined) return sessionOf(asked);
  const identity: unknown = await authorize(asked);
  if (identity === null) return null;
  const { role, name } = Object(identity) as Record<string, unknown>;
  const isRole = role === 'operator' || role === 'viewer';
  if (isRole && typeof name === 'string' && name.length > 0 && name.length <= 60)
    return { role, name, expiresAt: new Date(Date.now() + 60_000) };
  log('error', 'console_authorize_invalid', {
    expected: "null, or { role: 'operator' | 'viewer', name: 1 to 60 characters }",
  });
  return null;
}

/** Guards a page. A stranger is sent to the login, or gets «not found» if the host has its own sign-in. */
export async function requireSession(setup: Setup): Promise<Session> {
  const session = await sessionFor(setup, await headers());
  if (session !== null) return session;
  return setup.authorize ? notFound() : redirect(within(setup.base, '/login'));
}

/** Guards an action. Throws HttpError 401, or 403 for a viewer. */
export async function requireOperator(setup: Setup): Promise<Session> {
  return admittedOperator(await sessionFor(setup, await headers()));
}
