/** The rules of prose hold in all sources and documents, and every public export says what it promises. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { commasBeforeFor, docstringsOf, type Exported, exportsOf, opensWithoutSubject } from './prose.ts';

/** Most of the docstrings that may open without their subject: the code that we model ours on has 0 to 6 %. */
const MOST_WITHOUT_SUBJECT = 0.08;

const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => /\.(tsx?|mjs|md|sql)$/.test(file) && existsSync(file))
  .filter((file) => !/\/migrations\/.*\.sql$/.test(file)) // never edited after their release, their comments neither
  .filter((file) => !file.startsWith('tests/docs/prose')); // names what it refuses

/** A file without what is history or code of others: sections of the changelog that are released. */
function textOf(file: string): string {
  const text = readFileSync(file, 'utf8');
  return file === 'CHANGELOG.md' ? (/^## Unreleased$.*?(?=^## )/ms.exec(text)?.[0] ?? '') : text;
}

describe('the checker', () => {
  test.each([
    ['What a job is.', true],
    ['Of a job, in characters.', true],
    ['How long it waits, ms.', true],
    ['Whether it runs.', true],
    ['For tests.', true],
    ['Forgets a mapping.', false],
    ['Offset of the first row.', false],
    ['Whole seconds.', false],
    ['The longest wait, ms.', false],
  ])('%s opens without its subject: %s', (docstring, expected) => {
    expect(opensWithoutSubject(docstring)).toBe(expected);
  });

  test('finds docstrings of one line and of several, and no comment of another kind', () => {
    const code = `/** One. */\nconst a = 1; // Two.\n  /**\n   * Three\n   * lines.\n   */\n/* Four. */ const glob = '**/*.ts';`;
    expect(docstringsOf(code)).toEqual(['One.', 'Three lines.']);
  });

  test.each([
    ['Refused, for another job holds the key.', 1],
    ['/**\n * Waits 2 s,\n * for the platform leaves no more.\n */', 1],
    ['-- Last, for these locks\n-- are in no order', 1],
    ['A reason, for the audit log', 1],
    ['Refused, because another job holds the key. A reason for the log.', 0],
    ['A country, for example Austria.', 0],
    ['Two, four or more', 0],
  ])('%j reads «, for » as «because» %i times', (text, expected) => {
    expect(commasBeforeFor(text)).toHaveLength(expected);
  });
});

test('fewer than 8 % of docstrings open without their subject', () => {
  const docstrings = FILES.filter((file) => /\.tsx?$/.test(file)).flatMap((file) => docstringsOf(textOf(file)));
  const found = docstrings.filter(opensWithoutSubject);
  expect(docstrings.length).toBeGreaterThan(4_000);
  expect(found.length / docstrings.length, found.slice(0, 20).join('\n')).toBeLessThan(MOST_WITHOUT_SUBJECT);
});

test('no text has «, for » in the sense of «because»', () => {
  const found = FILES.flatMap((file) => commasBeforeFor(textOf(file)).map((text) => `${file}: ${text}`));
  expect(found).toEqual([]);
});

describe.each(['packages/jobqueue', 'packages/console'])('%s', (folder) => {
  let exported: readonly Exported[];
  beforeAll(() => {
    exported = entriesOf(folder).flatMap(exportsOf);
  });

  test('every public export has a docstring', () => {
    const exports = exported.filter(({ name }) => !name.includes('.'));
    expect(exports.length).toBeGreaterThan(40);
    expect(exports.filter(({ docstring }) => docstring === '').map(({ name }) => name)).toEqual([]);
  });

  if (folder === 'packages/jobqueue')
    test.each(['createQueue', 'defineJob', 'Queue.addJob', 'Queue.drain'])('%s has an example', (name) => {
      expect(exported.find((one) => one.name === name)?.examples).toEqual([expect.stringContaining('```ts')]);
    });
});

/** Sources of a package's entries, by the `exports` of its package.json. */
function entriesOf(folder: string): string[] {
  const entries = z
    .object({ exports: z.record(z.string(), z.union([z.string(), z.object({ types: z.string() })])) })
    .parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).exports;
  return Object.values(entries)
    .flatMap((entry) => (typeof entry === 'string' ? [] : [entry.types]))
    .filter((types) => !types.endsWith('.css.d.ts')) // a stylesheet exports no names
    .map((types) => join(folder, types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts')))
    .map((file) => (existsSync(file) ? file : `${file}x`));
}
