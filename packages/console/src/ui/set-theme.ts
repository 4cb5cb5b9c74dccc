/** Remembers the colours that a viewer chose. Of no interest to the audit log: it changes nothing but their own page. */
import { cookies, headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { z } from 'zod';
import { type Action, requireOwnForm } from '../action.ts';
import { sessionCookie } from '../auth/access.ts';
import { localPath } from '../local-path.ts';
import { inside, within } from '../paths.ts';
import { THEME_COOKIE, THEMES, themeOf } from './theme.ts';

const YEAR_S = 365 * 24 * 3_600;

export const setTheme: Action = {
  input: z.object({ theme: z.enum(THEMES) }),
  async act({ base }, form) {
    await requireOwnForm();
    const asked = await headers();
    const { secure } = sessionCookie(asked);
    const theme = themeOf(String(form.get('theme')));
    (await cookies()).set(THEME_COOKIE, theme, { httpOnly: true, secure, sameSite: 'lax', path: '/', maxAge: YEAR_S });
    redirect(within(base, cameFrom(asked, base)));
  },
};

function cameFrom(asked: Headers, base: string): string {
  const referer = asked.get('referer') ?? '';
  if (!URL.canParse(referer)) return '/';
  const { pathname, search } = new URL(referer);
  return localPath(inside(base, pathname + search) ?? '/');
}
