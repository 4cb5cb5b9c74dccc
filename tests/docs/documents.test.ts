/** The documents agree with the code: links, names, SQL, code, configuration. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { DrainReport } from '../../packages/jobqueue/src/index.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { anchorsOf, blocksOf, DOCUMENTS, proseOf } from './markdown.ts';
import { type Mirror, mirrorWith } from './mirror.ts';

const DECISIONS = readdirSync('docs/decisions')
  .filter((file) => /^\d/.test(file))
  .map((file) => join('docs/decisions', file));

const manifest = z
  .object({
    scripts: z.record(z.string(), z.string()),
    dependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(readFileSync('package.json', 'utf8')));

describe.each(DOCUMENTS)('%s', (document) => {
  test('every link leads somewhere', () => {
    const links = [...proseOf(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    const broken = links.filter((link) => !/^https?:/.test(link) && !leadsSomewhere(document, link));
    expect(broken).toEqual([]);
  });

  test('every npm script that it names exists', () => {
    const text = readFileSync(document, 'utf8');
    const named = [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(test|start)\b)/g)].map(([, run, direct]) => run ?? direct);
    expect(named.filter((name) => name !== undefined && !(name in manifest.scripts))).toEqual([]);
  });

  test('every file that it names exists', () => {
    const named = proseOf(document).matchAll(
      /`((?:api|app|bench|db|docs|fixtures|lib|scripts|tests)\/[\w./[\]-]+\.(?:tsx?|sql|md|csv))`/g,
    );
    expect([...named].map(([, path = '']) => path).filter((path) => !existsSync(path))).toEqual([]);
  });
});

function leadsSomewhere(document: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? document : join(dirname(document), path);
  return existsSync(target) && (anchor === undefined || anchorsOf(target).includes(anchor));
}

/** Needs a role, and rights.test.ts has one. */
const GRANTS = /^grant usage on schema jobqueue to app;/;

describe('the runbook', () => {
  let fresh: TestDatabase;
  let sql: pg.Client;
  beforeAll(async () => {
    fresh = await freshDatabase();
    sql = new pg.Client(fresh.url);
    await sql.connect();
  });
  afterAll(async () => {
    await sql.end();
    await fresh.drop();
  });

  const blocks = [...blocksOf('docs/operations.md', 'sql'), ...blocksOf('docs/campaigns.md', 'sql')];
  test.each(blocks.filter(({ text }) => !GRANTS.test(text)))('its SQL at line $line runs', async ({ text }) => {
    await sql.query(text);
  });

  test('explains every reason why a campaign leaves somebody out', () => {
    const code = ['plan', 'end', 'windows'].map((name) =>
      readFileSync(`lib/campaigns/campaign-send/${name}.ts`, 'utf8'),
    );
    const claims = readFileSync('db/migrations/0021_claim_by_template.sql', 'utf8');
    const reasons = [
      ...(code[0] ?? '').matchAll(/skip: '(\w+)'/g),
      ...[...code, claims].flatMap((text) => [...text.matchAll(/\b(?:then|else) '(\w+_\w+|expired|duplicate)'/g)]),
    ].map(([, reason]) => reason);
    const known = reasons.filter((reason) => reason !== 'quiet_hours');
    expect(new Set(known).size).toBeGreaterThan(8);
    expect(known.filter((reason) => !proseOf('docs/campaigns.md').includes(`\`${reason}\``))).toEqual([]);
  });

  test('a dead letter is enqueued anew once, whoever does it twice', async () => {
    await sql.query(`
      insert into jobqueue.job_history (id, status, created_at, due_at, fence, attempt, max_attempts, priority, queue, type, payload)
      values (nextval('jobqueue.jobs_id_seq'), 'DEAD_LETTER', now(), now(), 1, 3, 3, 4, 'default', 'lead_import', '{"importId": "i"}')`);
    const anew = blocksOf('docs/operations.md', 'sql').find(({ text }) => text.includes('add_job'))?.text ?? '';
    const [first, second] = [await sql.query(anew), await sql.query(anew)];
    expect(first.rows).toMatchObject([{ duplicate: false }]);
    expect(second.rows).toEqual([{ ...first.rows[0], duplicate: true }]);
    const { rows } = await sql.query('select type, priority, max_attempts, payload from jobqueue.jobs');
    expect(rows).toEqual([{ type: 'lead_import', priority: 4, max_attempts: 3, payload: { importId: 'i' } }]);
  });

  test('explains every reason to stop, and every counter', () => {
    const reasons = [
      ...readFileSync('packages/jobqueue/src/core/drain-report.ts', 'utf8').matchAll(/^ {2}\| '(\w+)'/gm),
    ].map(([, r]) => r);
    expect(reasons.length).toBeGreaterThan(4);
    const notCounters = ['id', 'source', 'stopReason'];
    const counters = Object.keys({
      id: '',
      source: '',
      claimed: 0,
      completed: 0,
      retried: 0,
      deadLettered: 0,
      givenBack: 0,
      continued: 0,
      cancelled: 0,
      lost: 0,
      unconfirmed: 0,
      rescued: 0,
      steps: 0,
      stopReason: null,
      nextDueInMs: null,
      unhandled: [],
      mostSlices: null,
    } satisfies DrainReport).filter((name) => !notCounters.includes(name));
    const prose = proseOf('docs/operations.md');
    expect([...reasons, ...counters].filter((word) => !prose.includes(`\`${word}\``))).toEqual([]);
  });
});

describe('the code of README.md and of the documents for developers', () => {
  let mirror: Mirror;
  let fresh: TestDatabase;
  beforeAll(async () => {
    fresh = await freshDatabase();
    vi.stubEnv('DATABASE_URL', fresh.url);
    const documents = [
      'ai',
      'bitrix24',
      'campaigns',
      'flows',
      'handlers',
      'schedules',
      'health',
      'rate-limits',
      'statistics',
      'retention',
    ].map((name) => `docs/${name}.md`);
    mirror = mirrorWith(['README.md', ...documents], { 'lib/queue/jobs.ts': nameTheTypes });
  });
  afterAll(async () => {
    mirror.remove();
    await fresh.drop();
  });

  test('compiles in strict mode', async () => {
    expect(await mirror.compile()).toBe('');
  }, 120_000);

  test('runs, slice after slice', async () => {
    const { queue } = (await mirror.load('lib/queue/index.ts')) as unknown as typeof import('../../lib/queue/index.ts');
    const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
    const app = (await mirror.load('app/reports.ts')) as { enqueueReports(...args: unknown[]): Promise<unknown> };
    const ids = expect.stringMatching(/^\d+$/);
    const added = await app.enqueueReports('acme', ['2026-08', '2026-07']);
    expect(added).toEqual({
      one: { id: ids },
      many: [
        { id: ids, duplicate: false },
        { id: ids, duplicate: false },
      ],
      inOurTransaction: { id: ids },
      asStatement: [{ id: ids, duplicate: false }],
    });
    const [reindex] = await queue.addJobs([{ type: 'reindex', payload: { pages: 250 } } as never]);
    expect(await queue.drain()).toMatchObject({ completed: 5, continued: 2, deadLettered: 0 });
    expect(await queue.getJob(reindex?.id ?? '')).toMatchObject({ status: 'COMPLETED', result: { pages: 250 } });
    await database().close();
  });

  test('has recipes in SQL that do what they say', async () => {
    const sql = new pg.Client(fresh.url);
    await sql.connect();
    await sql.query(`
      create table invoices (job_id bigint primary key, amount int);
      create table cursors (id int primary key, position int);
      create table documents (id int primary key, body text, fence int);
      insert into cursors values (1, 10);
      insert into documents values (1, 'old', 3)`);
    const [insert, advance, write] = blocksOf('docs/handlers.md', 'sql').map(({ text }) => text);
    const changed = async (text = '', ...params: unknown[]) => (await sql.query(text, params)).rowCount;
    expect([await changed(insert, 7, 100), await changed(insert, 7, 100)]).toEqual([1, 0]);
    expect([await changed(advance, 1, 20, 10), await changed(advance, 1, 20, 10)]).toEqual([1, 0]);
    expect([await changed(write, 1, 'new', 5), await changed(write, 1, 'late', 4)]).toEqual([1, 0]);
    const [schedules] = blocksOf('docs/schedules.md', 'sql');
    await sql.query(schedules?.text ?? '');
    const { rows } = await sql.query("select action from jobqueue.audit_log where action like 'schedule%' order by id");
    expect(rows.map(({ action }) => action)).toEqual(['schedule_created', 'schedule_updated', 'schedule_deleted']);
    await sql.end();
  });
});

function nameTheTypes(index: string): string {
  const names = ['reindex', 'report', 'welcome'];
  const imports = names.map((name) => `import { ${name} } from '../jobs/${name}/job.ts';\n`);
  return imports.join('') + index.replace('jobs = [', `jobs = [${names.join(', ')}, `);
}

test('.env.example names every variable that the code reads, and no other', () => {
  const read = [
    'lib/config.ts',
    'lib/secrets/environment.ts',
    ...['ai', 'bitrix24', 'whatsapp'].map((vendor) => `lib/providers/${vendor}/environment.ts`),
    'packages/console/src/auth/access.ts',
    'packages/jobqueue/src/cli/environment.ts',
    'packages/jobqueue/src/cli/doctor/database.ts',
    'packages/jobqueue/src/cli/doctor/deployment.ts',
    'packages/jobqueue/src/postgres/connect.ts',
    'scripts/address.ts',
    'scripts/database.ts',
    'scripts/environment.ts',
    'scripts/migrate.ts',
    'scripts/run.ts',
  ];
  const code = read.map((path) => readFileSync(path, 'utf8')).join('\n');
  const secrets = [...(/type SecretName =([^;]*);/.exec(code)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(
    ([, name = '']) => name,
  );
  expect(secrets.length).toBeGreaterThan(2);
  const ofThePlatform = [
    'NODE_ENV',
    'VERCEL',
    'VERCEL_ENV',
    'VERCEL_PROJECT_PRODUCTION_URL',
    'NEXT_TELEMETRY_DISABLED',
    'NO_COLOR',
  ];
  const named = [...code.matchAll(/process\.env\.([A-Z0-9_]+)/g)].map(([, name = '']) => name);
  const all = new Set([...named, 'DATABASE_URL_UNPOOLED', ...secrets, ...secrets.map((name) => `${name}_PREVIOUS`)]);
  const example = [...readFileSync('.env.example', 'utf8').matchAll(/^(?:# )?([A-Z0-9_]+)=/gm)].map(([, name]) => name);
  expect(example.sort()).toEqual([...all].filter((name) => !ofThePlatform.includes(name)).sort());
});

test('the list of decisions has each of them by its title and day, newest first, with superseded ones marked', () => {
  const listed = [
    ...readFileSync('docs/decisions/README.md', 'utf8').matchAll(/^- (\S+) \[(.+)\]\((\S+)\)(?: \((.+)\))?$/gm),
  ].map(([, day = '', title = '', file = '', mark = '']) => ({ day, title, file, mark }));
  expect(listed.map(({ file }) => file).sort()).toEqual(DECISIONS.map((file) => basename(file)).sort());
  const days = listed.map(({ day }) => day);
  expect(days).toEqual([...days].sort().reverse());
  const heads = listed.map(({ file }) => {
    const [title = '', , day = ''] = readFileSync(join('docs/decisions', file), 'utf8').split('\n');
    const [, written = '', mark = ''] = /^(\S+)(?: · (superseded(?: in part)?) by \[.+)?$/.exec(day) ?? [];
    return { day: written, title: title.replace('# ', ''), file, mark };
  });
  expect(heads).toEqual(listed);
  expect(listed.map(({ file }) => file.slice(0, 10))).toEqual(days);
});

test('links of decisions lead somewhere', () => {
  const links = DECISIONS.flatMap((file) =>
    [...proseOf(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => ({ file, link })),
  );
  expect(links.filter(({ file, link }) => !/^https?:/.test(link) && !leadsSomewhere(file, link))).toEqual([]);
});

test('every dependency has its line among the decisions', () => {
  const text = DECISIONS.map((file) => proseOf(file)).join('\n');
  const decided = new Set([...text.matchAll(/`([@\w/-]+)`/g)].map(([, name]) => name));
  const all = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(all.filter((name) => !decided.has(name))).toEqual([]);
});

test('every failure and row error of an import is explained', () => {
  const files = ['lib/imports/lead-import/unreadable.ts', 'lib/phone/read.ts', 'lib/imports/lead-import/lead.ts'];
  const codes = files.flatMap((file) => {
    const types = readFileSync(file, 'utf8').matchAll(/(?:Code =|Refusal =|code:\s+\|? ?PhoneRefusal\s+\|)([^;]*);/g);
    return [...types].flatMap(([, union = '']) => [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code));
  });
  expect(codes.length).toBe(22);
  const prose = proseOf('docs/imports.md');
  expect(codes.filter((code) => !prose.includes(`\`${code}\``))).toEqual([]);
});

test('systemd and compose start what npm start starts', () => {
  const start = manifest.scripts.start ?? '';
  expect(blocksOf('docs/deploy.md', 'ini')[0]?.text).toContain(`ExecStart=/usr/bin/${start} `);
  expect(blocksOf('docs/deploy.md', 'yaml')[0]?.text).toContain(`exec ${start}"`);
});
