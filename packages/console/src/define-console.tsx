/** defineConsole: what an app mounts. The only place where options, pages and actions meet. */
import type { Metadata } from 'next';
import { notFound } from 'next/navigation';
import type { ReactNode } from 'react';
import { requireOperator, requireSession } from './access.ts';
import { requireOwnForm } from './action.ts';
import { ACTIONS } from './actions.ts';
import type { Session } from './auth/session.ts';
import { type ConsoleLayoutProps, renderLayout, renderRootLayout } from './layout.tsx';
import type { ConsoleOptions } from './options.ts';
import { type ConsolePageProps, renderPage, titleOf } from './page.tsx';
import { setupOf } from './setup.tsx';
import { ACTION_FIELD } from './ui/action-name.ts';

/** A console that an app mounts; see docs/console.md of the package. */
export interface Console {
  /** The default export of the optional catch-all page. */
  readonly Page: (props: ConsolePageProps) => Promise<ReactNode>;
  /** The layout of that page, below a layout of the app that renders `<html>`. */
  readonly Layout: (props: ConsoleLayoutProps) => Promise<ReactNode>;
  /** The same as a root layout, which renders `<html>` and `<body>` itself. */
  readonly RootLayout: (props: ConsoleLayoutProps) => Promise<ReactNode>;
  /** The `generateMetadata` of the page: its title, and that no search engine lists it. */
  readonly metadata: (props: ConsolePageProps) => Promise<Metadata>;
  /**
   * Does what a form of the console asks for, then redirects. The app calls it in a server action of its own. Each action checks by itself
   * that the form is the console's own and, but for the login and the colours, that an operator sent it.
   */
  readonly act: (form: FormData) => Promise<void>;
  /**
   * Guards a screen with a route folder of its own, and returns its user. Sends a stranger to the login; answers 404 if the host
   * signs people in.
   */
  readonly requireSession: () => Promise<Session>;
  /**
   * Guards an action of the app, and returns its user. Throws HttpError 401 for a stranger; 403 for a viewer and for a form that
   * another site sent.
   */
  readonly requireOperator: () => Promise<Session>;
}

/**
 * A console for one queue. Throws TypeError for a path that is none.
 *
 * ```tsx
 * // jobqueue/console.ts
 * export const queueConsole = defineConsole({ queue, basePath: '/jobqueue' });
 *
 * // app/jobqueue/[[...path]]/page.tsx
 * export default queueConsole.Page;
 * export const generateMetadata = queueConsole.metadata;
 *
 * // app/jobqueue/layout.tsx
 * import '@conversure/jobqueue-console/styles.css';
 * async function act(form: FormData) {
 *   'use server';
 *   await queueConsole.act(form);
 * }
 * export default function Layout({ children }: { children: ReactNode }) {
 *   return <queueConsole.Layout action={act}>{children}</queueConsole.Layout>;
 * }
 * ```
 */
export function defineConsole(options: ConsoleOptions): Console {
  const setup = setupOf(options);
  return {
    Page: renderPage.bind(null, setup),
    Layout: renderLayout.bind(null, setup),
    RootLayout: renderRootLayout.bind(null, setup),
    metadata: async (props) => ({ title: { absolute: await titleOf(setup, props) }, robots: 'noindex' }),
    async act(form) {
      const name = form.get(ACTION_FIELD);
      if (typeof name !== 'string' || !Object.hasOwn(ACTIONS, name)) notFound();
      await ACTIONS[name as keyof typeof ACTIONS].act(setup, form);
    },
    requireSession: () => requireSession(setup),
    async requireOperator() {
      await requireOwnForm();
      return requireOperator(setup);
    },
  };
}
