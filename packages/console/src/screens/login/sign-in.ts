/** Signing in and out: a secret against a cookie, each way noted in the audit log. Needs no write: people have to look while the database is down. */
'use server';

import { wrongTry } from '@conversure/jobqueue/next';
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

const form = z.object({
  name: z
    .string()
    .trim()
    .min(1)
    .max(60)
    .regex(/^[^\p{C}]+$/u),
  secret: z.string().min(1).max(512),
  next: z.string().default('/').transform(localPath),
});

export async function signIn(sent: FormData): Promise<never> {
  await requireOwnForm();
  const asked = await headers();
  const given = form.safeParse(Object.fromEntries(sent));
  const next = given.data?.next ?? '/';
  const back = (refused: string) => redirect(`/login?refused=${refused}&next=${encodeURIComponent(next)}`);
  if (!given.success) return back('request_invalid');
  const { name, secret } = given.data;
  const role = roleFor(secret);
  if (role === 'closed') return back('not_configured');
  if (role === null) {
    if (await wrongTry()) log.warn({ address: clientAddress(asked) }, 'login_refused');
    return back('secret_wrong');
  }
  await note({ actor: name, action: 'login', details: { role } });
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
  if (session) await note({ actor: session.name, action: 'logout', details: { role: session.role } });
  redirect('/login');
}

/** A database that takes no writes keeps nobody out, nor in: then the log holds the line. Every action writes its own. */
async function note(entry: Parameters<typeof queue.audit>[0]): Promise<void> {
  await queue.audit(entry).catch((error: unknown) => log.error({ ...entry, error }, 'login_not_in_audit_log'));
}

function roleFor(secret: string) {
  try {
    return roleOf(secret);
  } catch (error) {
    if (error instanceof HttpError && error.code === 'not_configured') return 'closed';
    throw error;
  }
}
