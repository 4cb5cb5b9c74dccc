/** Tools that make a database equal to an app's schema leave the queue alone. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { connect, type Database } from '../../src/postgres/connect.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { rows } from '../support.ts';
import { hasTools, TOOLS } from './installed.ts';

const DRIZZLE_KIT = 'node_modules/drizzle-kit/bin.cjs';

let home: TestDatabase;
let database: Database;

beforeAll(async () => {
  home = await emptyDatabase();
  database = connect(home.url);
  await migrate({ url: home.url });
  await rows(database, 'create table users (id serial primary key, name text not null)');
});
afterAll(async () => {
  await database.close();
  await home.drop();
});

/** The output of `drizzle-kit push`. Without a terminal it cannot ask, so it changes nothing. */
function push(env: { readonly SCHEMA_FILTER?: string } = {}): string {
  const { stdout, stderr } = spawnSync(process.execPath, [DRIZZLE_KIT, 'push', '--strict', '--verbose'], {
    cwd: TOOLS,
    env: { ...process.env, ...env, HOST_DATABASE_URL: home.url },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return stdout + stderr;
}

describe.skipIf(!hasTools)('drizzle-kit push', () => {
  test('with default settings finds nothing to change in a migrated database', () => {
    expect(push()).toContain('No changes detected');
  });

  test('with a schemaFilter that names the queue would drop its tables, which is why the doctor warns', () => {
    expect(push({ SCHEMA_FILTER: 'public,jobqueue' })).toMatch(/DROP TABLE "jobqueue"."jobs"/);
  });

  test('would drop the compatibility view, which is why only those who ask for it get it', async () => {
    await migrate({ url: home.url, compatibilityView: true });
    expect(push()).toContain('DROP VIEW "public"."JobQueue"');
  });
});
