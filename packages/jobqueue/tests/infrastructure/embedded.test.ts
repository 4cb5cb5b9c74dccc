import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type EmbeddedDatabase, start } from '../../src/embedded/start.ts';

// Each test creates a server or two, on a machine that may be busy with the other files.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let root: string;
let folder: string;
const started: EmbeddedDatabase[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'embedded-'));
  chmodSync(root, 0o755);
  folder = root;
});

afterEach(async () => {
  for (const database of started.splice(0)) await database.stop();
  rmSync(state().home, { recursive: true, force: true });
  rmSync(root, { recursive: true });
});

const state = () => JSON.parse(readFileSync(join(folder, 'postgres.json'), 'utf8'));

async function open(): Promise<EmbeddedDatabase> {
  const database = await start({ folder });
  started.push(database);
  return database;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

/** Another terminal: a process that starts the database, says where, and stops it on SIGTERM. */
async function otherProcess(): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      `const { start } = await import(${JSON.stringify(new URL('../../src/embedded/start.ts', import.meta.url).href)});
       const database = await start({ folder: process.argv[1] });
       console.log(database.url);
       const keep = setInterval(() => {}, 1000);
       process.once('SIGTERM', async () => { await database.stop(); clearInterval(keep); });`,
      folder,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [url] = await once(createInterface(child.stdout), 'line');
  return { url, child };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

test('what was written survives a stop and a start, at the same address', async () => {
  const first = await open();
  await query(first.url, 'create table kept as select 42 as n');
  await first.stop();
  await expect(query(first.url, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
  const second = await open();
  expect(second.url).toBe(first.url);
  expect(await query(second.url, 'select n from kept')).toEqual([42]);
});

test('the password is random and readable by its owner only', async () => {
  const { url } = await open();
  expect(new URL(url).password).toMatch(/^[0-9a-f]{48}$/);
  expect(statSync(join(folder, 'postgres.json')).mode & 0o777).toBe(0o600);
  await expect(query(url.replace(/:[0-9a-f]{48}@/, ':postgres@'), 'select 1')).rejects.toThrow(/password/);
});

test('a port that was taken in the meantime is left to its new owner', async () => {
  const first = await open();
  await first.stop();
  const thief = createServer().listen(Number(new URL(first.url).port), '127.0.0.1');
  await once(thief, 'listening');
  const second = await open();
  expect(new URL(second.url).port).not.toBe(new URL(first.url).port);
  expect(await query(second.url, 'select current_database()::text')).toEqual(['jobqueue']);
  thief.close();
});

test('text sorts and folds as on Neon, whatever this machine speaks', async () => {
  const { url } = await open();
  expect(await query(url, "select lower('ÄÖ')")).toEqual(['äö']);
  expect(await query(url, "select x from unnest(array['b', 'a', 'B', 'ä']) x order by x")).toEqual([
    'B',
    'a',
    'b',
    'ä',
  ]);
});

describe('two terminals', () => {
  test('share one server, and only the one that started it stops it', async () => {
    const other = await otherProcess();
    const ours = await open();
    expect(ours.url).toBe(other.url);
    await ours.stop();
    expect(await query(other.url, 'select 1')).toEqual([1]);
    await end(other.child, 'SIGTERM');
    await expect(query(other.url, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
  });

  test('that start at the same moment on a new folder share one server', async () => {
    const [one, two] = await Promise.all([otherProcess(), otherProcess()]);
    expect(one.url).toBe(two.url);
    expect(await query(one.url, 'select 1')).toEqual([1]);
    await Promise.all([end(one.child, 'SIGTERM'), end(two.child, 'SIGTERM')]);
    await expect(query(one.url, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
  });

  test('a server whose terminal was killed is taken over by the next, which stops it', async () => {
    const killed = await otherProcess();
    await end(killed.child, 'SIGKILL');
    const next = await open();
    expect(next.url).toBe(killed.url);
    await next.stop();
    await expect(query(next.url, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
  });
});

test.skipIf(process.getuid?.() !== 0)(
  'below a folder closed to the server, the data go to the temporary folder',
  async () => {
    const closed = join(root, 'root-home');
    mkdirSync(closed, { mode: 0o700 });
    folder = join(closed, '.data');
    const first = await open();
    expect(await query(first.url, 'select 1')).toEqual([1]);
    expect(state().home.startsWith(root)).toBe(false);
    await first.stop();
    const second = await open();
    expect(second.url).toBe(first.url);
    await second.stop();
    rmSync(state().home, { recursive: true }); // the system cleaned its temporary folder
    const third = await open();
    expect(await query(third.url, 'select 1')).toEqual([1]);
  },
);
