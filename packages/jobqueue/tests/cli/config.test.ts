/** The command line reads an app's configuration, its jobs in any module format, its settings and its cron. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { cronFindings, tickPathOf } from '../../src/cli/doctor/cron.ts';
import { explain, type TickAnswer } from '../../src/cli/doctor/tick.ts';
import { findConfig, packageRoot } from '../../src/cli/load-config.ts';
import { pathAliases } from '../../src/cli/tsconfig-paths.ts';
import { connect } from '../../src/postgres/connect.ts';
import { CLAIM, send } from '../played-exchange.ts';
import { ask, run } from './program.ts';

/** Some calls are a process of their own, a second or more on a busy machine. */
vi.setConfig({ testTimeout: 120_000 });

let app: string;
beforeEach(() => {
  app = mkdtempSync(join(tmpdir(), 'app-'));
  put({ 'package.json': '{ "type": "module" }' });
});
afterEach(() => rmSync(app, { recursive: true }));

function put(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(app, path)), { recursive: true });
    writeFileSync(join(app, path), text);
  }
}

describe('the configuration', () => {
  test('is found in the folder or above, up to the package and no further', () => {
    put({ 'jobqueue.config.ts': '', 'src/deep/x.ts': '', 'inner/package.json': '{}', 'inner/src/x.ts': '' });
    expect(findConfig(join(app, 'src/deep'))).toBe(join(app, 'jobqueue.config.ts'));
    expect(packageRoot(join(app, 'src/deep'))).toBe(app);
    expect(findConfig(join(app, 'inner/src'))).toBeNull();
  });

  test('tsconfig paths are read with comments, through extends, and never lead the package to its source', () => {
    put({
      'tsconfig.json': '{ // of this app\n "extends": ["./base", "not-installed/preset"], "include": ["**/*.ts",], }',
      'base.json': `{ "compilerOptions": { "baseUrl": "src", /* https://x */ "paths": {
        "@/*": ["./*"], "~lib": ["lib/index.ts"], "*": ["types/*"],
        "@conversure/jobqueue": ["../x.ts"], "@conversure/jobqueue/*": ["../x/*"] } } }`,
    });
    expect(pathAliases(app, { except: '@conversure/jobqueue' })).toEqual({
      '@/': `${join(app, 'src')}/`,
      '~lib': join(app, 'src/lib/index.ts'),
    });
  });
});

describe('with a database', () => {
  let db: TestDatabase;
  let sql: pg.Client;
  beforeAll(async () => {
    db = await freshDatabase();
    sql = new pg.Client(db.url);
    await sql.connect();
  });
  afterAll(async () => {
    await sql.end();
    await db.drop();
  });

  test('an app with aliases, JSX and server-only is drained, its .env.local read, and stdout kept for results', async () => {
    symlinkSync(resolve('node_modules'), join(app, 'node_modules'));
    put({
      '.env.local': `PASSWORD_OF=${new URL(db.url).password}\nDATABASE_URL=${db.url.replace(/:[^:@]+@/, ':$PASSWORD_OF@')}\n`,
      '.env': 'DATABASE_URL=postgres://u@127.0.0.1:1/wrong\n',
      'tsconfig.json': '{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }',
      'jobqueue.config.ts': `import { defineConfig } from '@conversure/jobqueue';
        export default defineConfig({ queue: () => import('@/queue') });`,
      'src/queue.ts': `import 'server-only';
        import { createQueue } from '@conversure/jobqueue';
        import { database } from '@conversure/jobqueue/postgres';
        import { after } from 'next/server';
        import { jobs } from '@/jobs';
        export const queue = createQueue({ database, jobs, kick: { waitUntil: after, failed: () => {} } });`,
      'src/jobs.ts': `import { defineJob } from '@conversure/jobqueue';
        import { z } from 'zod';
        export const jobs = [defineJob({ type: 'greet', payload: z.object({ name: z.string() }), handler: () => import('./greet') })];`,
      'src/greet.tsx': `import { NonRetryableError } from '@conversure/jobqueue';
        enum Word { Hello = 'hello' }
        const Mail = ({ name }: { name: string }) => <p>{name}</p>;
        export async function run({ payload }: { payload: { name: string } }) {
          console.log('noise');
          throw new NonRetryableError(Word.Hello + (<Mail name={payload.name} />).props.name);
        }`,
    });
    const at = { cwd: join(app, 'src') };
    await ask(['enqueue', 'greet', '{"name":"ann"}'], at);
    const refused = await run(['enqueue', 'greet', '{"name":7}'], at);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('payload.name')]);
    // One copy of the package: the drain knows the error that the app's handler throws.
    expect(await ask(['drain'], at)).toMatchObject({ claimed: 1, deadLettered: 1, retried: 0 });
    const { rows } = await sql.query("select errors -> -1 ->> 'message' as message from jobqueue.finished_jobs");
    expect(rows).toEqual([{ message: 'helloann' }]);
  });

  test('without one, what needs handlers says so, and the rest works on the database alone', async () => {
    await sql.query(`select jobqueue.add_job('unknown_here', '{}')`);
    const at = { cwd: app, env: { DATABASE_URL: db.url } };
    for (const command of [['drain'], ['enqueue', 'greet', '{}'], ['import-prisma', '--plan']]) {
      const { code, stderr } = await run(command, at);
      expect([command[0], code, stderr]).toEqual([command[0], 2, expect.stringContaining('jobqueue.config.ts')]);
    }
    const stats = await run(['stats'], at);
    expect([stats.code, stats.stdout]).toEqual([0, expect.stringMatching(/1 +unknown_here/)]);
    expect(stats.stdout).not.toContain('no handler'); // nobody here can know
    const { stdout } = await run(['doctor', '--json'], at);
    const { findings } = JSON.parse(stdout) as { findings: { name: string; state: string }[] };
    expect(findings).toContainEqual(expect.objectContaining({ name: 'config', state: 'warn' }));
    expect(findings.map(({ name }) => name)).not.toContain('unhandled');
    expect(findings).toContainEqual(expect.objectContaining({ name: 'CRON_SECRET', state: 'red' }));
    expect(findings.map(({ name }) => name)).not.toContain('OPERATOR_SECRET'); // an app need not have those endpoints
  });

  test("an app whose code does not load can still be looked at and paused, and its drain fails with the app's error", async () => {
    put({
      'jobqueue.config.mjs': "export default { queue: () => import('./broken.mjs') };",
      'broken.mjs': "throw new Error('MAIL_KEY is not set');",
    });
    const at = { cwd: app, env: { DATABASE_URL: db.url } };
    const drained = await run(['drain'], at);
    expect([drained.code, drained.stderr]).toEqual([1, expect.stringContaining('MAIL_KEY is not set')]);
    const paused = await run(['pause', '--all', '--reason', 'INC-1', '--yes'], at);
    expect([paused.code, paused.stderr]).toEqual([0, expect.stringMatching(/^warning: going on without.*MAIL_KEY/)]);
    await run(['resume', '--all'], at);
    put({ 'jobqueue.config.mjs': 'export default { queues: 1 };' });
    const misspelt = await run(['stats'], at);
    expect([misspelt.code, misspelt.stderr]).toEqual([2, expect.stringMatching(/queues: .*the nearest: queue/)]);
    expect((await run(['stats', '--config', 'gone.ts'], at)).code).toBe(2);
  });

  test('how to leave is printed with what would be lost, and nothing is changed', async () => {
    await sql.query(`truncate jobqueue.jobs; create view public.of_the_app as select id from jobqueue.jobs`);
    await sql.query(`select jobqueue.add_job('mail', '{}') from generate_series(1, 3)`);
    const database = connect(db.url);
    await send(database, { claim: { ...CLAIM, limit: 1, types: { mail: 60_000 } } });
    await database.close();
    put({
      'package.json': '{ "dependencies": { "@conversure/jobqueue": "1", "pg": "8" } }',
      'pnpm-lock.yaml': '',
      'jobqueue.config.mjs': '',
      'src/jobqueue/queue.ts': '',
      'vercel.json': '{ "crons": [{ "path": "/shop/api/cron/drain" }, { "path": "/other" }] }',
    });
    const at = { cwd: app, env: { DATABASE_URL: db.url } };
    expect((await run(['uninstall'], at)).code).toBe(2);
    expect(await ask(['uninstall', '--plan'], at)).toMatchObject({
      database: {
        isInstalled: true,
        live: [
          { status: 'PENDING', jobs: 2, atLeast: false },
          { status: 'PROCESSING', jobs: 1, atLeast: false },
        ],
        alsoDropped: expect.arrayContaining(['public.of_the_app']),
      },
      app: {
        files: ['src/jobqueue', 'jobqueue.config.mjs'],
        crons: ['/shop/api/cron/drain'],
        uninstall: 'pnpm remove @conversure/jobqueue',
      },
    });
    const { rows } = await sql.query('select count(*)::int as jobs from public.of_the_app');
    expect(rows).toEqual([{ jobs: 2 }]);
    await sql.query('drop schema jobqueue cascade'); // what the plan prints
    expect(await ask(['uninstall', '--plan'], at)).toMatchObject({ database: { isInstalled: false, live: [] } });
  });
});

describe('what makes a cron silent', () => {
  const VERCEL = '{ "crons": [{ "path": "/api/cron/drain", "schedule": "* * * * *" }] }';

  test.each<[string, Readonly<Record<string, string>>, Readonly<Record<string, string>>]>([
    ['nothing does', { 'next.config.ts': 'export default {}', 'vercel.json': VERCEL }, { 'vercel.json': 'ok' }],
    ['no app at all', {}, {}],
    ['no cron', { 'vercel.json': '{}' }, { 'vercel.json': 'red' }],
    ['no vercel.json', { 'next.config.js': 'module.exports = {}' }, { 'vercel.json': 'warn' }],
    ['once a day', { 'vercel.json': VERCEL.replace('* * *', '0 4 *') }, { 'vercel.json': 'warn' }],
    [
      'a basePath',
      { 'next.config.ts': "export default { basePath: '/shop' }", 'vercel.json': VERCEL },
      { 'vercel.json': 'red' },
    ],
    [
      'a trailing slash',
      { 'next.config.ts': 'export default { trailingSlash: true }', 'vercel.json': VERCEL },
      { 'vercel.json': 'red' },
    ],
    [
      "the platform's trailing slash",
      { 'vercel.json': VERCEL.replace('{', '{ "trailingSlash": true,') },
      { 'vercel.json': 'ok', trailingSlash: 'red' },
    ],
    [
      'a proxy without a matcher',
      { 'vercel.json': VERCEL, 'src/middleware.ts': 'export function middleware() {}' },
      { 'vercel.json': 'ok', proxy: 'warn' },
    ],
    ['vercel.ts without it', { 'vercel.ts': 'export const config = {}' }, { 'vercel.ts': 'warn' }],
    ['vercel.ts with it', { 'vercel.ts': "crons: [{ path: '/api/cron/drain' }]" }, { 'vercel.ts': 'ok' }],
    ['both', { 'vercel.ts': '', 'vercel.json': '{}' }, { 'vercel.json': 'red' }],
  ])('in the files of an app: %s', (_, files, expected) => {
    put(files);
    expect(Object.fromEntries(cronFindings(app).map(({ name, state }) => [name, state]))).toEqual(expected);
  });

  test('the path that is tried is that of the cron, else the one that next.config makes of the route', () => {
    put({ 'next.config.ts': "export default { basePath: '/shop', trailingSlash: true }" });
    expect(tickPathOf(app)).toBe('/shop/api/cron/drain/');
    put({ 'vercel.json': VERCEL });
    expect(tickPathOf(app)).toBe('/api/cron/drain');
  });

  const answer: TickAnswer = { status: 200, location: null, json: null, isProtection: false, hasSecret: true };
  const refusal = (code: string) => ({ error: { code, message: '' } });
  test.each<[string, Partial<TickAnswer>, string, RegExp]>([
    ['a probe', { json: { probe: true } }, 'ok', /nothing was drained/],
    ['an older version, which drains', { json: { claimed: 0 } }, 'ok', /that was a tick/],
    ['a page', {}, 'red', /a page/],
    ['open to everybody', { json: { claimed: 0 }, hasSecret: false }, 'red', /open to everybody/],
    ['another secret', { status: 401, json: refusal('unauthorized') }, 'red', /does not accept/],
    ['closed, and no secret here', { status: 401, json: refusal('unauthorized'), hasSecret: false }, 'ok', /closed/],
    ['no secret there', { status: 503, json: refusal('not_configured') }, 'red', /not set there/],
    ['a login of the proxy', { status: 307, location: '/login?secret=hush' }, 'red', /redirected \(307 to \/login\)/],
    ['a password of the proxy', { status: 401 }, 'red', /not by the queue/],
    ['deployment protection', { status: 401, isProtection: true }, 'red', /deployment protection/],
    ['no such path', { status: 404 }, 'red', /does not exist/],
    ['another method', { status: 405 }, 'red', /no GET/],
    ['a crash', { status: 500 }, 'red', /answered with 500/],
  ])('in the answer: %s', (_, given, state, words) => {
    const finding = explain('/api/cron/drain', { ...answer, ...given });
    expect([finding.state, finding.detail]).toEqual([state, expect.stringMatching(words)]);
    expect(finding.mend === null).toBe(state === 'ok');
    expect(JSON.stringify(finding)).not.toContain('hush');
  });
});
