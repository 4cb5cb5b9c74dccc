/** Access: current and previous secrets open, nothing else does, and nobody gets in while none is configured. */
import { authorize } from '@conversure/jobqueue/next';
import {
  admit,
  admitOperator,
  admitOrigin,
  clientAddress,
  localPath,
  type Role,
  roleOf,
  seal,
  sessionOf,
} from '@conversure/jobqueue-console/auth';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SecretName } from '../../lib/config.ts';
import { endpoint, HttpError } from '../../lib/http/errors.ts';
import { log } from '../../lib/log.ts';

const CURRENT = 'current-secret-0123456789';
const PREVIOUS = 'previous-secret-0123456789';

beforeEach(() => {
  vi.stubEnv('CRON_SECRET', CURRENT);
  vi.stubEnv('CRON_SECRET_PREVIOUS', undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('a bearer secret', () => {
  test('opens its endpoint, whatever the case of the scheme', () => {
    expect(statusOf(() => authorize(bearing(`Bearer ${CURRENT}`), 'CRON_SECRET'))).toBe(200);
    expect(statusOf(() => authorize(bearing(`bearer ${CURRENT}`), 'CRON_SECRET'))).toBe(200);
  });

  test.each([
    ['no header', null],
    ['an empty token', 'Bearer '],
    ['another secret', 'Bearer another-secret-0123456789'],
    ['a prefix of the secret', `Bearer ${CURRENT.slice(0, -1)}`],
    ['the secret and more', `Bearer ${CURRENT}x`],
    ['another scheme', `Basic ${CURRENT}`],
    ['two tokens', `Bearer ${CURRENT} ${CURRENT}`],
    ['what a careless template makes of an unset secret', 'Bearer undefined'],
  ])('is not replaced by %s', (_, header) => {
    expect(statusOf(() => authorize(bearing(header), 'CRON_SECRET'))).toBe(401);
  });

  test('keeps its predecessor alive while a rotation lasts', () => {
    vi.stubEnv('CRON_SECRET_PREVIOUS', PREVIOUS);
    expect(statusOf(() => authorize(bearing(`Bearer ${PREVIOUS}`), 'CRON_SECRET'))).toBe(200);
    expect(statusOf(() => authorize(bearing(`Bearer ${CURRENT}`), 'CRON_SECRET'))).toBe(200);
  });

  test.each<[string, string | undefined, string]>([
    ['unset', undefined, 'Bearer undefined'],
    ['empty', '', 'Bearer '],
    ['shorter than 16 characters', 'short-secret', 'Bearer short-secret'],
    ['not visible ASCII', 'a secret with blanks', 'Bearer a secret with blanks'],
  ])('that is %s closes the endpoint, and the log names the variable but not its value', async (_, value, header) => {
    const guarded = endpoint(async (request) => {
      authorize(request, 'CRON_SECRET');
      return new Response();
    });
    const line = vi.spyOn(log, 'error').mockReturnValue();
    vi.stubEnv('CRON_SECRET', value);
    vi.stubEnv('CRON_SECRET_PREVIOUS', PREVIOUS);
    expect((await guarded(bearing(header))).status).toBe(503);
    expect((await guarded(bearing(`Bearer ${PREVIOUS}`))).status).toBe(503);
    expect(line).toHaveBeenCalledTimes(2);
    expect(JSON.stringify(line.mock.calls)).toContain('CRON_SECRET');
    if (value) expect(JSON.stringify(line.mock.calls)).not.toContain(value);
  });

  test.each<SecretName>(['OPERATOR_SECRET', 'QUEUE_API_KEY'])('of the cron does not open %s', (name) => {
    vi.stubEnv(name, 'a-secret-of-its-own-0123456789');
    expect(statusOf(() => authorize(bearing(`Bearer ${CURRENT}`), name))).toBe(401);
  });
});

describe('the pages', () => {
  const host = { host: 'queue.example' };
  const inAnHour = () => new Date(Date.now() + 3_600_000);
  const signedIn = (role: Role, until = inAnHour()) =>
    new Headers({ ...host, cookie: `a=b; __Host-jobqueue=${seal({ role, name: 'ann', expiresAt: until })}` });

  test('let in whoever holds a session, and only operators act', () => {
    vi.stubEnv('OPERATOR_SECRET', CURRENT);
    const operator = signedIn('operator');
    expect(admitOperator(operator)).toMatchObject({ role: 'operator', name: 'ann' });
    expect(admit(signedIn('viewer'))).toMatchObject({ role: 'viewer' });
    expect(statusOf(() => admitOperator(signedIn('viewer')))).toBe(403);
    expect(statusOf(() => admit(new Headers(host)))).toBe(401);
    expect(statusOf(() => admit(new Headers({ ...host, authorization: `Bearer ${CURRENT}` })))).toBe(401);
    expect(statusOf(() => admit(signedIn('operator', new Date(Date.now() - 1))))).toBe(401);
  });

  test.each([
    ['of another secret', (value: string) => value, 'another-secret-0123456789'],
    [
      'whose role was changed',
      (value: string) =>
        `${Buffer.from('{"role":"operator","name":"x","until":9e15}').toString('base64url')}.${value.split('.')[1]}`,
      CURRENT,
    ],
    ['that was cut', (value: string) => value.slice(0, -4), CURRENT],
    ['with something behind it', (value: string) => `${value}.x`, CURRENT],
    ['that is none', () => 'null', CURRENT],
  ])('refuse a cookie %s', (_, change, secret) => {
    vi.stubEnv('OPERATOR_SECRET', CURRENT);
    const value = change(seal({ role: 'viewer', name: 'ann', expiresAt: inAnHour() }));
    vi.stubEnv('OPERATOR_SECRET', secret);
    expect(sessionOf(new Headers({ ...host, cookie: `__Host-jobqueue=${value}` }))).toBeNull();
  });

  test('end every session when a secret is rotated, the viewer’s too', () => {
    vi.stubEnv('OPERATOR_SECRET', CURRENT);
    const headers = signedIn('operator');
    vi.stubEnv('VIEWER_SECRET', 'viewer-secret-0123456789');
    expect(sessionOf(headers)).toBeNull();
    vi.stubEnv('VIEWER_SECRET', undefined);
    expect(sessionOf(headers)).not.toBeNull();
    vi.stubEnv('OPERATOR_SECRET', 'another-secret-0123456789');
    vi.stubEnv('OPERATOR_SECRET_PREVIOUS', CURRENT);
    expect(sessionOf(headers)).toBeNull();
  });

  test('are closed to everybody while OPERATOR_SECRET is unset', () => {
    vi.spyOn(log, 'error').mockReturnValue();
    vi.stubEnv('OPERATOR_SECRET', CURRENT);
    const headers = signedIn('operator');
    vi.stubEnv('OPERATOR_SECRET', undefined);
    vi.stubEnv('VIEWER_SECRET', 'viewer-secret-0123456789');
    expect(statusOf(() => admit(headers))).toBe(401);
    expect(statusOf(() => roleOf('viewer-secret-0123456789'))).toBe(503);
    vi.stubEnv('OPERATOR_SECRET', CURRENT);
    expect(['viewer-secret-0123456789', CURRENT, 'guess'].map(roleOf)).toEqual(['viewer', 'operator', null]);
    vi.stubEnv('VIEWER_SECRET', 'short');
    expect(roleOf('short')).toBeNull();
  });

  test('stand open only in development, on this machine, and where npm run dev brought the database', () => {
    vi.stubEnv('OPERATOR_SECRET', CURRENT);
    vi.stubEnv('NODE_ENV', 'development');
    const local = new Headers({ host: 'localhost:3000' });
    expect(statusOf(() => admit(local))).toBe(401);
    vi.stubEnv('JOBQUEUE_OPEN_CONSOLE', '1');
    expect(statusOf(() => admit(local))).toBe(200);
    expect(statusOf(() => admit(new Headers({ host: 'rebound.example:3000' })))).toBe(401);
    vi.stubEnv('VERCEL', '1');
    expect(statusOf(() => admit(local))).toBe(401);
    vi.stubEnv('VERCEL', undefined);
    vi.stubEnv('NODE_ENV', 'production');
    expect(statusOf(() => admit(local))).toBe(401);
  });

  test.each<[string, Record<string, string>, number]>([
    ['their own form', { origin: 'https://queue.example', host: 'queue.example' }, 200],
    [
      'their own form behind a proxy',
      { origin: 'https://queue.example', 'x-forwarded-host': 'queue.example', host: '10.0.0.1:3000' },
      200,
    ],
    [
      'their own form behind two proxies',
      { origin: 'https://queue.example', 'x-forwarded-host': 'queue.example, inner.example', host: '10.0.0.1:3000' },
      200,
    ],
    ['a form without an origin', { host: 'queue.example' }, 403],
    ['a form without a host', { origin: 'file:///', host: '' }, 403],
    ['a form of a host that is a list', { origin: 'https://a,b', 'x-forwarded-host': 'a,b', host: 'a' }, 403],
    ['a form of an opaque origin', { origin: 'null', host: 'queue.example' }, 403],
    ['a form of another site', { origin: 'https://evil.example', host: 'queue.example' }, 403],
    ['a form of another port', { origin: 'http://localhost:3001', host: 'localhost:3000' }, 403],
  ])('answer %s', (_, headers, status) => {
    expect(statusOf(() => admitOrigin(new Headers(headers)))).toBe(status);
  });
});

test.each<[string, Record<string, string>, Record<string, string>, string]>([
  ['nobody vouches for', {}, { 'x-forwarded-for': '198.51.100.7' }, 'unknown'],
  ['one proxy noted', { TRUSTED_PROXIES: '1' }, { 'x-forwarded-for': '198.51.100.7, 203.0.113.9' }, '203.0.113.9'],
  [
    'the outer proxy noted',
    { TRUSTED_PROXIES: '2' },
    { 'x-forwarded-for': '::1, 2001:db8::9, 10.0.0.1' },
    '2001:db8::9',
  ],
  ['no proxy noted', { TRUSTED_PROXIES: '1' }, { 'x-forwarded-for': 'x'.repeat(9_000) }, 'unknown'],
  [
    'the platform noted',
    { VERCEL: '1', TRUSTED_PROXIES: '1' },
    { 'x-vercel-forwarded-for': '203.0.113.9', 'x-forwarded-for': '198.51.100.7' },
    '203.0.113.9',
  ],
])("a client's address that %s", (_, environment, headers, address) => {
  for (const name of ['VERCEL', 'TRUSTED_PROXIES']) vi.stubEnv(name, environment[name]);
  expect(clientAddress(new Headers(headers))).toBe(address);
});

test.each([
  ['/jobs?type=crm_sync#top', '/jobs?type=crm_sync#top'],
  ['/заявки?q=\u{1f600} x\ud800', '/%D0%B7%D0%B0%D1%8F%D0%B2%D0%BA%D0%B8?q=%F0%9F%98%80%20x%EF%BF%BD'],
  ['/a\r\nset-cookie:x', '/aset-cookie:x'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['/.//evil.example', '/'],
  ['/\t/evil.example', '/'],
  ['https://evil.example/', '/'],
  [`/${'x'.repeat(2_000)}`, '/'],
  ['', '/'],
])('a login with next %j leads to %j', (next, path) => {
  expect(localPath(next)).toBe(path);
});

function bearing(authorization: string | null): Request {
  return new Request(
    'https://queue.example/api/cron/drain',
    authorization === null ? {} : { headers: { authorization } },
  );
}

function statusOf(enter: () => void): number {
  try {
    enter();
    return 200;
  } catch (error) {
    if (error instanceof HttpError) return error.status;
    throw error;
  }
}
