/** Remembers the colours that a viewer chose. Of no interest to the audit log: it changes nothing but their own page. */
'use server';

import { cookies, headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { sessionCookie } from '@/lib/http/pages';
import { localPath } from '../login/next';
import { requireOwnForm } from '../operator';
import { themeOf } from './theme';

const YEAR_S = 365 * 24 * 3_600;

export async function setTheme(form: FormData): Promise<never> {
  await requireOwnForm();
  const asked = await headers();
  const { secure } = sessionCookie(asked);
  const theme = themeOf(String(form.get('theme')));
  (await cookies()).set('theme', theme, { httpOnly: true, secure, sameSite: 'lax', path: '/', maxAge: YEAR_S });
  redirect(cameFrom(asked));
}

function cameFrom(asked: Headers): string {
  const referer = asked.get('referer') ?? '';
  if (!URL.canParse(referer)) return '/';
  const { pathname, search } = new URL(referer);
  return localPath(pathname + search);
}
