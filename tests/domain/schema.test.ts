/** What drizzle believes of the domain's tables is what the migrations made of them. */
import { getTableConfig } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as schema from '../../db/app/schema.ts';
import { leadImports } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

test.each(Object.values(schema).map((table) => getTableConfig(table)))('$name', async ({ name, columns }) => {
  const found = await imports.rows<{ name: string; type: string; required: boolean; defaulted: boolean }>(
    `select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as required,
            atthasdef or attidentity <> '' as defaulted
     from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped
     order by attnum`,
    name,
  );
  const believed = columns.map((column) => ({
    name: column.name,
    type: column.getSQLType(),
    required: column.notNull,
    defaulted: column.hasDefault,
  }));
  expect(believed).toEqual(found);
});
