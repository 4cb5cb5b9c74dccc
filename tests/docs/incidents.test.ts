/** docs/incidents.md: its SQL runs, and its code compiles. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { blocksOf } from './markdown.ts';
import { mirrorWith } from './mirror.ts';

const DOCUMENT = 'docs/incidents.md';

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

test.each(blocksOf(DOCUMENT, 'sql'))('its SQL at line $line runs', async ({ text }) => {
  await sql.query(text);
});

test('its code compiles in strict mode', { timeout: 120_000 }, async () => {
  const mirror = mirrorWith([DOCUMENT]);
  expect(await mirror.compile()).toBe('');
  mirror.remove();
});
