/** The frame of every page: the three places to go, and a warning where nobody guards them. */
import type { Metadata } from 'next';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { isProduction } from '@/lib/config';
import './page.css';

export const metadata: Metadata = { title: 'Conversure JobQueue', robots: 'noindex' };
export const dynamic = 'force-dynamic';

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <header>
          <nav>
            <Link href="/">JobQueue</Link>
            <Link href="/jobs">Jobs</Link>
            <Link href="/imports">Imports</Link>
          </nav>
          {isProduction() ? null : (
            <p className="banner">
              Development: these pages ask for no password. In production they demand OPERATOR_SECRET.
            </p>
          )}
        </header>
        <main>{children}</main>
      </body>
    </html>
  );
}
