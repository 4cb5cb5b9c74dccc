import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { freePort } from '../../packages/jobqueue/src/embedded/port.ts';

// Each test creates a server, on a machine that may be busy with the other files.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
const running = new Set<Supervised>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'supervised-'));
  chmodSync(folder, 0o755);
});

afterEach(async () => {
  for (const { child, exited } of running) {
    for (let signals = 0; signals < 2; signals++) child.kill('SIGTERM');
    await exited;
  }
  running.clear();
  rmSync(JSON.parse(readFileSync(join(folder, 'postgres.json'), 'utf8')).home, { recursive: true, force: true });
  rmSync(folder, { recursive: true });
});

interface Supervised {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  readonly port: number;
  output(): string;
  /** Resolves once the output holds `text`. */
  says(text: string): Promise<void>;
}

interface Options {
  /** The app's reaction to SIGTERM. */
  readonly mode?: 'stubborn' | '';
  /** As npm starts scripts: through a shell that passes no signal on. */
  readonly byNpm?: boolean;
}

async function supervised({ mode = '', byNpm = false }: Options = {}): Promise<Supervised> {
  const port = await freePort();
  const program = fileURLToPath(new URL('programs/supervised.ts', import.meta.url));
  const { DATABASE_URL: _, DATABASE_URL_UNPOOLED: __, npm_lifecycle_event: ___, ...own } = process.env;
  const node = [process.execPath, '--import', 'tsx', program, String(port), mode];
  const [command = '', ...args] = byNpm ? ['sh', '-c', '"$0" "$@"; exit $?', ...node] : node;
  const child = spawn(command, args, {
    env: { ...own, JOBQUEUE_DATA: folder, ...(byNpm && { npm_lifecycle_event: 'dev' }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const exited = once(child, 'close').then(([code]) => code);
  const says = (text: string) =>
    vi.waitFor(() => expect(output).toContain(text), { timeout: 60_000, interval: 20 }).then(() => {});
  const all: Supervised = { child, exited, port, output: () => output, says };
  running.add(all);
  exited.then(() => running.delete(all));
  return all;
}

async function databaseOf({ output }: Supervised): Promise<string> {
  const url = /database: (postgres:\S+)/.exec(output())?.[1];
  const client = new pg.Client(url);
  try {
    await client.connect();
    return 'answers';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  } finally {
    await client.end();
  }
}

test('ticks with the secret once the app answers, and prints what a tick did', async () => {
  const { says, output } = await supervised();
  await says('/api/cron/drain: claimed 2, completed 2 (empty)');
  const asked = output()
    .split('\n')
    .filter((line) => line.startsWith('app: GET'));
  expect(asked[0]).toBe('app: GET /api/health no bearer');
  expect(asked[1]).toBe('app: GET /api/cron/drain Bearer the-secret');
});

test('Ctrl-C lets the app give back, then stops the database that it started, and ends well', async () => {
  const program = await supervised();
  await program.says('Ready at');
  expect(await databaseOf(program)).toBe('answers');
  program.child.kill('SIGINT');
  expect(await program.exited).toBe(0);
  const order = ['supervisor: Stopping', 'app: SIGTERM', 'app: gave back', 'database: stopped'];
  expect(order.map((line) => program.output().indexOf(line)).sort((a, b) => a - b)).toEqual(
    order.map((line) => program.output().indexOf(line)),
  );
  expect(program.output()).toContain('app: gave back');
  expect(await databaseOf(program)).toBe('ECONNREFUSED');
});

test('a second Ctrl-C ends an app that does not listen', async () => {
  const program = await supervised({ mode: 'stubborn' });
  await program.says('Ready at');
  program.child.kill('SIGINT');
  await program.says('app: SIGTERM');
  program.child.kill('SIGINT');
  expect(await program.exited).toBe(0);
  expect(await databaseOf(program)).toBe('ECONNREFUSED');
  await expect(fetch(`http://127.0.0.1:${program.port}/`)).rejects.toThrow();
});

test('an app that crashes ends everything with its exit code', async () => {
  const program = await supervised();
  await program.says('Ready at');
  await fetch(`http://127.0.0.1:${program.port}/crash`).catch(() => null); // it dies without an answer
  expect(await program.exited).toBe(7);
  expect(await databaseOf(program)).toBe('ECONNREFUSED');
});

test('a shell of npm that dies without a word takes nothing along and leaves nothing behind', async () => {
  const program = await supervised({ byNpm: true });
  await program.says('Ready at');
  program.child.kill('SIGTERM');
  await program.says('app: gave back');
  await program.says('database: stopped');
  expect(await databaseOf(program)).toBe('ECONNREFUSED');
});

test('a database that another terminal started outlives this one', async () => {
  const first = await supervised();
  await first.says('Ready at');
  const second = await supervised();
  await second.says('Ready at');
  second.child.kill('SIGTERM');
  expect(await second.exited).toBe(0);
  expect(await databaseOf(first)).toBe('answers');
});
