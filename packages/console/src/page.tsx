/** The catch-all page: finds the screen that an address names, once it is known who asks. */
import { headers } from 'next/headers';
import { notFound } from 'next/navigation';
import { connection } from 'next/server';
import { sessionFor } from './access.ts';
import { sessionOf } from './auth/access.ts';
import type { Screen, Sent, Setup } from './options.ts';
import { Login } from './screens/login/login.tsx';
import { address } from './ui/address.ts';
import { Arriving } from './ui/arriving.tsx';

/** Props of an optional catch-all page in Next.js. The segment may have any name. */
export interface ConsolePageProps {
  readonly params: Promise<Readonly<Record<string, string | readonly string[] | undefined>>>;
  readonly searchParams: Promise<Sent>;
}

/**
 * Renders nothing of any screen for a stranger: the login stands in its place. With cacheComponents Next.js has sent status 200 before it
 * renders a page, and a redirect then needs JavaScript.
 */
export async function renderPage(setup: Setup, props: ConsolePageProps) {
  return <Arriving>{await screenFor(setup, props)}</Arriving>;
}

async function screenFor(setup: Setup, { params, searchParams }: ConsolePageProps) {
  await connection(); // sessions end and pages show times: Next.js must not try to prerender them
  const [path, sent] = await Promise.all([pathOf(params), searchParams]);
  if (path === LOGIN && !setup.authorize) return <Login setup={setup} sent={sent} />;
  const session = await sessionFor(setup, await headers());
  if (session === null) {
    if (setup.authorize) notFound();
    return <Login setup={setup} sent={{ next: address(path, sent) }} />;
  }
  const found = screenAt(setup, path);
  if (found === null) notFound();
  const { page: Page } = found.screen;
  return <Page setup={setup} session={session} params={found.params} sent={sent} />;
}

/** The title of the page. Says nothing about what is in the database. */
export async function titleOf(setup: Setup, { params }: Pick<ConsolePageProps, 'params'>): Promise<string> {
  await connection(); // sessions end
  const path = await pathOf(params);
  const asksToSignIn = setup.authorize === undefined && sessionOf(await headers()) === null;
  if (path === LOGIN || asksToSignIn) return `Sign in · ${setup.title}`;
  const found = path === '/' ? null : screenAt(setup, path);
  if (found === null) return setup.title;
  const { title } = found.screen;
  return `${typeof title === 'string' ? title : title(found.params)} · ${setup.title}`;
}

const LOGIN = '/login';

async function pathOf(params: ConsolePageProps['params']): Promise<string> {
  const segments = Object.values(await params).find((value) => Array.isArray(value)) ?? [];
  return `/${segments.join('/')}`;
}

interface Found {
  readonly screen: Screen;
  readonly params: Readonly<Record<string, string>>;
}

function screenAt({ screens }: Setup, path: string): Found | null {
  for (const screen of screens) {
    const params = match(screen.path.split('/'), path.split('/'));
    if (params !== null) return { screen, params };
  }
  return null;
}

function match(pattern: readonly string[], path: readonly string[]): Record<string, string> | null {
  if (pattern.length !== path.length) return null;
  const params: Record<string, string> = {};
  for (const [n, part] of pattern.entries()) {
    const given = path[n] ?? '';
    const name = /^\[(\w+)\]$/.exec(part)?.[1];
    if (name !== undefined) params[name] = given;
    else if (part !== given) return null;
  }
  return params;
}
