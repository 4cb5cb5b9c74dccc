/** The command line reaches the schema that --schema, JOBQUEUE_SCHEMA or the configuration names. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { ask, run } from './program.ts';

let home: TestDatabase;
let sql: pg.Client;
beforeAll(async () => {
  home = await emptyDatabase();
  sql = new pg.Client(home.url);
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await home.drop();
});

test('a flag or a variable names the schema to migrate and to look at; --compat-view makes the view', async () => {
  const env = { DATABASE_URL: home.url };
  await ask(['migrate', '--schema', 'order', '--compat-view'], { env });
  const { rows } = await sql.query(
    `select to_regclass('"order".jobs') is not null as ours, to_regnamespace('jobqueue') is null as no_other, to_regclass('public."JobQueue"') is not null as view`,
  );
  expect(rows).toEqual([{ ours: true, no_other: true, view: true }]);
  await sql.query(`select "order".add_job('noop', '{}')`);
  const named = { ...env, JOBQUEUE_SCHEMA: 'order' };
  expect(await ask(['jobs'], { env: named })).toMatchObject({ jobs: [{ type: 'noop', status: 'PENDING' }] });
  const leaving = await run(['uninstall', '--plan'], { env: named });
  expect([leaving.stderr, leaving.stdout]).toEqual([
    expect.stringContaining('1 PENDING jobs would be lost'),
    expect.stringMatching(
      /also drops public\."JobQueue", which reads the queue.s tables[\s\S]*drop schema "order" cascade;/,
    ),
  ]);
});

test('what is no name of a schema is refused before anything is asked', async () => {
  const { code, stderr } = await run(['jobs', '--schema', 'public'], { env: { DATABASE_URL: home.url } });
  expect(code).not.toBe(0);
  expect(stderr).toContain('--schema: schema: expected the name of a schema of its own');
});
