/** The frame of every page: the shell for those who signed in, nothing around the login. */
import type { Metadata, Viewport } from 'next';
import { cookies, headers } from 'next/headers';
import type { ReactNode } from 'react';
import { sessionOf } from '@/lib/http/pages';
import './console.css';
import { Shell } from './ui/shell';
import { themeOf } from './ui/theme';
import { Zone } from './ui/zone';

export const metadata: Metadata = {
  title: { template: '%s · JobQueue', default: 'Conversure JobQueue' },
  robots: 'noindex',
};
export const viewport: Viewport = {
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#f6f7f9' },
    { media: '(prefers-color-scheme: dark)', color: '#0d1015' },
  ],
};
export const dynamic = 'force-dynamic';

export default async function Layout({ children }: { children: ReactNode }) {
  const [asked, jar] = await Promise.all([headers(), cookies()]);
  const session = sessionOf(asked);
  const theme = themeOf(jar.get('theme')?.value);
  return (
    <html lang="en" data-theme={theme === 'system' ? undefined : theme}>
      <body>
        {session ? (
          <Shell session={session} theme={theme}>
            {children}
          </Shell>
        ) : (
          <main>{children}</main>
        )}
        <Zone />
      </body>
    </html>
  );
}
