/** The visitor of a page: an operator, or somebody who must not get in, or not act. Every request goes through proxy.ts, unless it tests the second wall. */

import './environment.ts';

import { createHmac } from 'node:crypto';
import { NextRequest } from 'next/server';
import { seal } from '../../../packages/console/src/auth/index.ts';
import { MAX_ADDRESS_CHARS } from '../../../packages/jobqueue/src/next/index.ts';
import { proxy } from '../../../proxy.ts';
import type { Outcome } from './entry.ts';
import { SECRETS } from './environment.ts';

export const ORIGIN = 'https://queue.example';

/** Cookies that are nobody's session. A key that ends in «at the second wall» meets the page itself, as if proxy.ts had let it pass. */
const STRANGERS = [
  'a stranger',
  'an empty cookie',
  'a forged role',
  'a session of another secret',
  'a session that is over',
  'a bearer secret',
];
export const SECOND_WALL = ' at the second wall';
export const WRONG_SESSIONS = STRANGERS.flatMap((key) => [key, key + SECOND_WALL]);
export const VIEWER = 'a viewer';

const session = (role: 'operator' | 'viewer', forMs = 3_600_000) =>
  seal({ role, name: 'fuzz', expiresAt: new Date(Date.now() + forMs) });

/** The headers that a key brings. */
export function headersOf(key: string): Record<string, string> {
  const asking = { host: new URL(ORIGIN).host, 'x-forwarded-proto': 'https' };
  const cookie = (value: string) => ({ ...asking, cookie: `a=b; __Host-jobqueue=${value}` });
  switch (key.replace(SECOND_WALL, '')) {
    case 'a stranger':
      return asking;
    case 'an empty cookie':
      return cookie('');
    case 'a forged role': {
      const [, mac] = session('viewer').split('.');
      return cookie(`${Buffer.from('{"role":"operator","name":"x","until":9e15}').toString('base64url')}.${mac}`);
    }
    case 'a session of another secret': {
      const [body = ''] = session('operator').split('.');
      return cookie(`${body}.${createHmac('sha256', SECRETS.CRON_SECRET).update(body).digest('base64url')}`);
    }
    case 'a session that is over':
      return cookie(session('operator', -1_000));
    case 'a bearer secret':
      return { ...asking, authorization: `Bearer ${SECRETS.OPERATOR_SECRET}` };
    case VIEWER:
      return cookie(session('viewer'));
    default:
      return cookie(session('operator'));
  }
}

/** The answer of proxy.ts, or null if it lets the request pass to the app. */
export async function atTheProxy(url: string | URL, init: RequestInit): Promise<Outcome | null> {
  const response = await proxy(new NextRequest(url, init as ConstructorParameters<typeof NextRequest>[1]));
  if (response.headers.has('x-middleware-next')) return null;
  const { status } = response;
  const location = response.headers.get('location');
  const isUnread = status === 303 && location === shortened(new URL(url));
  const isRefused = status >= 400 || isUnread || /[?&]refused=|\/login(\?|$)/.test(location ?? '');
  return { status, text: location ?? (await response.text()), isRefused, isUnread };
}

/** The only place that an address beyond the bound may lead to, whoever asks: the same page without the query. Null for any other address. */
function shortened({ href, origin, pathname }: URL): string | null {
  return href.length > MAX_ADDRESS_CHARS ? origin + pathname : null;
}

/** The answer that Next.js makes of what a page or an action throws; anything else than its own signals is a fault. */
export function thrown(error: unknown): Outcome {
  const digest = (error as { digest?: unknown } | null)?.digest;
  if (typeof digest === 'string' && digest.startsWith('NEXT_REDIRECT;')) {
    const location = digest.split(';').slice(2, -2).join(';');
    return { status: 303, text: location, isRefused: /[?&](refused|kept)=|\/login/.test(location) };
  }
  const [, status] = /^NEXT_HTTP_ERROR_FALLBACK;(\d+)$/.exec(String(digest)) ?? [];
  if (status !== undefined) return { status: Number(status), text: 'not found', isRefused: true };
  return { status: 500, text: error instanceof Error ? String(error.stack) : String(error), isRefused: true };
}
