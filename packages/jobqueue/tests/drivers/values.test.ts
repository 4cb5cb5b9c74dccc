/** Values in and out: every driver returns the same JS value for the same SQL. */

import { eq, sql } from 'drizzle-orm';
import { pgTable, text as textColumn, timestamp } from 'drizzle-orm/pg-core';
import { expect, test } from 'vitest';
import { describeEachDriver } from '../../../../tests/support/drivers.ts';
import { drizzleOver } from '../drizzle.ts';

describeEachDriver(
  'values',
  (setup) => {
    const one = async (text: string, ...params: unknown[]) => {
      const rows = await setup.database.execute<{ v: unknown }>({ text, params });
      expect(rows).toHaveLength(1);
      return rows[0]?.v;
    };

    test.each([
      ['1::int2', 1],
      ['(-2147483648)::int4', -2147483648],
      ['4294967295::oid', 4294967295],
      ["'-0.5'::float4", -0.5],
      ['1e300::float8', 1e300],
      ["'NaN'::float8", Number.NaN],
      ["'-Infinity'::float8", Number.NEGATIVE_INFINITY],
      ['true', true],
      ['false', false],
      [`'{"a":[1,null,"x"]}'::json`, { a: [1, null, 'x'] }],
      ["'[1.5,true]'::jsonb", [1.5, true]],
      ["'null'::jsonb", null],
      ['null::int4', null],
      ['9007199254740993::int8', '9007199254740993'],
      ['count(*)', '1'],
      ['1.10::numeric', '1.10'],
      ["'{1,2}'::int4[]", '{1,2}'],
      ["'\\x00ff'::bytea", '\\x00ff'],
      ["'7f2c3e04-7f6a-4d6c-9a52-0f4d4a1b2c3d'::uuid", '7f2c3e04-7f6a-4d6c-9a52-0f4d4a1b2c3d'],
      ["'2026-11-23'::date", '2026-11-23'],
      ["timestamptz '2026-11-23 10:00:00.123456+00' at time zone 'UTC'", '2026-11-23 10:00:00.123456'],
      ["interval '1 day 2 s'", '1 day 00:00:02'],
      ["'text'::text", 'text'],
    ])('%s is decoded as the contract says', async (expression, expected) => {
      expect(await one(`select ${expression} as v`)).toEqual(expected);
      const withParameters = await one(`select ${expression} as v from (select $1::text) as p`, 'x');
      expect(withParameters).toEqual(expected);
    });

    test('a timestamptz is text with its offset', async () => {
      expect(await one("select '2026-11-23 10:00:00Z'::timestamptz as v")).toMatch(/^2026-11-2\d \d\d:00:00[+-]\d\d/);
    });

    test.each([
      ['text', 'plain'],
      ['text', ''],
      ['text', 'it\'s "quoted" \\ and $1 {a,b}'],
      ['text', 'Grüße, 你好, مرحبا, 🚀👩‍👩‍👧'],
      ['text', 'line\r\nbreak\ttab'],
      ['int4', 42],
      ['float8', -1.25],
      ['bool', true],
      ['bool', false],
      ['text', null],
      ['jsonb', null],
    ])('a parameter comes back unchanged: %s %j', async (type, value) => {
      expect(await one(`select $1::${type} as v`, value)).toBe(value);
    });

    test('JSON text arrives as the document that it holds', async () => {
      const document = { text: 'ü"\\\n🚀', list: [1, null, [true]], deep: { empty: {} } };
      expect(await one('select $1::jsonb as v', JSON.stringify(document))).toEqual(document);
    });

    test('JavaScript arrays are Postgres arrays', async () => {
      expect(await one('select $1::int4[] as v', [1, 2, -3])).toBe('{1,2,-3}');
      expect(await one('select array_length($1::text[], 1) as v', ['a', '', 'NULL', '"', '\\', 'x,y', '{}'])).toBe(7);
      expect(await one('select ($1::text[])[3] as v', ['a', '', 'NU"L\\L,{ü}'])).toBe('NU"L\\L,{ü}');
      expect(await one('select cardinality($1::text[]) as v', [])).toBe(0);
      expect(await one('select ($1::text[])[2] is null as v', ['a', null])).toBe(true);
      expect(await one('select 7 = any($1::int4[]) as v', [5, 6, 7])).toBe(true);
    });

    test('rows keep their order and columns their names', async () => {
      const rows = await setup.database.execute({
        text: 'select n, n * 2 as "Double Value" from generate_series(1, 1000) as n',
        params: [],
      });
      expect(rows).toHaveLength(1000);
      expect(rows[999]).toEqual({ n: 1000, 'Double Value': 2000 });
    });

    test('a statement without rows answers with none', async () => {
      expect(await setup.database.execute({ text: 'create table if not exists nothing (id int)', params: [] })).toEqual(
        [],
      );
      expect(await setup.database.execute({ text: 'delete from nothing where id = $1', params: [1] })).toEqual([]);
    });

    test('20 MB go in and come out', async () => {
      const big = '0123456789abcdefü'.repeat(1_165_000);
      expect(await one('select $1::text as v', big)).toBe(big);
    });

    test('drizzle reads and writes', async () => {
      const notes = pgTable('notes', { body: textColumn().primaryKey(), at: timestamp({ withTimezone: true }) });
      const drizzle = await drizzleOver(setup.database);
      await drizzle.execute(sql`create table notes (body text primary key, at timestamptz)`);
      const at = new Date('2026-11-23T10:00:00.000Z');
      await drizzle.insert(notes).values([{ body: 'one', at }, { body: 'two' }]);
      expect(await drizzle.select().from(notes).where(eq(notes.body, 'one'))).toEqual([{ body: 'one', at }]);
      expect(await setup.database.execute({ text: 'select body from notes order by body', params: [] })).toEqual([
        { body: 'one' },
        { body: 'two' },
      ]);
    });
  },
  { migrated: false },
);
