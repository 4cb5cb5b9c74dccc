/** The doctor reads drizzle-kit's configuration, because a push drops what is in its schemas and not declared. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { drizzleFinding } from '../../src/cli/doctor/drizzle.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drizzle-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const configured = (text: string, file = 'drizzle.config.ts') => {
  writeFileSync(join(folder, file), text);
  return drizzleFinding(folder, 'jobqueue');
};

test('an app without drizzle-kit hears nothing', () => {
  expect(drizzleFinding(folder, 'jobqueue')).toBeNull();
});

test.each([
  `export default defineConfig({ dialect: 'postgresql', schema: './schema.ts' });`,
  `export default defineConfig({ schemaFilter: ['public', 'billing'] });`,
  `export default defineConfig({ schemaFilter: 'public' });`,
  `export default defineConfig({ schemaFilter: ['public'] }); // schemaFilter: ['jobqueue'] would drop the queue`,
  `export default defineConfig({ schemaFilter: ['my_*'] });`,
])('%s is fine', (text) => {
  expect(configured(text)).toMatchObject({ state: 'ok' });
});

test.each([
  [
    `export default defineConfig({ schemaFilter: ['public', 'jobqueue'] });`,
    /has jobqueue: drizzle-kit push would drop/,
  ],
  [`export default defineConfig({ schemaFilter: "*" });`, /has \*/],
  [`export default defineConfig({\n  schemaFilter: [\n    'public',\n    "job*",\n  ],\n});`, /has job\*/],
  [`export default defineConfig({ schemaFilter: [] });`, /has an empty list/],
  ['export default defineConfig({ schemaFilter: schemas });', /is computed/],
  ["export default defineConfig({ schemaFilter: ['public', schema] });", /is computed/],
  ['export default defineConfig({ schemaFilter });', /is computed/],
])('%s is warned of', (text, detail) => {
  expect(configured(text)).toMatchObject({ state: 'warn', detail: expect.stringMatching(detail) });
});

test('JSON is read too', () => {
  const text = '{ "dialect": "postgresql", "schemaFilter": ["jobqueue"] }';
  expect(configured(text, 'drizzle.config.json')).toMatchObject({ state: 'warn' });
});
