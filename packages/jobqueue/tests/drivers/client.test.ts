/** The driver chosen for a URL, and the error if it is missing. */
import { afterEach, expect, test, vi } from 'vitest';
import { connect, type Database, database } from '../../src/postgres/connect.ts';

const KEY = Symbol.for('conversure.jobqueue.database');
const shared = globalThis as { [KEY]?: Database };

afterEach(() => {
  vi.unstubAllEnvs();
  delete shared[KEY];
});

test.each([
  ['postgres://u:p@127.0.0.1/app', 'postgres', '127.0.0.1:5432/app'],
  ['postgresql://u:p@db.example.com:6543/app?sslmode=require', 'postgres', 'db.example.com:6543/app'],
  ['postgres://u:p@ep-cool-1.eu-central-1.aws.neon.tech/app', 'neon', 'ep-cool-1.eu-central-1.aws.neon.tech:5432/app'],
  ['postgres://u:p@ep-cool-1-pooler.us-east-1.aws.NEON.tech/app?sslmode=require', 'neon', undefined],
  ['postgres://u:p@neon.tech.example.com/app', 'postgres', undefined],
  ['postgres://u:p@notneon.tech/app', 'postgres', undefined],
  ['postgres:///app?host=/var/run/postgresql', 'postgres', '/var/run/postgresql:5432/app'],
])('%s is reached by %s', async (url, driver, address) => {
  const chosen = connect(url);
  expect(chosen.driver).toBe(driver);
  if (address) expect(chosen.address).toBe(address);
  await chosen.close();
});

test.each(['postgres', 'neon', 'neon-http', 'neon-websocket'] as const)('%s can be asked for', async (driver) => {
  const chosen = connect('postgres://u:p@127.0.0.1/app', { driver });
  expect(chosen.driver).toBe(driver);
  await chosen.close();
});

test.each([
  'not a url with s3cret',
  '',
  'postgres://u:s3cret@host:port/app',
  'postgres://u:s3cret@host:99999/app',
  'mysql://u:s3cret@host/app',
  'postgres://u:s3cret@host',
  'postgres://u:s3cret@/app',
])('a URL that cannot work is refused without repeating it: %s', (url) => {
  const refusal = expect(() => connect(url));
  refusal.toThrow(expect.objectContaining({ code: 'database_url_invalid' }));
  refusal.not.toThrow(/s3cret/);
});

test('without DATABASE_URL the error names it and the next step', () => {
  vi.stubEnv('DATABASE_URL', '');
  expect(() => database()).toThrow(expect.objectContaining({ code: 'database_url_missing' }));
  expect(() => database()).toThrow(
    'DATABASE_URL is not set: set it to postgresql://user:password@host:5432/database, or run the app by npx jobqueue dev.',
  );
});

test('a second copy of the module shares the pool of the first', async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://u:p@127.0.0.1:1/app');
  const first = database();
  vi.resetModules();
  const copy = await import('../../src/postgres/connect.ts');
  expect(copy.database).not.toBe(database);
  expect(copy.database()).toBe(first);
  await first.close();
});
