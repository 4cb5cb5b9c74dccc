/** The packed tarball in fresh apps, as a newcomer installs it: built, started, enqueued, drained. See README.md. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../packages/jobqueue/src/embedded/port.ts';
import { CHROMIUM, launch, type Visit, visit } from '../browser/chromium.ts';
import { emptyDatabase, type TestDatabase } from '../support/database.ts';
import { chosenApps } from './apps.ts';
import { type Made, makeApp } from './fresh-app.ts';
import { loadLate } from './late-rows.ts';
import { ORDERS } from './order-page.ts';
import { type Ended, run, type Server, serve } from './run.ts';

const CRON_SECRET = 'cron-0123456789abcdef';
const OPERATOR_SECRET = 'operator-0123456789abcdef';

let home: string;
/** Tarballs of the queue and of its console. */
let tarballs: { readonly queue: string; readonly console: string };
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'install-'));
  // Their builds are new: the run's setup made them.
  await run(process.cwd(), ['npm', 'pack', '--workspaces', '--ignore-scripts', '--pack-destination', home]);
  const packed = readdirSync(home).filter((name) => name.endsWith('.tgz'));
  const named = (isConsole: boolean) => join(home, packed.find((name) => name.includes('console') === isConsole) ?? '');
  tarballs = { queue: named(false), console: named(true) };
}, 120_000);
afterAll(() => rmSync(home, { recursive: true, force: true }), 300_000);

describe.each(chosenApps(process.env.INSTALL_APPS))('$name', { timeout: 600_000 }, (app) => {
  let made: Made;
  let db: TestDatabase;
  let sql: pg.Client;
  let server: Server;
  beforeAll(async () => {
    db = await emptyDatabase();
    sql = new pg.Client(db.url);
    await sql.connect();
    await sql.query(ORDERS);
    const place = join(home, app.name);
    mkdirSync(place);
    made = await makeApp(app, place);
    writeFileSync(join(made.folder, '.env.local'), `DATABASE_URL=${db.url}\n`);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await sql?.end();
    await db?.drop();
    rmSync(join(home, app.name), { recursive: true, force: true });
  }, 300_000);

  const inApp = (...command: string[]) => run(made.folder, command);
  const jobqueue = (...args: string[]) => inApp('npx', '--no-install', 'jobqueue', ...args);
  const read = (path: string) => readFileSync(join(made.folder, path), 'utf8');
  const at = (path: string) => `${server.url}${app.basePath ?? ''}${path}${app.trailingSlash ? '/' : ''}`;
  const jobs = async () => {
    const { rows } = await sql.query(`
      select payload ->> 'name' as name, 'PENDING' as status, null as greeting from jobqueue.live_jobs
      union all select payload ->> 'name', status::text, result ->> 'greeting' from jobqueue.finished_jobs order by name`);
    return rows;
  };

  test('the package installs, and init writes at most eight files and keeps the app as it is', async () => {
    const before = new Map(Object.keys(app.files ?? {}).map((path) => [path, read(path)]));
    const { stderr } = app.isWithoutPackage ? await initByItself() : await initInstalled();
    expect(stderr.match(/^(new|changes): /gm)).toHaveLength(app.isWithoutPackage ? 7 : 8);
    before.delete('vercel.json');
    for (const [path, text] of before) expect(read(path)).toBe(text);
    expect(JSON.parse(read('package.json')).dependencies).toMatchObject({
      ...app.dependencies,
      '@conversure/jobqueue': expect.stringMatching(/\.tgz$/),
      pg: expect.stringMatching(/^\^8\./),
      zod: expect.anything(),
    });
    const { crons } = JSON.parse(read('vercel.json')) as { crons: { path: string }[] };
    expect(crons.at(-1)?.path).toBe(`${app.basePath ?? ''}/api/cron/drain${app.trailingSlash ? '/' : ''}`);
    expect(crons).toHaveLength(app.files?.['vercel.json'] ? 2 : 1);
    const again = await jobqueue('init', '--yes');
    expect(again.stdout.trim()).toBe('Everything is in place already.');
    letThrough(again.stderr);
  });

  async function initInstalled(): Promise<Ended> {
    await inApp('npm', 'install', tarballs.queue, tarballs.console);
    return jobqueue('init', '--yes');
  }

  /** A second console at another path: init's page, with the app's own sign-in, which here believes a header. */
  function mountForStaff(): void {
    const page = (name: string) => join(made.router, name, '[[...path]]/page.tsx');
    const withSignIn = read(page('jobqueue')).replace("'/jobqueue' }", "'/jobqueue-staff', authorize: userOf }");
    mkdirSync(join(made.folder, page('jobqueue-staff'), '..'), { recursive: true });
    writeFileSync(
      join(made.folder, page('jobqueue-staff')),
      `${withSignIn}
function userOf(headers: Headers) {
  const [name = '', role] = (headers.get('x-user') ?? '').split(' ');
  return role === 'operator' || role === 'viewer' ? ({ name, role } as const) : null;
}
`,
    );
  }

  /** As npx runs it: from a folder that is not the app's. */
  function initByItself(): Promise<Ended> {
    return inApp(
      'npx',
      '--yes',
      `--package=${tarballs.queue}`,
      'jobqueue',
      'init',
      '--yes',
      '--package',
      tarballs.queue,
    );
  }

  /** Does in the app's proxy what init says. */
  function letThrough(said: string): void {
    const [, path, matcher] = /^by hand: (\S+(?:proxy|middleware)\.ts):\d+ .*(matcher: \[.*\])$/m.exec(said) ?? [];
    expect(path !== undefined).toBe(app.files?.['src/proxy.ts'] !== undefined);
    if (path === undefined) return;
    writeFileSync(join(made.folder, path), read(path).replace(/matcher: \[.*\]/, matcher as string));
  }

  test('migrate finds the database in .env.local, and the command line the jobs of the app', async () => {
    expect((await jobqueue('migrate')).stdout).toContain('up to date');
    await jobqueue('enqueue', 'hello', '{"name":"Ada"}');
    expect(JSON.parse((await jobqueue('drain', '--json')).stdout)).toMatchObject({ completed: 1 });
    expect(await jobs()).toEqual([{ name: 'Ada', status: 'COMPLETED', greeting: 'Hello, Ada!' }]);
    expect(JSON.parse((await jobqueue('migrate', '--plan', '--json')).stdout)).toMatchObject({ pending: [] });
    // Ends with the app's own exit code; here the app ends at once.
    expect((await jobqueue('dev', '--', 'node', '-e', 'process.exit()')).stderr).toContain('Database  ');
  });

  test("it builds, and the app's linter has nothing against what init wrote", async () => {
    if (app.hasOwnSignIn) mountForStaff();
    await inApp('npm', 'run', 'build');
    if (!existsSync(join(made.folder, 'eslint.config.mjs'))) return;
    const written = ['jobqueue.config.ts', join(made.router, '../jobqueue'), made.router];
    await inApp('npx', '--no-install', 'eslint', '--max-warnings', '0', ...written);
  });

  test('a server action enqueues inside a drizzle transaction, and nothing if that rolls back', async () => {
    const env = { CRON_SECRET, OPERATOR_SECRET, DATABASE_URL: db.url };
    server = await serve(
      made.folder,
      ['npx', '--no-install', 'next', 'start', '--hostname', '127.0.0.1'],
      env,
      await freePort(),
    );
    await order('Grace');
    await order('nobody');
    expect((await sql.query('select name from orders')).rows).toEqual([{ name: 'Grace' }]);
    expect(await jobs()).toMatchObject([{ name: 'Ada' }, { name: 'Grace', status: 'PENDING' }]);
  });

  test('the cron route refuses a stranger, and drains for the platform', async () => {
    const tick = (secret: string) =>
      fetch(at('/api/cron/drain'), { headers: { authorization: `Bearer ${secret}` }, redirect: 'manual' });
    expect((await tick('wrong')).status).toBe(401);
    const answer = await tick(CRON_SECRET);
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ completed: 1 })]);
    expect(await jobs()).toMatchObject([
      { name: 'Ada' },
      { name: 'Grace', status: 'COMPLETED', greeting: 'Hello, Grace!' },
    ]);
  });

  test.skipIf(app.isWithoutPackage)('a stranger gets the login in place of any page of the console', async () => {
    const answer = await fetch(at('/jobqueue/jobs'), { redirect: 'manual' });
    const text = await answer.text();
    expect([answer.status, /<title>([^<]*)/.exec(text)?.[1]]).toEqual([200, 'Sign in · JobQueue']);
    expect(text).toMatch(/<form(?:(?!<\/form).)*name="next" value="\/jobs\/?"(?:(?!<\/form).)*name="secret"/s);
    expect(text).not.toMatch(/hello|Grace/);
  });

  const noConsole = app.isWithoutPackage || CHROMIUM === null;
  test.skipIf(noConsole)('the console shows that job in a browser, to who signs in', async () => {
    const browser = await launch();
    try {
      const { page, complaints } = await signIn(browser);
      expect((await page.reload())?.status()).toBe(200);
      await page.getByRole('cell', { name: 'hello' }).first().waitFor();
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  test.skipIf(noConsole || !app.next.startsWith('15.'))(
    "the console's pages hydrate, whichever row of theirs arrives while React looks for it",
    async () => {
      const browser = await launch();
      try {
        const { context } = await signIn(browser);
        for (const path of ['/jobs', '/incident', '/incident?look=1']) {
          const load = (last: number) => loadLate(context, made.folder, `${app.basePath ?? ''}/jobqueue${path}`, last);
          const { awaited } = await load(Number.MAX_SAFE_INTEGER);
          expect(awaited).toBeGreaterThan(1); // else React asked for nothing that was held back
          for (let last = 1; last <= awaited; last += 1) expect((await load(last)).complaints).toEqual([]);
        }
      } finally {
        await browser.close();
      }
    },
  );

  /** Asks for the list of jobs, and gets it once signed in. */
  async function signIn(browser: Browser): Promise<Visit> {
    // The session's cookie is Secure everywhere but on localhost.
    const visited = await visit(browser, server.url.replace('127.0.0.1', 'localhost'));
    const { page } = visited;
    expect((await page.goto(`${app.basePath ?? ''}/jobqueue/jobs`))?.status()).toBe(200);
    await page.getByLabel('Your name').fill('ann');
    await page.getByLabel('Secret', { exact: true }).fill(OPERATOR_SECRET);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('cell', { name: 'hello' }).first().waitFor(); // back on the page that was asked for
    return visited;
  }

  test.runIf(app.hasOwnSignIn)("a console behind the app's own sign-in opens for its users alone", async () => {
    const look = async (headers: Record<string, string>) => {
      const answer = await fetch(at('/jobqueue-staff/jobs'), { headers, redirect: 'manual' });
      return [answer.status, await answer.text()];
    };
    expect(await look({ 'x-user': 'bob viewer' })).toEqual([200, expect.stringMatching(/bob.*hello|hello.*bob/s)]);
    for (const headers of [{}, { 'x-user': 'bob admin' }, { authorization: `Bearer ${OPERATOR_SECRET}` }])
      expect(await look(headers)).toEqual([404, expect.not.stringMatching(/bob|hello/)]);
    expect((await fetch(at('/jobqueue-staff/login'))).status).toBe(404); // it has no login of its own
  });

  test('a kick drains behind the answer', async () => {
    await order('kick');
    await expect
      .poll(jobs, { timeout: 30_000 })
      .toContainEqual(expect.objectContaining({ name: 'kick', status: 'COMPLETED' }));
    expect(
      server
        .printed()
        .stderr.split('\n')
        .filter((line) => /error/i.test(line) && !line.includes('rolled back')),
    ).toEqual([]);
  });

  const order = (name: string) => (app.needsJavaScript ? orderInBrowser(name) : orderWithoutJavaScript(name));

  async function orderInBrowser(name: string): Promise<void> {
    const browser = await launch();
    try {
      const { page } = await visit(browser, server.url);
      await page.goto(at('/enqueue'));
      await page.locator('input[name=name]').fill(name);
      // Before React has the form, the browser would send it without JavaScript.
      await page.waitForFunction(() =>
        Object.keys(document.querySelector('form') ?? {}).some((key) => key.startsWith('__reactProps')),
      );
      const answered = page.waitForResponse((answer) => answer.request().method() === 'POST');
      await page.getByRole('button', { name: 'Order' }).click();
      expect((await answered).status()).toBe(200);
    } finally {
      await browser.close();
    }
  }

  /** Sends the form as a browser without JavaScript does. */
  async function orderWithoutJavaScript(name: string): Promise<void> {
    const page = await (await fetch(at('/enqueue'))).text();
    const form = new FormData();
    for (const [, field = ''] of page.matchAll(/<input type="hidden" name="(\$ACTION_[^"]+)"/g)) form.append(field, '');
    form.append('name', name);
    const answer = await fetch(at('/enqueue'), { method: 'POST', body: form, headers: { origin: server.url } });
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('Order')]);
  }
});
