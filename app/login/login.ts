/** Signing in and out: a secret against a cookie, so many tries a minute, each way noted in the audit log. */
'use server';

import { cookies, headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { z } from 'zod';
import { HttpError } from '@/lib/http/errors';
import { clientAddress, sessionCookie, sessionOf } from '@/lib/http/pages';
import { roleOf, SESSION_MS, seal } from '@/lib/http/session';
import { log } from '@/lib/log';
import { queue } from '@/lib/queue';
import { requireOwnForm } from '../operator';
import { localPath } from './next';

/** A person mistypes now and then; a guesser gets six tries a minute, and all addresses together sixty. */
const TRIES = { address: { perSecond: 0.1, burst: 10 }, all: { perSecond: 1, burst: 60 } };

const form = z.object({
  name: z
    .string()
    .trim()
    .min(1)
    .max(60)
    .regex(/^[^\p{C}]+$/u),
  secret: z.string().min(1).max(512),
  next: z.string().max(2_000).default('/'),
});

export async function signIn(sent: FormData): Promise<never> {
  await requireOwnForm();
  const asked = await headers();
  const given = form.safeParse(Object.fromEntries(sent));
  const next = localPath(given.data?.next);
  const back = (refused: string) => redirect(`/login?refused=${refused}&next=${encodeURIComponent(next)}`);
  if (!given.success) return back('request_invalid');
  const { name, secret } = given.data;
  if (!(await mayTry(clientAddress(asked)))) return back('too_many_tries');
  const role = roleFor(secret);
  if (role === 'closed') return back('not_configured');
  if (role === null) {
    log.warn({ address: clientAddress(asked) }, 'login_refused');
    return back('secret_wrong');
  }
  await queue.audit({ actor: name, action: 'login', details: { role } });
  const expiresAt = new Date(Date.now() + SESSION_MS);
  const { name: cookie, secure } = sessionCookie(asked);
  const value = seal({ role, name, expiresAt });
  (await cookies()).set(cookie, value, { httpOnly: true, secure, sameSite: 'strict', path: '/', expires: expiresAt });
  redirect(next);
}

export async function signOut(): Promise<never> {
  await requireOwnForm();
  const asked = await headers();
  const session = sessionOf(asked);
  const { name, secure } = sessionCookie(asked);
  (await cookies()).set(name, '', { httpOnly: true, secure, sameSite: 'strict', path: '/', maxAge: 0 });
  if (session) await queue.audit({ actor: session.name, action: 'logout', details: { role: session.role } });
  redirect('/login');
}

/** In Postgres, for a process sees only some of the tries. */
async function mayTry(address: string): Promise<boolean> {
  return (
    (await queue.takeToken(`console login ${address}`, TRIES.address)) &&
    (await queue.takeToken('console login', TRIES.all))
  );
}

function roleFor(secret: string) {
  try {
    return roleOf(secret);
  } catch (error) {
    if (error instanceof HttpError && error.code === 'not_configured') return 'closed';
    throw error;
  }
}
