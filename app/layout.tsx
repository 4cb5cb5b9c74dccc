/** The frame of every page: the console's. */
import type { Metadata, Viewport } from 'next';
import type { ReactNode } from 'react';
import './app.css';
import { queueConsole } from './console';

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
/** Seconds. Drains of the incident screen run behind the answer. One value for all pages, because each value becomes a function of its own. */
export const maxDuration = 300;

/** Takes the forms of the console's screens. */
async function act(form: FormData): Promise<void> {
  'use server';
  await queueConsole.act(form);
}

export default function Layout({ children }: { children: ReactNode }) {
  return <queueConsole.RootLayout action={act}>{children}</queueConsole.RootLayout>;
}
