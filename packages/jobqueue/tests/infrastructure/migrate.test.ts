import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { emptyDatabase, freshDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { type MigrationSource, migrate } from '../../src/postgres/migrate.ts';

let database: TestDatabase;
let folder: string;
let sources: MigrationSource[];

beforeEach(async () => {
  database = await emptyDatabase();
  folder = mkdtempSync(join(tmpdir(), 'migrations-'));
  for (const name of ['core', 'functions', 'domain']) mkdirSync(join(folder, name));
  sources = [
    { scope: 'jobqueue', versioned: join(folder, 'core'), repeatable: join(folder, 'functions') },
    { scope: 'app', versioned: join(folder, 'domain') },
  ];
  write('core/0001_things.sql', 'create table jobqueue.things (n int);');
  write('functions/answer.sql', answer(42));
  write('domain/0001_leads.sql', 'create table leads (n int);');
});

afterEach(async () => {
  rmSync(folder, { recursive: true });
  await database.drop();
});

const write = (path: string, sql: string) => writeFileSync(join(folder, path), sql);
const answer = (n: number) =>
  `create or replace function jobqueue.answer() returns int language sql as 'select ${n}';\n`;
const run = () => migrate({ url: database.url, sources });

async function query<Row extends object>(sql: string): Promise<Row[]> {
  const client = new pg.Client(database.url);
  await client.connect();
  const { rows } = await client.query<Row>(sql);
  await client.end();
  return rows;
}

test('the core comes first, then its functions, then the domain; the second run finds nothing to do', async () => {
  expect(await run()).toEqual({
    applied: ['jobqueue/0001_things.sql', 'jobqueue/functions/answer.sql', 'app/0001_leads.sql'],
  });
  expect(await run()).toEqual({ applied: [] });
});

test('of two that run at once the second waits and finds nothing to do', async () => {
  const first = new pg.Client(database.url);
  await first.connect();
  await first.query("select pg_advisory_lock(hashtextextended('jobqueue.migrate', 0))");
  const reports = Promise.all([run(), run()]);
  const waiting = "select from pg_stat_activity where wait_event = 'advisory' and datname = current_database()";
  await vi.waitUntil(async () => (await query(waiting)).length === 2);
  await first.end();
  expect((await reports).map(({ applied }) => applied.length).sort()).toEqual([0, 3]);
});

test('an applied migration whose text changed is refused by name', async () => {
  await run();
  write('core/0001_things.sql', 'create table jobqueue.things (n bigint);');
  await expect(run()).rejects.toThrow(/jobqueue\/0001_things\.sql was changed after it had been applied/);
});

test('a checkout with other line ends is no change', async () => {
  write('core/0001_things.sql', 'create table\n  jobqueue.things (n int);\n');
  await run();
  write('core/0001_things.sql', 'create table\r\n  jobqueue.things (n int);\r\n');
  expect(await run()).toEqual({ applied: [] });
});

test('a changed function is installed again, an unchanged one is not', async () => {
  write('functions/other.sql', answer(1).replaceAll('answer', 'other'));
  await run();
  write('functions/answer.sql', answer(43));
  expect(await run()).toEqual({ applied: ['jobqueue/functions/answer.sql'] });
  expect(await query('select jobqueue.answer()')).toEqual([{ answer: 43 }]);
});

test('a comment that changes in a function is no change of it', async () => {
  await run();
  write('functions/answer.sql', `-- The answer.\n${answer(42)}`);
  const [first] = (await run()).applied;
  write('functions/answer.sql', `  -- The answer, to everything.\n${answer(42)}`);
  expect([first, await run()]).toEqual(['jobqueue/functions/answer.sql', { applied: [] }]); // a line more is one: errors name lines
});

test('functions may call each other, whatever their files are called', async () => {
  write(
    'functions/a_caller.sql',
    answer(1).replace('answer', 'caller').replace('select 1', 'select jobqueue.answer()'),
  );
  await run();
  expect(await query('select jobqueue.caller()')).toEqual([{ caller: 42 }]);
});

test('of changed functions all are installed or none', async () => {
  await run();
  write('functions/answer.sql', answer(43));
  write('functions/other.sql', answer(1).replace('answer', 'other').replace('select 1', 'select jobqueue.missing()'));
  await expect(run()).rejects.toThrow(/^jobqueue\/functions\/other\.sql:1: .* \(42883\)/);
  expect(await query('select jobqueue.answer()')).toEqual([{ answer: 42 }]);
});

test('a failing migration leaves nothing behind, keeps what came before, and names its line', async () => {
  write('core/0002_broken.sql', 'create table jobqueue.half (n int);\n\ncreate tabel jobqueue.other (n int);');
  await expect(run()).rejects.toThrow(/^jobqueue\/0002_broken\.sql:3: syntax error .* \(42601\)/);
  expect(await query("select to_regclass('jobqueue.things') as things, to_regclass('jobqueue.half') as half")).toEqual([
    { things: 'jobqueue.things', half: null },
  ]);
  write('core/0002_broken.sql', 'create table jobqueue.half (n int);');
  expect((await run()).applied[0]).toBe('jobqueue/0002_broken.sql');
});

test('a refusal that is not the fault of the file says what to do', async () => {
  write(
    'core/0002_denied.sql',
    "do $$ begin raise exception 'permission denied for schema public' using errcode = '42501'; end $$",
  );
  await expect(run()).rejects.toThrow(
    /^jobqueue\/0002_denied\.sql: permission denied .* \(42501\); .*applied: this role lacks a right/,
  );
});

test('what newer code applied is left alone by older code', async () => {
  write('core/0002_later.sql', 'create table jobqueue.later (n int);');
  await run();
  rmSync(join(folder, 'core/0002_later.sql'));
  expect(await run()).toEqual({ applied: [] });
});

test.each([
  ['1_short.sql', /expected a name like/],
  ['0001_second.sql', /same number/],
])('a file called %s is refused before anything runs', async (name, message) => {
  write(`core/${name}`, 'select 1');
  await expect(run()).rejects.toThrow(message);
  expect(await query("select to_regnamespace('jobqueue') as jobqueue")).toEqual([{ jobqueue: null }]);
});

test('the template that tests are cloned from is fully migrated', async () => {
  const fresh = await freshDatabase();
  expect(await migrate({ url: fresh.url })).toEqual({ applied: [] });
  await fresh.drop();
});

test("the role's own limits and defaults do not reach a migration", async () => {
  const name = new URL(database.url).pathname.slice(1);
  const settings = [
    "statement_timeout = '50ms'",
    "default_transaction_isolation = 'serializable'",
    'standard_conforming_strings = off',
  ];
  for (const setting of settings) await query(`alter database ${name} set ${setting}`);
  write(
    'core/0002_slow.sql',
    `select pg_sleep(0.2); create table jobqueue.seen as
    select current_setting('transaction_isolation') as level, '\\d' as digit;`,
  );
  await run();
  expect(await query('select * from jobqueue.seen')).toEqual([{ level: 'read committed', digit: '\\d' }]);
});

test('a database of another encoding is refused before anything is applied', async () => {
  const server = new URL(database.url);
  await query("create database latin encoding 'LATIN1' locale 'C' template template0");
  server.pathname = '/latin';
  try {
    await expect(migrate({ url: server.href, sources })).rejects.toThrow(
      /latin has the encoding LATIN1.*nothing was applied/,
    );
    const client = new pg.Client(server.href);
    await client.connect();
    expect((await client.query("select to_regnamespace('jobqueue') as jobqueue")).rows).toEqual([{ jobqueue: null }]);
    await client.end();
  } finally {
    await query('drop database latin with (force)');
  }
});
