/** Signing in and out: a secret against a cookie, each way noted in the audit log. Needs no write: people have to look while the database is down. */

import { wrongTry } from '@conversure/jobqueue/next';
import { cookies, headers } from 'next/headers';
import { notFound, redirect } from 'next/navigation';
import { z } from 'zod';
import { type Action, requireOwnForm } from '../../action.ts';
import { clientAddress, sessionCookie, sessionOf } from '../../auth/access.ts';
import { hasLogin, roleOf, SESSION_MS, seal } from '../../auth/session.ts';
import { localPath } from '../../local-path.ts';
import type { Setup } from '../../options.ts';
import { within } from '../../paths.ts';

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

export const signIn: Action = {
  input: form,
  async act(setup, sent) {
    if (setup.authorize) notFound(); // the host has a login of its own
    await requireOwnForm();
    const asked = await headers();
    const given = form.safeParse(Object.fromEntries(sent));
    const next = given.data?.next ?? '/';
    const back = (refused: string) =>
      redirect(within(setup.base, `/login?refused=${refused}&next=${encodeURIComponent(next)}`));
    if (!given.success) return back('request_invalid');
    if (!hasLogin()) return back('not_configured');
    const { name, secret } = given.data;
    const role = roleOf(secret);
    if (role === null) {
      if (await wrongTry()) setup.log('warn', 'login_refused', { address: clientAddress(asked) });
      return back('secret_wrong');
    }
    await note(setup, { actor: name, action: 'login', details: { role } });
    const expiresAt = new Date(Date.now() + SESSION_MS);
    const { name: cookie, secure } = sessionCookie(asked);
    const value = seal({ role, name, expiresAt });
    (await cookies()).set(cookie, value, { httpOnly: true, secure, sameSite: 'strict', path: '/', expires: expiresAt });
    redirect(within(setup.base, next));
  },
};

export const signOut: Action = {
  input: z.object({}),
  async act(setup) {
    if (setup.authorize) notFound();
    await requireOwnForm();
    const asked = await headers();
    const session = sessionOf(asked);
    const { name, secure } = sessionCookie(asked);
    (await cookies()).set(name, '', { httpOnly: true, secure, sameSite: 'strict', path: '/', maxAge: 0 });
    if (session) await note(setup, { actor: session.name, action: 'logout', details: { role: session.role } });
    redirect(within(setup.base, '/login'));
  },
};

/** A database that takes no writes keeps nobody out, nor in: then the log holds the line. Every action writes its own. */
async function note({ queue, log }: Setup, entry: Parameters<Setup['queue']['audit']>[0]): Promise<void> {
  await queue.audit(entry).catch((error: unknown) => log('error', 'login_not_in_audit_log', { ...entry, error }));
}
