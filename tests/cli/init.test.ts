/** The queue in somebody else's Next.js app: asked for, complete, working, and never at the cost of what was there. */
import { execFile, spawn } from 'node:child_process';
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
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { emptyDatabase } from '../support/database.ts';
import { ask, run } from './program.ts';

const execute = promisify(execFile);

/** Every call is a process of its own, a second or more on a busy machine. */
vi.setConfig({ testTimeout: 120_000 });

/** As `create-next-app` makes them. */
const APP = {
  'package.json': `${JSON.stringify({ name: 'shop', private: true, scripts: { dev: 'next dev' }, dependencies: { next: '16.4.6', react: '19.3.1', 'react-dom': '19.3.1' }, devDependencies: { typescript: '^5' } }, null, 2)}\n`,
  'tsconfig.json': `${JSON.stringify({ compilerOptions: { target: 'ES2017', lib: ['dom', 'dom.iterable', 'esnext'], allowJs: true, skipLibCheck: true, strict: true, noEmit: true, esModuleInterop: true, module: 'esnext', moduleResolution: 'bundler', resolveJsonModule: true, isolatedModules: true, jsx: 'react-jsx', incremental: true, paths: { '@/*': ['./*'] } }, include: ['**/*.ts', '**/*.tsx'], exclude: ['node_modules'] }, null, 4)}\n`,
  'app/page.tsx': 'export default function Page() {\n  return <p>Shop</p>;\n}\n',
  'vercel.json': '{\n  "crons": [{ "path": "/api/report", "schedule": "0 5 * * *" }]\n}\n',
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'init-'));
  for (const [path, text] of Object.entries(APP)) put(path, text);
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('asks before it writes, and writes nothing without an answer', async () => {
  const before = contents();
  const unasked = await run(['init', folder]);
  expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('say --yes')]);
  expect(await ask(['init', folder, '--plan'])).toMatchObject({ written: [] });
  expect(contents()).toEqual(before);
});

test('what it adds compiles as the app does, migrates, enqueues and drains', { timeout: 120_000 }, async () => {
  const { written } = (await ask(['init', folder, '--yes'])) as { written: string[] };
  expect(written).toEqual(
    expect.arrayContaining([
      'app/api/cron/drain/route.ts',
      'jobqueue/db/jobqueue/migrations/0001_create_queue.sql',
      'vercel.json',
      '.env.example',
    ]),
  );
  expect(JSON.parse(read('vercel.json'))).toEqual({
    crons: [
      { path: '/api/report', schedule: '0 5 * * *' },
      { path: '/api/cron/drain', schedule: '* * * * *' },
    ],
  });
  expect(JSON.parse(read('package.json'))).toMatchObject({
    name: 'shop',
    scripts: { dev: 'next dev', 'jobqueue:migrate': 'node --import tsx jobqueue/migrate.ts' },
    dependencies: { next: '16.4.6', pg: expect.any(String), 'drizzle-orm': expect.any(String) },
  });
  expect(read('tsconfig.json')).toMatch(/^ {4}"compilerOptions"/m); // indented as it was

  await execute(resolve('node_modules/.bin/tsc'), ['--noEmit', '-p', folder]).catch(({ stdout }) =>
    expect(stdout).toBe(''),
  );

  const db = await emptyDatabase();
  const env = { PATH: process.env.PATH ?? '', DATABASE_URL: db.url, CRON_SECRET: 'cron-0123456789abcdef' };
  const node = (path: string, variables: Record<string, string> = env) =>
    execute(process.execPath, ['--import', 'tsx', path], {
      cwd: folder,
      env: variables as unknown as NodeJS.ProcessEnv,
    });
  expect((await node('jobqueue/migrate.ts')).stdout).toContain('Up to date.');
  put('check.mts', CHECK);
  const { stdout } = await node('check.mts');
  expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({
    closed: 503,
    wrong: 401,
    tick: 200,
    completed: 1,
    again: null,
    job: { status: 'COMPLETED', result: { greeting: 'Hello, Ann!' } },
  });
  await db.drop();
});

test('a second run changes nothing, brings back what is missing, and leaves alone what the app made its own', async () => {
  await ask(['init', folder, '--yes']);
  const after = contents();
  expect(await ask(['init', folder, '--yes'])).toMatchObject({ new: [], newer: [], kept: [], edits: [], written: [] });
  expect(contents()).toEqual(after);

  put('jobqueue/jobs/index.ts', '// ours\n');
  rmSync(join(folder, 'jobqueue/example.ts'));
  expect(await ask(['init', folder, '--yes'])).toMatchObject({
    new: ['jobqueue/example.ts'],
    kept: ['jobqueue/jobs/index.ts'],
    written: ['jobqueue/example.ts'],
  });
  expect(read('jobqueue/jobs/index.ts')).toBe('// ours\n');
  expect(await ask(['init', folder, '--yes'])).toMatchObject({ kept: ['jobqueue/jobs/index.ts'], written: [] });
});

test('what an earlier version left unchanged is offered anew', async () => {
  await ask(['init', folder, '--yes']);
  const record = JSON.parse(read('jobqueue/installed.json'));
  put('jobqueue/db/url.ts', '// an earlier version\n');
  record.files['jobqueue/db/url.ts'] = '0dc08b59d87461e90f1bd8a02d73a1ae8e0a2b3e6ab1b3b6c5de2c1cf1e5d9a1';
  put('jobqueue/installed.json', JSON.stringify(record));
  expect(await ask(['init', folder, '--plan'])).toMatchObject({ newer: [], kept: ['jobqueue/db/url.ts'] });
  const { createHash } = await import('node:crypto');
  record.files['jobqueue/db/url.ts'] = createHash('sha256').update('// an earlier version\n').digest('hex');
  put('jobqueue/installed.json', JSON.stringify(record));
  expect(await ask(['init', folder, '--yes'])).toMatchObject({ written: ['jobqueue/db/url.ts'] });
  expect(read('jobqueue/db/url.ts')).toBe(readFileSync('db/url.ts', 'utf8'));
});

test('refuses to overwrite a route that was there, and does nothing else then', async () => {
  put('app/api/cron/drain/route.ts', 'export const GET = () => new Response("mine");\n');
  const before = contents();
  const refused = await run(['init', folder, '--yes']);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/not overwritten[\s\S]*app\/api\/cron\/drain\/route\.ts/),
  ]);
  expect(contents()).toEqual(before);
});

test('finds src/app, and leaves a tsconfig.json with comments to its author', async () => {
  rmSync(join(folder, 'app'), { recursive: true });
  put('src/app/page.tsx', APP['app/page.tsx']);
  put('tsconfig.json', '{\n  // ours\n  "compilerOptions": {}\n}\n');
  const done = (await ask(['init', folder, '--yes'])) as { written: string[]; byHand: string[] };
  expect(done.written).toEqual(expect.arrayContaining(['src/app/api/cron/drain/route.ts', 'src/jobqueue/queue.ts']));
  expect(done.byHand.join()).toContain('tsconfig.json has comments');
  expect(read('tsconfig.json')).toContain('// ours');
});

test.each<[string, () => void, RegExp]>([
  ['no Next.js', () => put('package.json', '{}'), /no Next\.js app/],
  ['no app router', () => rmSync(join(folder, 'app'), { recursive: true }), /app router/],
  ['no TypeScript', () => rmSync(join(folder, 'tsconfig.json')), /TypeScript/],
])('%s: says what it expects', async (_, spoil, words) => {
  spoil();
  const refused = await run(['init', folder, '--yes']);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(words)]);
});

// Other systems' `script` takes other arguments.
test.runIf(process.platform === 'linux')('on a terminal, no is an answer too', async () => {
  const before = contents();
  const command = `stty cols 120; exec ${process.execPath} ${resolve('bin/jobqueue.mjs')} init ${folder}`;
  const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: 'pipe' });
  let shown = '';
  terminal.stdout.on('data', (chunk) => {
    shown += chunk;
    if (/Write \d+ new files\?/.test(shown)) terminal.stdin.write('n');
  });
  const [code] = await once(terminal, 'close');
  expect([code, shown]).toEqual([1, expect.stringContaining('nothing was changed')]);
  expect(contents()).toEqual(before);
});

const CHECK = `
import { GET } from './app/api/cron/drain/route.ts';
import { sayHello } from './jobqueue/example.ts';
import { queue } from './jobqueue/queue.ts';
import { database } from './jobqueue/db/client.ts';

const ask = (secret) => GET(new Request('http://shop/api/cron/drain', { headers: { authorization: 'Bearer ' + secret } }));
const secret = process.env.CRON_SECRET;
const { id } = await queue.addJob('hello', { name: 'Ann' }, { idempotencyKey: 'hello:Ann' });
const again = await sayHello('Ann');
const wrong = (await ask('wrong')).status;
const tick = await ask(secret);
const report = await tick.json();
delete process.env.CRON_SECRET;
console.error = () => {};
const closed = (await ask(secret)).status;
const { status, result } = await queue.waitFor(id);
await database().close();
console.log(JSON.stringify({ closed, wrong, tick: tick.status, completed: 1, again, job: { status, result } }));
process.exit(report.claimed > 1 ? 1 : 0);
`;

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function read(path: string): string {
  return readFileSync(join(folder, path), 'utf8');
}

/** Every file of the app, with its text. */
function contents(): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(files.filter((path) => existsSync(path)).map((path) => [path, readFileSync(path, 'utf8')]));
}
