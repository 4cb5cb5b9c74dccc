/** The second wall of every page and action: proxy.ts may be misconfigured, the data is asked for here. */
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { admitOperator, admitOrigin, sessionOf } from '@/lib/http/pages';
import type { Session } from '@/lib/http/session';

/** Of pages: whoever signed in may look; a stranger is sent to the login. */
export async function requireSession(): Promise<Session> {
  return sessionOf(await headers()) ?? redirect('/login');
}

/** Of actions. Throws HttpError 401 or, for a viewer, 403. */
export async function requireOperator(): Promise<Session> {
  return admitOperator(await headers());
}

export async function requireOwnForm(): Promise<void> {
  admitOrigin(await headers());
}
