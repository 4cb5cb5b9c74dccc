/** `jobqueue init` on an app's folder: says what it would do, writes only what it was allowed to, overwrites nothing. tests/install runs the result. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cronPath, middlewareInTheWay } from '../../src/cli/init/cron-path.ts';
import { editEnvironment, editVercel } from '../../src/cli/init/edits.ts';
import { missingPackages, oldZod, packageManager, packageSpec } from '../../src/cli/init/package-manager.ts';
import { planInit } from '../../src/cli/init/plan.ts';
import { ask, PROGRAM, run } from './program.ts';

const SPECS = { queue: '@conversure/jobqueue@0.8.0', console: '@conversure/jobqueue-console@0.8.0' };
const FILES = [
  'jobqueue/queue.ts',
  'jobqueue/jobs.ts',
  'jobqueue/hello.ts',
  'jobqueue.config.ts',
  'app/api/cron/drain/route.ts',
];
const CONSOLE = 'app/jobqueue/[[...path]]/page.tsx';

let app: string;
beforeEach(() => {
  app = mkdtempSync(join(tmpdir(), 'init-'));
  put('package.json', '{ "name": "shop", "dependencies": { "next": "16.4.6", "zod": "^4.0.0" } }\n');
  put('tsconfig.json', '{ "compilerOptions": { "paths": { "@/*": ["./*"] } } }\n');
  put('vercel.json', '{\n    "crons": [{ "path": "/api/other", "schedule": "0 1 * * *" }]\n}\n');
  put('app/page.tsx', '');
  put('app/layout.tsx', '');
  put('.git/HEAD', ''); // lockfiles above a repository are not its own
});
afterEach(() => rmSync(app, { recursive: true }));

const put = (path: string, text: string) => {
  mkdirSync(dirname(join(app, path)), { recursive: true });
  writeFileSync(join(app, path), text);
};
const read = (path: string) => readFileSync(join(app, path), 'utf8');
const everything = () => readdirSync(app, { recursive: true }).map(String).sort();
const plan = (console: boolean | null = null) => planInit(app, { specs: SPECS, console, agent: undefined });
const freshPaths = () => plan().fresh.map(({ path }) => path);

test('a plan writes nothing, and without a terminal nothing is written unasked', async () => {
  const before = everything();
  const told = (await ask(['init', app, '--plan'])) as { new: string[]; written: string[]; installed: boolean };
  expect(told).toMatchObject({ new: FILES, written: [], installed: false });
  const { code, stderr } = await run(['init', app]);
  expect([code, stderr]).toEqual([2, expect.stringContaining('--yes')]);
  expect(everything()).toEqual(before);
});

test('writes eight files at most, keeps what the app has, and has nothing to do the second time', async () => {
  const { code, stderr } = await run(['init', app, '--yes', '--no-install']);
  expect([code, stderr]).toEqual([0, expect.stringContaining('adds a cron for /api/cron/drain')]);
  expect(stderr).toContain('missing: @conversure/jobqueue@');
  expect(everything()).toEqual(expect.arrayContaining([...FILES, '.env.example']));
  expect(JSON.parse(read('vercel.json')).crons).toEqual([
    { path: '/api/other', schedule: '0 1 * * *' },
    { path: '/api/cron/drain', schedule: '* * * * *' },
  ]);
  expect(read('vercel.json')).toMatch(/^ {4}"crons"/m); // as it was indented
  const before = everything();
  const again = await run(['init', app, '--yes', '--no-install']);
  expect([again.code, again.stdout.trim()]).toEqual([0, 'Everything is in place already.']);
  expect(everything()).toEqual(before);
});

test('installs with the package manager of the app, in its folder', async () => {
  put('pnpm-lock.yaml', '');
  put('bin/pnpm', '#!/bin/sh\necho "$PWD $*" > "$RECORD"\n[ -z "$FAILS" ]\n');
  const record = join(app, 'record');
  const env = { PATH: `${join(app, 'bin')}:${process.env.PATH}`, RECORD: record };
  chmodSync(join(app, 'bin/pnpm'), 0o755);
  put('queue.tgz', '');
  const args = ['init', app, '--yes', '--package', join(app, 'queue.tgz')];
  const failed = await run(args, { env: { ...env, FAILS: '1' } });
  expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('pnpm add')]);
  expect(await ask(args, { env })).toMatchObject({ installed: true, written: [] });
  expect(read('record')).toBe(`${app} add ${join(app, 'queue.tgz')} pg@8\n`);
});

test('what exists is never overwritten, whoever wrote it, and a removed example stays removed', async () => {
  put('app/api/cron/drain/route.ts', '// ours\n');
  expect(plan().kept).toEqual(['app/api/cron/drain/route.ts']);
  await run(['init', app, '--yes', '--no-install']);
  expect(read('app/api/cron/drain/route.ts')).toBe('// ours\n');
  rmSync(join(app, 'jobqueue/hello.ts'));
  rmSync(join(app, 'jobqueue.config.ts'));
  expect(freshPaths()).toEqual(['jobqueue.config.ts']);
});

test('a list of jobs in a folder of its own gets no second one', () => {
  put('jobqueue/jobs/index.ts', 'export const jobs = [] as const;\n');
  expect(freshPaths()).toEqual(FILES.filter((path) => !['jobqueue/jobs.ts', 'jobqueue/hello.ts'].includes(path)));
});

test('files that a formatter went over are kept, and stop neither a second run nor an upgrade', () => {
  const formatted = (text: string) => text.replaceAll("'", '"').replaceAll('  ', '\t');
  for (const { path, text } of [...plan(true).fresh, ...plan(true).edits]) put(path, formatted(text));
  const again = plan(true);
  expect([again.fresh, again.edits.flatMap(({ does }) => does)]).toEqual([[], []]);
});

test("an app with an earlier release's copied source is told what to keep and what to remove", () => {
  put('jobqueue/installed.json', '{ "version": "0.8.0", "files": {} }\n');
  expect(() => plan()).toThrow(/Keep jobqueue\/jobs .* remove everything else .* jobqueue migrate/s);
});

describe("the console's page", () => {
  const textOf = (made: ReturnType<typeof plan>) => made.fresh.find(({ path }) => path === CONSOLE)?.text;

  test('comes with its package, or for who asks for both', () => {
    expect([freshPaths(), plan().hasConsole]).toEqual([FILES, false]);
    const asked = plan(true);
    expect(asked.fresh.map(({ path }) => path)).toEqual([...FILES, CONSOLE]);
    expect(asked.packages.missing).toContain(SPECS.console);
    expect(asked.edits[1]?.does).toEqual([expect.stringContaining('OPERATOR_SECRET')]);
    put('package.json', '{ "dependencies": { "next": "16.4.6", "@conversure/jobqueue-console": "^0.8.0" } }\n');
    expect([freshPaths(), plan().packages.missing.includes(SPECS.console)]).toEqual([[...FILES, CONSOLE], false]);
    expect(plan(false).fresh.map(({ path }) => path)).toEqual(FILES);
  });

  test('comes later too, into an app that has the queue', () => {
    for (const { path, text } of plan().fresh) put(path, text);
    expect(plan(true).fresh.map(({ path }) => path)).toEqual([CONSOLE]);
  });

  test('is all read at request time where cacheComponents asks, and only there', () => {
    expect(textOf(plan(true))).not.toContain('instant');
    put('next.config.ts', 'export default { cacheComponents: true };\n');
    expect(textOf(plan(true))).toContain('export const instant = false;');
  });

  test('needs a root layout: without one a person has to choose', () => {
    rmSync(join(app, 'app/layout.tsx'));
    const made = plan(true);
    expect([textOf(made), made.hasConsole, made.packages.missing.includes(SPECS.console)]).toEqual([
      undefined,
      false,
      false,
    ]);
    expect(made.byHand).toContainEqual(expect.stringContaining('RootLayout'));
  });
});

test('an app in src/ gets its files there, and imports work with and without its alias', () => {
  rmSync(join(app, 'app'), { recursive: true });
  put('src/app/page.tsx', '');
  const textOf = (path: string) => plan().fresh.find((file) => file.path === path)?.text;
  expect(freshPaths()).toEqual(FILES.map((path) => (path === 'jobqueue.config.ts' ? path : `src/${path}`)));
  expect(textOf('jobqueue.config.ts')).toContain("import('./src/jobqueue/queue')");
  expect(textOf('src/app/api/cron/drain/route.ts')).toContain("from '../../../../jobqueue/queue'");
  put('tsconfig.json', '{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }\n');
  expect(textOf('src/app/api/cron/drain/route.ts')).toContain("from '@/jobqueue/queue'");
});

describe('what makes a cron silent is said', () => {
  test.each([
    ['', '/api/cron/drain', []],
    ["export default { basePath: '/shop' };", '/shop/api/cron/drain', []],
    ['module.exports = { "trailingSlash": true }', '/api/cron/drain/', []],
    ["const c = { basePath: '', trailingSlash: false };", '/api/cron/drain', []],
    ['// basePath: \'/old\'\nconst c = { trailingSlash: true, basePath: "/a/b" };', '/a/b/api/cron/drain/', []],
    ['const c = { basePath: process.env.BASE, trailingSlash };', '/api/cron/drain', ['basePath', 'trailingSlash']],
  ])('next.config %j: the path is %s', (text, path, unread) => {
    const found = cronPath('next.config.ts', text);
    expect([found.path, found.byHand.map((line) => /computes (\w+)/.exec(line)?.[1])]).toEqual([path, unread]);
  });

  const THE_DRAIN_IS_LET_THROUGH = [
    "export const config = { matcher: ['/((?!api|_next/static|_next/image|favicon.ico).*)'] };",
    "export const config = { matcher: ['/((?!api/cron|_next/static|_next/image|favicon.ico).*)'] };",
    "export const config = { matcher: '/about/:path*' };",
    "export const config = { matcher: ['/about/:path*', '/dashboard/:id/edit'] };",
    "export const config = { matcher: [{ source: '/((?!api|_next).*)', missing: [{ type: 'header', key: 'next-router-prefetch' }] }] };",
    "// matcher: '/:path*'\nexport const config = { matcher: '/about' };",
  ];
  test.each(THE_DRAIN_IS_LET_THROUGH)('a proxy with %s is not in the way', (text) => {
    expect(middlewareInTheWay('proxy.ts', text)).toBeNull();
  });

  test.each([
    ['export function proxy() {}', 'proxy.ts (no matcher)'],
    ['export const config = { matcher: PATHS };', 'proxy.ts:1 (a computed matcher)'],
    ["import x from 'x';\nexport const config = { matcher: '/api/:path*' };", 'proxy.ts:2 (/api/:path*)'],
    ["export const config = { matcher: ['/:path*'] };", 'proxy.ts:1 (/:path*)'],
    ["export const config = { matcher: ['/((?!_next/static|.*\\\\.png$).*)'] };", 'proxy.ts:1 (/((?!_next'],
    [
      "export const config = { matcher: ['/((?!_next|[^?]*\\\\.(?:html?|css|js(?!on)|jpe?g)).*)', '/(api|trpc)(.*)'] };",
      'proxy.ts:1 (/((?!_next',
    ],
  ])('a proxy with %s is in the way', (text, place) => {
    expect(middlewareInTheWay('proxy.ts', text)).toContain(place);
    expect(middlewareInTheWay('proxy.ts', text)).toContain("matcher: ['/((?!api/cron");
  });

  test('its suggestion lets the drain through', () => {
    const line = middlewareInTheWay('proxy.ts', 'export function proxy() {}') ?? '';
    const suggestion = line.slice(line.indexOf('matcher: ['));
    expect(middlewareInTheWay('proxy.ts', `export const config = { ${suggestion} };`)).toBeNull();
  });

  test('all of it is in the plan of an app', () => {
    put('proxy.ts', 'export function proxy() {}\n');
    put('next.config.ts', "export default { trailingSlash: true, basePath: '/shop' };\n");
    put('.gitignore', '/node_modules\n.env*\n');
    const { byHand, edits } = plan();
    expect(edits[0]).toMatchObject({ path: 'vercel.json', does: ['adds a cron for /shop/api/cron/drain/'] });
    expect(byHand).toEqual([
      expect.stringContaining('Hobby plan'),
      expect.stringContaining('proxy.ts (no matcher)'),
      expect.stringContaining('!.env.example'),
    ]);
  });

  test('a vercel.ts is told what to add, and gets no vercel.json beside it', () => {
    rmSync(join(app, 'vercel.json'));
    put('vercel.ts', 'export const config = { crons: [] };\n');
    expect(plan().edits.map(({ path }) => path)).toEqual(['.env.example']);
    expect(plan().byHand).toEqual([expect.stringContaining("vercel.ts: add { path: '/api/cron/drain'")]);
    put('vercel.ts', "export const config = { crons: [{ path: '/api/cron/drain', schedule: '* * * * *' }] };\n");
    expect(plan().byHand).toEqual([]);
  });

  test.each([
    ['{ "crons": [{ "path": "/api/cron/drain", "schedule": "0 6 * * *" }] }', []],
    ['{ // ours\n}', ['no plain JSON']],
    ['{ "crons": [{ "path": "/api/cron/drain/", "schedule": "* * * * *" }] }', ['crons do not follow']],
  ])('a vercel.json with %j is left as it is', (text, reasons) => {
    const { does, byHand } = editVercel(text, '/api/cron/drain');
    expect([does, byHand]).toEqual([[], reasons.map((reason) => expect.stringContaining(reason))]);
  });
});

test.each([
  ['export DATABASE_URL=postgres://x\n# CRON_SECRET=\n', ['DATABASE_URL_UNPOOLED']],
  ['A=1', ['DATABASE_URL', 'DATABASE_URL_UNPOOLED', 'CRON_SECRET']],
])('.env.example %j gets the variables that it lacks, each once', (before, added) => {
  const { text } = editEnvironment(before, false);
  const names = text.slice(before.length).match(/^\w+(?==)/gm);
  expect([text.startsWith(before), names]).toEqual([true, added]);
  expect(editEnvironment(text, false).does).toEqual([]);
});

test('the nearest lockfile chooses the package manager, that of a monorepo too; else whoever runs this', () => {
  const inside = join(app, 'apps/web');
  mkdirSync(inside, { recursive: true });
  expect([packageManager(inside), packageManager(inside, 'yarn/4.1.0 npm/? node/v20')]).toEqual(['npm', 'yarn']);
  put('bun.lock', '');
  expect(packageManager(inside, 'pnpm/9')).toBe('bun');
  put('apps/web/package-lock.json', '{}');
  expect(packageManager(inside)).toBe('npm');
});

test('installs what the app lacks, and leaves what it has', () => {
  expect(missingPackages({ next: '16' }, SPECS, false)).toEqual([SPECS.queue, 'pg@8', 'zod@4']);
  expect(missingPackages({ '@conversure/jobqueue': '^0.8.0', pg: '^8', zod: '^3.25.0' }, SPECS, false)).toEqual([]);
  expect(packageSpec(undefined, '0.8.0')).toBe(SPECS.queue);
  expect(packageSpec('@conversure/jobqueue@next', '0.8.0')).toBe('@conversure/jobqueue@next');
});

test.each([
  ['^3.24.1', true],
  ['3', true],
  ['~3.25.0', false],
  ['^4.0.0', false],
  ['latest', false],
  [undefined, false],
])('zod %s is too old for payload schemas: %s', (range, tooOld) => {
  expect(oldZod(range) !== null).toBe(tooOld);
});

// The program that makes a terminal takes other arguments elsewhere.
describe.runIf(process.platform === 'linux')('on a terminal', () => {
  /** Answers each question that contains a text with its key. */
  async function answering(answers: Readonly<Record<string, string>>): Promise<{ code: number | null; shown: string }> {
    const command = `stty cols 150; exec '${process.execPath}' '${PROGRAM}' init '${app}'`;
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
    const { code, shown } = await answering({ 'Add the console': 'n', 'new files?': 'n' });
    expect([code, shown]).toEqual([1, expect.stringContaining('nothing was changed')]);
    expect(everything()).toEqual(before);
  });

  test('each file that exists and the install are asked for by themselves', async () => {
    const { code, shown } = await answering({
      'Add the console': 'y',
      'new files?': 'y',
      'Change vercel.json?': 'n',
      'Write .env.example?': 'y',
      'Run npm install': 'n',
    });
    expect([code, shown]).toEqual([0, expect.stringContaining('vercel.json was left alone')]);
    expect(shown).toContain('nothing was installed');
    expect(JSON.parse(read('vercel.json')).crons).toHaveLength(1);
    expect(everything()).toEqual(expect.arrayContaining(['.env.example', 'jobqueue.config.ts', CONSOLE]));
  });
});

test.each([
  ['no Next.js app', 'package.json', '{ "name": "shop" }', /names next/],
  ['no router', 'app', null, /expected an app router/],
  ['no TypeScript', 'tsconfig.json', null, /expected TypeScript/],
])('a folder that holds %s is left alone, with the reason', async (_, path, text, reason) => {
  if (text === null) rmSync(join(app, path), { recursive: true });
  else put(path, text);
  const { code, stderr } = await run(['init', app, '--yes']);
  expect([code, stderr]).toEqual([1, expect.stringMatching(reason)]);
  expect(existsSync(join(app, 'jobqueue'))).toBe(false);
});
