/** The threat model names files that exist and tests that are in them: a defence without its test is a wish. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const DOCUMENT = 'docs/security.md';
const text = readFileSync(DOCUMENT, 'utf8');
/** The tables of defences end where the document says what is not defended. */
const defences = text.slice(text.indexOf('\n## Defences\n'), text.indexOf('\n## What is not defended\n'));
const rows = defences.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:---|Against )/.test(line));

/** The whole last column: `file`: «name», «name»; `file`: «name» */
const QUOTES = /\| (?:(?:; )?`[^`]+\.test\.ts`: «[^»]+»(?:, «[^»]+»)*)+ \|$/;

/** The quotes of all rows, each as the file and the test's name: names follow the file that holds them. */
const quoted = rows.flatMap((row) => {
  const tests = row.split(' | ').at(-1) ?? '';
  return [...tests.matchAll(/`([^`]+)`: ((?:«[^»]+»(?:, )?)+)/g)].flatMap(([, file = '', names = '']) =>
    [...names.matchAll(/«([^»]+)»/g)].map(([, name = '']) => ({ file, name })),
  );
});

test('every file that the threat model names exists', () => {
  const paths = text.matchAll(/`((?:api|app|docs|lib|packages|tests)\/[\w./[\]-]+|[\w-]+\.(?:ts|json))`/g);
  const named = [...paths].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(rows.length);
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});

test('every defence quotes a test', () => {
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.filter((row) => !QUOTES.test(row))).toEqual([]);
});

test('every quoted test is in the file that is named for it', () => {
  expect(quoted.length).toBeGreaterThanOrEqual(rows.length);
  expect(quoted.filter(({ file, name }) => !existsSync(file) || !holdsTest(file, name))).toEqual([]);
});

/** True if a call in `file` begins with this name: a comment or a value that holds it is no test. */
function holdsTest(file: string, name: string): boolean {
  const literal = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`\\(\\s*(['"\`])${literal}\\1,`).test(readFileSync(file, 'utf8'));
}
