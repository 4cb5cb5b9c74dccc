/** Drizzle's tables agree with the migrations, and cover all of them. */
import { readdirSync } from 'node:fs';
import { is, Table } from 'drizzle-orm';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const files = readdirSync('db/schema').filter((file) => file.endsWith('.ts'));
const exported = await Promise.all(files.map((file) => import(`../../db/schema/${file.slice(0, -3)}.ts`)));
const tables = [...new Set(exported.flatMap((module) => Object.values(module)))].filter((value) => is(value, Table));

let fresh: TestDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = connect(fresh.url);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

test.each(tables.map((table) => getTableConfig(table as PgTable)))('$name', async ({ name, columns }) => {
  const found = await database.execute<{ name: string; type: string; required: boolean; defaulted: boolean }>({
    text: `select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as required,
            atthasdef or attidentity <> '' as defaulted
     from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped
     order by attnum`,
    params: [name],
  });
  const believed = columns.map((column) => ({
    name: column.name,
    type: column.getSQLType(),
    required: column.notNull,
    defaulted: column.hasDefault,
  }));
  expect([...believed].sort(byName)).toEqual([...found].sort(byName));
});

test('no table of the domain is unknown to drizzle', async () => {
  const found = await database.execute<{ name: string }>({
    text: "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
    params: [],
  });
  const known = tables.map((table) => getTableConfig(table as PgTable).name);
  expect(found.map(({ name }) => name)).toEqual(known.sort());
});

/** A table that several migrations made may name its columns in another order. */
function byName(a: { name: string }, b: { name: string }): number {
  return a.name.localeCompare(b.name);
}
