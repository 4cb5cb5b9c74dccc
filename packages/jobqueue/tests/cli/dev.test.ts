/** `jobqueue dev` as a process: a database, migrations, ticks and the app's own server, and an end that leaves nothing behind. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { emptyDatabase, freshDatabase } from '../../../../tests/support/database.ts';
import { freePort } from '../../src/embedded/port.ts';
import { run, start } from './program.ts';

// One test makes a database server, on a machine that may be busy with the other files.
vi.setConfig({ testTimeout: 120_000 });

/** Says which ticks open its door, starts a process of its own as Next.js does, and gives back on SIGTERM. */
const SERVER = `
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
const helper = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
console.log('app: helper ' + helper.pid);
console.log('app: database ' + process.env.DATABASE_URL);
const server = createServer((request, response) => {
  const opens = request.headers.authorization === 'Bearer ' + process.env.CRON_SECRET;
  if (opens) console.log('app: tick ' + request.url);
  response.end('{"completed":1}');
}).listen(Number(process.env.PORT));
process.on('SIGTERM', () => server.close(() => console.log('app: gave back')));
`;

let app: string;
let program: ChildProcess | null;
let output: string;

beforeEach(() => {
  app = mkdtempSync(join(tmpdir(), 'dev-'));
  chmodSync(app, 0o755); // the server's account has to enter it
  writeFileSync(join(app, 'package.json'), '{ "type": "module", "scripts": { "dev": "node server.js && true" } }');
  writeFileSync(join(app, 'server.js'), SERVER);
  program = null;
  output = '';
});

afterEach(async () => {
  if (program?.exitCode === null && program.signalCode === null) {
    for (let signals = 0; signals < 2; signals++) program.kill('SIGTERM');
    await once(program, 'exit');
  }
  const state = join(app, '.jobqueue/postgres.json');
  if (existsSync(state)) rmSync(JSON.parse(readFileSync(state, 'utf8')).home, { recursive: true, force: true });
  rmSync(app, { recursive: true });
});

async function dev(env: Readonly<Record<string, string>>, ...command: string[]): Promise<ChildProcess> {
  const args = ['dev', '--every', '1s', '--port', String(await freePort()), ...command];
  const started = start(args, { cwd: app, env });
  for (const stream of [started.stdout, started.stderr])
    stream?.setEncoding('utf8').on('data', (text) => (output += text));
  program = started;
  return started;
}

/** Resolves to what the group of `pattern` matched in the output, once it does. */
async function said(pattern: RegExp): Promise<string> {
  await vi.waitFor(() => expect(output).toMatch(pattern), { timeout: 90_000, interval: 20 });
  return pattern.exec(output)?.[1] ?? '';
}

async function tablesOf(url: string): Promise<number | string> {
  const client = new pg.Client(url);
  try {
    await client.connect();
    const { rows } = await client.query("select 1 from pg_tables where schemaname = 'jobqueue'");
    return rows.length;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  } finally {
    await client.end();
  }
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('without DATABASE_URL it brings a migrated database, ticks with the secret, and leaves no process after Ctrl-C', async () => {
  const child = await dev({});
  const url = await said(/app: database (postgres\S+)/);
  const helper = Number(await said(/app: helper (\d+)/));
  await said(/app: tick (\/api\/cron\/drain)/);
  expect(await tablesOf(url)).toBeGreaterThan(5);
  expect(readFileSync(join(app, '.jobqueue/.gitignore'), 'utf8')).toBe('*\n');
  child.kill('SIGINT');
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(output).toContain('app: gave back');
  expect(isAlive(helper)).toBe(false);
  expect(await tablesOf(url)).toBe('ECONNREFUSED');
});

test('with DATABASE_URL it uses that, starts the given command, and ends with the exit code of an app that crashes', async () => {
  const db = await emptyDatabase();
  try {
    const crash = 'console.log("app: " + process.env.DATABASE_URL); setTimeout(() => process.exit(7), 200)';
    const child = await dev({ DATABASE_URL: db.url }, '--', process.execPath, '-e', crash);
    expect(await once(child, 'close')).toEqual([7, null]);
    expect(output).toContain(`app: ${db.url}`);
    expect(await tablesOf(db.url)).toBeGreaterThan(5);
    expect(existsSync(join(app, '.jobqueue/postgres.json'))).toBe(false);
  } finally {
    await db.drop();
  }
});

test('the database of a deployment is neither migrated nor drained', async () => {
  const db = await freshDatabase();
  const client = new pg.Client(db.url);
  await client.connect();
  try {
    await client.query("insert into jobqueue.environment (name) values ('production')");
    await client.query('delete from jobqueue.migrations where name = (select max(name) from jobqueue.migrations)');
    const before = await client.query('select count(*) from jobqueue.migrations');
    const { code, stderr } = await run(['dev', '--', process.execPath, '-e', 'console.log("started")'], {
      cwd: app,
      env: { DATABASE_URL: db.url },
    });
    expect([code, stderr]).toEqual([1, expect.stringContaining("of the environment 'production'")]);
    expect(stderr).not.toContain('started');
    expect((await client.query('select count(*) from jobqueue.migrations')).rows).toEqual(before.rows);
  } finally {
    await client.end();
    await db.drop();
  }
});

test('a package without a script dev is told to name its server', async () => {
  writeFileSync(join(app, 'package.json'), '{}');
  const { code, stderr } = await run(['dev'], { cwd: app });
  expect([code, stderr]).toEqual([1, expect.stringContaining('npx jobqueue dev -- next dev')]);
});
