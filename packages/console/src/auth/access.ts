/** Decides access to pages and actions. Called again wherever data is read, even if a proxy has already checked. */
import { isIP } from 'node:net';
import { HttpError } from '@conversure/jobqueue/next';
import { type Session, unseal } from './session.ts';

/** Browsers accept a `__Host-` cookie over TLS only, send it to this host alone, and hide it from scripts. */
const COOKIE = '__Host-jobqueue';
/** Without TLS they would drop it; on the developer's own machine there is none. */
const LOCAL_COOKIE = 'jobqueue';

/** The session of a request, or null for a stranger: while OPERATOR_SECRET is unset everybody is one. */
export function sessionOf(headers: Headers): Session | null {
  if (isOpenConsole() && isLoopback(headers))
    return { role: 'operator', name: 'developer', expiresAt: new Date(Date.now() + 60_000) };
  return unseal(cookieOf(headers, sessionCookie(headers).name), new Date());
}

/** Lets whoever signed in pass. Throws HttpError 401. */
export function admit(headers: Headers): Session {
  return admitted(sessionOf(headers));
}

/** Lets operators pass, and nobody who may only look. Throws HttpError 401 or 403. */
export function admitOperator(headers: Headers): Session {
  return admittedOperator(sessionOf(headers));
}

export function admitted(session: Session | null): Session {
  if (session === null) throw new HttpError(401, 'unauthorized', 'Sign in first.');
  return session;
}

export function admittedOperator(session: Session | null): Session {
  const { role } = admitted(session);
  if (role !== 'operator') throw new HttpError(403, 'read_only', 'A viewer may look, not act.');
  return admitted(session);
}

/**
 * Refuses a form that another site sent, with HttpError 403. Next.js itself lets a request without an Origin pass, or with one that names no
 * host; a browser that posts a form always sends one, so here it is refused.
 */
export function admitOrigin(headers: Headers): void {
  const origin = headers.get('origin') ?? '';
  const sender = URL.canParse(origin) ? new URL(origin).host : '';
  if (sender !== '' && sender === askedHost(headers)) return;
  throw new HttpError(403, 'origin_refused', 'Expected the form to be sent from a page of this app.');
}

/** The host as Next.js takes it, which answers 500 where it finds another one than we did: the outermost proxy's word, then the request's own. */
function askedHost(headers: Headers): string | null {
  return headers.get('x-forwarded-host')?.split(',')[0]?.trim() || headers.get('host');
}

/** Name and reach of the session's cookie for whoever sent these headers. */
export function sessionCookie(headers: Headers): { readonly name: string; readonly secure: boolean } {
  const isLocal = isLoopback(headers) && headers.get('x-forwarded-proto') !== 'https';
  return isLocal ? { name: LOCAL_COOKIE, secure: false } : { name: COOKIE, secure: true };
}

/** The client's address for the log, as the platform or the outermost trusted proxy noted it; `unknown` where a client could have written it. */
export function clientAddress(headers: Headers): string {
  if (process.env.VERCEL !== undefined) return headers.get('x-vercel-forwarded-for') ?? 'unknown'; // the platform overwrites it
  const hops = (headers.get('x-forwarded-for') ?? '').split(',');
  const address = hops.at(-trustedProxies())?.trim() ?? '';
  return trustedProxies() > 0 && isIP(address) > 0 ? address : 'unknown';
}

/**
 * True if the pages ask nobody for a secret: only in development, and where `JOBQUEUE_OPEN_CONSOLE=1` says that the database is one that
 * the development server brought itself. Another database may hold what matters.
 */
export function isOpenConsole(): boolean {
  const isHere = process.env.NODE_ENV === 'development' && process.env.VERCEL === undefined;
  return isHere && process.env.JOBQUEUE_OPEN_CONSOLE === '1';
}

/** The number of the operator's own proxies before a self-hosted app, `TRUSTED_PROXIES`. Default 0: `X-Forwarded-For` is the client's own word. */
function trustedProxies(): number {
  const value = /^\d?$/.exec(process.env.TRUSTED_PROXIES ?? '');
  if (value !== null) return Number(value[0]);
  throw new Error(`TRUSTED_PROXIES: expected a number from 0 to 9, got ${process.env.TRUSTED_PROXIES}`);
}

/** Also what keeps another site's name that resolves to 127.0.0.1 out of an open console. */
function isLoopback(headers: Headers): boolean {
  const host = headers.get('x-forwarded-host') ?? headers.get('host') ?? '';
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host);
}

function cookieOf(headers: Headers, name: string): string {
  const cookies = (headers.get('cookie') ?? '').split('; ');
  return cookies.find((cookie) => cookie.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
}
