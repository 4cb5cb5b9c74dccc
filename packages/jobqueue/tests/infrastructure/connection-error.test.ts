import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import pg from 'pg';
import { describe, expect, inject, test } from 'vitest';
import { emptyDatabase } from '../../../../tests/support/database.ts';
import { freePort } from '../../src/embedded/port.ts';
import { addressOf, connectionError } from '../../src/postgres/connection-error.ts';
import { migrate } from '../../src/postgres/migrate.ts';

const from = { variable: 'DATABASE_URL', address: 'db.example.com:5432/app' } as const;
const failure = (message: string, fields: object = {}) => Object.assign(new Error(message), fields);

describe('what drivers throw', () => {
  test.each([
    ['url_invalid', failure('Invalid URL', { code: 'ERR_INVALID_URL', input: 'postgres://u:secret@' })],
    ['refused', failure('connect ECONNREFUSED 127.0.0.1:1', { code: 'ECONNREFUSED' })],
    ['refused', new AggregateError([failure('connect', { code: 'ECONNREFUSED' })])],
    ['host_unknown', failure('getaddrinfo ENOTFOUND db.example.com', { code: 'ENOTFOUND' })],
    ['credentials', failure('password authentication failed for user "app"', { code: '28P01' })],
    ['credentials', failure('role "app" does not exist', { code: '28000' })],
    ['credentials', failure('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string')],
    ['tls', failure('no pg_hba.conf entry for host "10.0.0.1", user "app", no encryption', { code: '28000' })],
    ['tls', failure('The server does not support SSL connections')],
    ['tls', failure('self-signed certificate in certificate chain', { code: 'SELF_SIGNED_CERT_IN_CHAIN' })],
    ['database_missing', failure('database "app" does not exist', { code: '3D000' })],
    ['not_migrated', failure('schema "jobqueue" does not exist', { code: '3F000' })],
    ['not_migrated', failure('function jobqueue.step_2(jsonb) does not exist', { code: '42883' })],
    ['not_migrated', failure('relation "jobqueue.jobs" does not exist', { code: '42P01' })],
    ['not_permitted', failure('permission denied for schema jobqueue', { code: '42501' })],
    ['not_permitted', failure('permission denied for sequence jobs_id_seq', { code: '42501' })],
    ['not_migrated', failure('le schéma « jobqueue » n’existe pas', { code: '3F000' })],
    ['session_unfit', failure('jobqueue needs the isolation level read committed, and …', { code: '0A000' })],
    ['read_only', failure('cannot execute nextval() in a read-only transaction', { code: '25006' })],
    ['cancelled', failure('canceling statement due to statement timeout', { code: '57014' })],
    ['locked', failure('canceling statement due to lock timeout', { code: '55P03' })],
    ['full', failure('could not extend file: No space left on device', { code: '53100' })],
    ['pooler', failure('query_wait_timeout', { code: '08P01' })],
    ['conflict', failure('could not serialize access', { code: '40001' })],
    ['internal', failure('Tenant or user not found', { code: 'XX000' })],
    ['timeout', failure('timeout expired')],
    ['timeout', failure('connect ETIMEDOUT', { code: 'ETIMEDOUT' })],
    ['busy', failure('sorry, too many clients already', { code: '53300' })],
    ['closed', failure('Connection terminated unexpectedly')],
    ['host_unknown', failure('Failed query: …', { cause: failure('getaddrinfo', { code: 'ENOTFOUND' }) })],
    [
      'refused',
      failure('Error connecting to database: TypeError: fetch failed', {
        sourceError: failure('fetch failed', { cause: failure('connect', { code: 'ECONNREFUSED' }) }),
      }),
    ],
  ])('is %s: %s', (expected, thrown) => {
    const translated = connectionError(thrown, from);
    expect(translated?.failure).toBe(expected);
    expect(translated?.message).toMatch(/^DATABASE_URL \(db\.example\.com:5432\/app\): .+\. .+\.$/);
  });

  test.each([
    failure('duplicate key value violates unique constraint', { code: '23505' }),
    failure('relation "leads" does not exist', { code: '42P01' }),
    failure('function lower(bigint) does not exist', { code: '42883' }),
    failure('something else'),
    'not an error',
    failure('invalid input syntax for type bigint: "a customer\'s word"', { code: '22P02' }),
  ])('is not the connection: %s', (thrown) => {
    expect(connectionError(thrown, from)).toBeNull();
  });
});

test("what the server says comes with its SQLSTATE, in one line, and never more of a proxy's page", () => {
  const told = connectionError(failure(`frozen: ${'x'.repeat(1_000)}\nDETAIL: …`, { code: '25006' }), from)?.message;
  expect(told).toMatch(/^DATABASE_URL .* The server says: frozen: x{392} \(25006\)\.$/);
  expect(connectionError(failure('write EPIPE', { code: 'EPIPE' }), from)?.message).not.toContain('The server says');
});

test('an address shows host, port and database, and nothing else', () => {
  expect(addressOf('postgres://user:secret@db.example.com/app?sslmode=require')).toBe('db.example.com:5432/app');
  expect(addressOf('postgres://user:secret@[::1]:6543/app')).toBe('[::1]:6543/app');
  expect(addressOf('user:secret@db.example.com')).toBe('not a postgres:// URL');
  expect(addressOf('postgres://user:sec ret@:x')).toBe('not a postgres:// URL');
});

describe('against real servers', () => {
  const changed = (change: (url: URL) => void) => {
    const url = new URL(inject('postgresUrl'));
    change(url);
    return url.href;
  };
  const attempt = async (url: string, connectionTimeoutMillis = 20_000) => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis });
    const error = await client.connect().then(
      () =>
        client.query("select jobqueue.add_job('noop', '{}'::jsonb)").then(
          () => null,
          (error) => error,
        ),
      (error) => error,
    );
    await client.end();
    return connectionError(error, { variable: 'DATABASE_URL', address: addressOf(url) });
  };

  test('a wrong password', async () => {
    const error = await attempt(changed((url) => (url.password = 'mistyped-secret')));
    expect(error?.failure).toBe('credentials');
    expect(error?.message).not.toContain('mistyped-secret');
  });

  test('an unknown user', async () => {
    expect((await attempt(changed((url) => (url.username = 'nobody_we_know'))))?.failure).toBe('credentials');
  });

  test('a missing database', async () => {
    expect((await attempt(changed((url) => (url.pathname = '/no_such_database'))))?.failure).toBe('database_missing');
  });

  test('a server without TLS', async () => {
    expect((await attempt(changed((url) => url.searchParams.set('sslmode', 'verify-full'))))?.failure).toBe('tls');
  });

  test('a port where nothing listens', async () => {
    const port = await freePort();
    const error = await attempt(changed((url) => (url.port = String(port))));
    expect(error?.message).toBe(
      `DATABASE_URL (127.0.0.1:${port}/postgres): nothing listens there. Start PostgreSQL, or check host and port.`,
    );
  });

  test('a host that does not exist', async () => {
    expect((await attempt(changed((url) => (url.hostname = 'db.invalid'))))?.failure).toBe('host_unknown');
  });

  test('a server that never answers', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as AddressInfo;
    expect(
      (
        await attempt(
          changed((url) => (url.port = String(port))),
          500,
        )
      )?.failure,
    ).toBe('timeout');
    silent.close();
  });

  test('a database without our functions, and with them', async () => {
    const database = await emptyDatabase();
    expect((await attempt(database.url))?.failure).toBe('not_migrated');
    await migrate({ url: database.url });
    expect(await attempt(database.url)).toBeNull();
    await database.drop();
  });

  test('a URL that is none', async () => {
    const parsed = () => new pg.Client('postgres://user:sec ret@:x/');
    expect(parsed).toThrow();
    try {
      parsed();
    } catch (error) {
      const translated = connectionError(error, { variable: 'DATABASE_URL', address: addressOf('x') });
      expect(translated?.failure).toBe('url_invalid');
      expect(translated?.cause).toBeUndefined();
    }
  });
});
