/** Runs before every page, never before /api: sends strangers to the login, refuses forms of other sites, and sets the page's CSP. */
import { MAX_ADDRESS_CHARS } from '@conversure/jobqueue/next';
import { admit, admitOrigin, sessionOf } from '@conversure/jobqueue-console/auth';
import { type NextRequest, NextResponse } from 'next/server';
import { EDGE_LIMITS } from './lib/config.ts';
import { HttpError, refusal } from './lib/http/errors.ts';
import { admitForm } from './lib/http/form.ts';

/**
 * Excluded paths are answered by a file or a function. Every other path is a page, including «not found»; a path with a percent sign is
 * first looked at.
 */
export const config = { matcher: '/((?!api/|_next/static/[^%]*$|_next/image$|icon\\.svg$).*)' };

export async function proxy(request: NextRequest): Promise<Response> {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  try {
    if (request.url.length > MAX_ADDRESS_CHARS) return withoutQuery(request);
    admitPath(request.nextUrl.pathname);
    if (request.nextUrl.pathname.startsWith('/_next/static/')) return NextResponse.next();
    if (!isRead) admitOrigin(request.headers);
    const isLogin = request.nextUrl.pathname === '/login';
    if (!isLogin && isRead && sessionOf(request.headers) === null) return toLogin(request);
    if (!isLogin) admit(request.headers);
    const maxBytes = isLogin ? EDGE_LIMITS.loginBytes : EDGE_LIMITS.formBytes;
    if (!isLogin && Number(request.headers.get('content-length')) > maxBytes) return tooLarge(request);
    if (!isRead) await admitForm(request, { maxBytes });
  } catch (error) {
    const response = refusal(error, request);
    response.headers.delete('www-authenticate'); // the pages have a form for it
    response.headers.set('cache-control', 'no-store');
    return response;
  }
  return withPolicy(request);
}

/** Back to where they wanted to go once they have signed in. */
function toLogin(request: NextRequest): Response {
  const { pathname, search } = request.nextUrl;
  const login = new URL('/login', request.url);
  if (pathname !== '/') login.searchParams.set('next', pathname + search);
  const response = NextResponse.redirect(login, 303);
  response.headers.set('cache-control', 'no-store');
  return response;
}

/** Refuses an address that is too long without reading any of it. Throws HttpError 414 if its path alone is: it would lead to itself. */
function withoutQuery(request: NextRequest): Response {
  const page = request.nextUrl.clone();
  page.search = '';
  if (page.href.length > MAX_ADDRESS_CHARS)
    throw new HttpError(414, 'address_too_long', `Expected an address of at most ${MAX_ADDRESS_CHARS} characters.`);
  return NextResponse.redirect(page, 303);
}

/** Throws HttpError 400 for a path that is no encoded text, such as `/%`: Next.js would answer 500. */
function admitPath(pathname: string): void {
  try {
    decodeURIComponent(pathname);
  } catch {
    throw new HttpError(400, 'address_invalid', 'Expected an address whose percent signs begin encoded characters.');
  }
}

/** Next.js would answer 500. A form sent by a script cannot be redirected: there `app/error.tsx` speaks. */
function tooLarge(request: NextRequest): Response {
  const page = request.nextUrl.clone();
  page.search = '?refused=file_too_large';
  return NextResponse.redirect(page, 303);
}

/** Only scripts that this very response names may run: a stored error message that slipped through unescaped stays text. */
function withPolicy(request: NextRequest): Response {
  const nonce = crypto.randomUUID();
  const development = process.env.NODE_ENV === 'development' ? " 'unsafe-eval'" : ''; // React's error stacks
  const policy = [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${development}`,
    development ? "style-src 'self' 'unsafe-inline'" : "style-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
  const headers = new Headers(request.headers);
  headers.set('content-security-policy', policy); // Next.js reads the nonce from here
  const response = NextResponse.next({ request: { headers } });
  response.headers.set('content-security-policy', policy);
  response.headers.set('cache-control', 'private, no-store'); // a page behind a login stays in no cache
  return response;
}
