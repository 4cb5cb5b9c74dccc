/** `jobqueue init` on an app's folder: says what it would do, writes only what it was allowed to, and what it wrote works. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
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
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { emptyDatabase } from '../../../../tests/support/database.ts';
import { ask, run } from './program.ts';

const MODULES = fileURLToPath(new URL('../../../../node_modules', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../../bin/jobqueue.mjs', import.meta.url));
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

test('a file that an earlier version left as it was is replaced by the newer one; one that was changed is kept', async () => {
  await run(['init', app, '--yes']);
  const ours = readFileSync(fileURLToPath(new URL('../../src/postgres/url.ts', import.meta.url)), 'utf8');
  const record = json('jobqueue/installed.json');
  const earlier = '// of an earlier version\n';
  put('jobqueue/db/url.ts', earlier);
  expect(await ask(['init', app, '--plan'])).toMatchObject({ newer: [], kept: ['jobqueue/db/url.ts'] });
  record.files['jobqueue/db/url.ts'] = createHash('sha256').update(earlier).digest('hex');
  put('jobqueue/installed.json', JSON.stringify(record));
  expect(await ask(['init', app, '--yes'])).toMatchObject({ written: ['jobqueue/db/url.ts'] });
  expect(read('jobqueue/db/url.ts')).toBe(ours);
  expect(json('jobqueue/installed.json').files['jobqueue/db/url.ts']).toBe(
    createHash('sha256').update(ours).digest('hex'),
  );
});

test('src/app is found, and a tsconfig.json with comments is left to its author', async () => {
  rmSync(join(app, 'app'), { recursive: true });
  mkdirSync(join(app, 'src/app'), { recursive: true });
  put('tsconfig.json', '{\n  // ours\n  "compilerOptions": {}\n}\n');
  const { written, byHand } = (await ask(['init', app, '--yes'])) as { written: string[]; byHand: string[] };
  expect(written).toEqual(expect.arrayContaining(['src/app/api/cron/drain/route.ts', 'src/jobqueue/queue.ts']));
  expect(written).not.toContain('tsconfig.json');
  expect(byHand.join()).toContain('tsconfig.json has comments: set "allowImportingTsExtensions"');
  expect(read('tsconfig.json')).toContain('// ours');
});

// The program that makes a terminal takes other arguments elsewhere.
describe.runIf(process.platform === 'linux')('on a terminal', () => {
  /** Answers each question that contains a text with its key. */
  async function answering(answers: Readonly<Record<string, string>>): Promise<{ code: number | null; shown: string }> {
    const command = `stty cols 150; exec '${process.execPath}' '${LAUNCHER}' init '${app}'`;
    const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: 'pipe' });
    const open = new Map(Object.entries(answers));
    let shown = '';
    terminal.stdout.setEncoding('utf8').on('data', (text) => {
      shown += text;
      for (const [question, key] of open) {
        if (!shown.includes(question)) continue;
        open.delete(question);
        terminal.stdin.write(key);
      }
    });
    const [code] = (await once(terminal, 'close')) as [number | null];
    return { code, shown };
  }

  test('no is an answer: nothing is written', async () => {
    const before = everything();
    const { code, shown } = await answering({ 'new files?': 'n' });
    expect([code, shown]).toEqual([1, expect.stringContaining('nothing was changed')]);
    expect(everything()).toEqual(before);
  });

  test('each file that is there already is asked for by itself, and a newer version may wait', async () => {
    const before = read('package.json');
    const first = await answering({
      'new files?': 'y',
      'Change package.json?': 'n',
      'Change tsconfig.json?': 'y',
      'Change vercel.json?': 'y',
      'Change .env.example?': 'y',
    });
    expect([first.code, first.shown]).toEqual([0, expect.stringContaining('package.json was left alone')]);
    expect(read('package.json')).toBe(before);
    expect(json('vercel.json').crons).toHaveLength(2);

    const earlier = '// of an earlier version\n';
    const record = json('jobqueue/installed.json');
    record.files['jobqueue/db/url.ts'] = createHash('sha256').update(earlier).digest('hex');
    put('jobqueue/installed.json', JSON.stringify(record));
    put('jobqueue/db/url.ts', earlier);
    const second = await answering({ 'by newer ones?': 'n', 'Change package.json?': 'y' });
    expect(second.code).toBe(0);
    expect(read('jobqueue/db/url.ts')).toBe(earlier);
    expect(read('package.json')).not.toBe(before);
    expect(await ask(['init', app, '--plan'])).toMatchObject({ newer: ['jobqueue/db/url.ts'], edits: [] });
  });
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
    const compiled = node(join(MODULES, '@typescript/native/bin/tsc'), '--noEmit', '--skipLibCheck');
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
