/** `jobqueue init` on an app's folder: says what it would do, writes only what it was allowed to, and what it wrote works. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { emptyDatabase } from '../support/database.ts';
import { ask, run } from './program.ts';

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const SECRET = 'cron-0123456789abcdef';

let app: string;
beforeEach(() => {
  app = mkdtempSync(join(tmpdir(), 'init-'));
  put('package.json', '{\n    "name": "shop",\n    "dependencies": { "next": "16.4.6", "zod": "4.0.0" }\n}\n');
  // as create-next-app makes it
  const compilerOptions = {
    target: 'ES2017',
    lib: ['dom', 'dom.iterable', 'esnext'],
    ...{
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      esModuleInterop: true,
      isolatedModules: true,
      jsx: 'preserve',
    },
    ...{ module: 'esnext', moduleResolution: 'bundler', resolveJsonModule: true },
  };
  put('tsconfig.json', JSON.stringify({ compilerOptions }));
  put('vercel.json', '{ "crons": [{ "path": "/api/other", "schedule": "0 1 * * *" }] }\n');
  mkdirSync(join(app, 'app'));
});
afterEach(() => rmSync(app, { recursive: true }));

const put = (path: string, text: string) => writeFileSync(join(app, path), text);
const read = (path: string) => readFileSync(join(app, path), 'utf8');
const json = (path: string) => JSON.parse(read(path));
const everything = () => readdirSync(app, { recursive: true }).map(String).sort();

test('a plan writes nothing, and without a terminal nothing is written unasked', async () => {
  const before = everything();
  const plan = (await ask(['init', app, '--plan'])) as { new: string[]; written: string[] };
  expect(plan.new).toEqual(expect.arrayContaining(['jobqueue/queue.ts', 'app/api/cron/drain/route.ts']));
  expect(plan.written).toEqual([]);
  const { code, stderr } = await run(['init', app]);
  expect([code, stderr]).toEqual([2, expect.stringContaining('--yes')]);
  expect(everything()).toEqual(before);
});

test('adds to what the app has, keeps the rest, and has nothing to do the second time', async () => {
  const { code, stderr } = await run(['init', app, '--yes']);
  expect([code, stderr]).toEqual([0, expect.stringContaining('adds the cron for /api/cron/drain')]);
  expect(json('vercel.json').crons).toEqual([
    { path: '/api/other', schedule: '0 1 * * *' },
    { path: '/api/cron/drain', schedule: '* * * * *' },
  ]);
  expect(json('package.json')).toMatchObject({ name: 'shop', dependencies: { zod: '4.0.0', pg: expect.any(String) } });
  expect(read('package.json')).toMatch(/^ {4}"name"/m); // as it was indented
  expect(read('.env.example')).toContain('CRON_SECRET=');
  const again = await run(['init', app, '--yes']);
  expect([again.code, again.stdout.trim()]).toEqual([0, 'Everything is in place already.']);
});

test('what the app has made its own stays, and what was there before is not overwritten', async () => {
  await run(['init', app, '--yes']);
  put('jobqueue/jobs/index.ts', 'export const jobs = [] as const;\n');
  rmSync(join(app, 'jobqueue/example.ts'));
  const { kept, written } = (await ask(['init', app, '--yes'])) as { kept: string[]; written: string[] };
  expect([kept, written]).toEqual([['jobqueue/jobs/index.ts'], ['jobqueue/example.ts']]);
  expect(read('jobqueue/jobs/index.ts')).toBe('export const jobs = [] as const;\n');

  rmSync(join(app, 'jobqueue'), { recursive: true });
  put('app/api/cron/drain/route.ts', '// ours\n');
  const { code, stderr } = await run(['init', app, '--yes']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('app/api/cron/drain/route.ts')]);
  expect([read('app/api/cron/drain/route.ts'), existsSync(join(app, 'jobqueue'))]).toEqual(['// ours\n', false]);
});

test.each([
  ['no Next.js app', 'package.json', '{ "name": "shop" }', /names? next|to name next/],
  ['no TypeScript', 'tsconfig.json', null, /expected TypeScript/],
])('a folder that holds %s is left alone, with the reason', async (_, path, text, reason) => {
  if (text === null) rmSync(join(app, path));
  else put(path, text);
  const { code, stderr } = await run(['init', app, '--yes']);
  expect([code, stderr]).toEqual([1, expect.stringMatching(reason)]);
  expect(existsSync(join(app, 'jobqueue'))).toBe(false);
});

test('what it wrote compiles, migrates an empty database, enqueues, and drains behind its secret', {
  timeout: 180_000,
}, async () => {
  await run(['init', app, '--yes']);
  symlinkSync(MODULES, join(app, 'node_modules'));
  const db = await emptyDatabase();
  try {
    const node = (...args: string[]) =>
      spawnSync(process.execPath, args, {
        cwd: app,
        encoding: 'utf8',
        env: { ...process.env, DATABASE_URL: db.url, DATABASE_URL_UNPOOLED: '', CRON_SECRET: SECRET },
      });
    const compiled = node(join(MODULES, 'typescript/bin/tsc'), '--noEmit', '--skipLibCheck');
    expect([compiled.status, compiled.stdout]).toEqual([0, '']);
    const [script] = Object.values(json('package.json').scripts) as string[];
    const migrated = node(...(script as string).split(' ').slice(1));
    expect([migrated.status, migrated.stdout]).toEqual([0, expect.stringContaining('Up to date.')]);

    put(
      'use.ts',
      `const { queue } = await import(${JSON.stringify(pathToFileURL(join(app, 'jobqueue/queue.ts')).href)});
       const { GET } = await import(${JSON.stringify(pathToFileURL(join(app, 'app/api/cron/drain/route.ts')).href)});
       const { id } = await queue.addJob('hello', { name: 'Ada' });
       const ask = (authorization) => GET(new Request('http://app/api/cron/drain', { headers: { authorization } }));
       const closed = await ask('Bearer wrong');
       const report = await (await ask('Bearer ${SECRET}')).json();
       const job = await queue.getJob(id);
       console.log(JSON.stringify({ closed: closed.status, completed: report.completed, result: job.result }));
       process.exit(0);\n`,
    );
    put('package.json', JSON.stringify({ ...json('package.json'), type: 'module' }));
    const used = node('--import', 'tsx', 'use.ts');
    expect([used.status, used.stderr]).toEqual([0, expect.any(String)]);
    expect(JSON.parse(used.stdout.trim().split('\n').at(-1) ?? '')).toEqual({
      closed: 401,
      completed: 1,
      result: { greeting: 'Hello, Ada!' },
    });
  } finally {
    await db.drop();
  }
});
