/** Defects of the previous implementation of imports, each as a test that would have caught it. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EDGE_LIMITS } from '../../lib/config.ts';
import { errorFile } from '../../lib/imports/error-file.ts';
import { MAX_FILE_BYTES } from '../../lib/imports/parts.ts';
import { leadImports } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

test('one job per row: an import is one job, however many rows', async () => {
  const { importId } = await imports.imported(
    `Phone\n${Array.from({ length: 1_200 }, (_, n) => `050${1_000_000 + n}`).join('\n')}\n`,
  );
  expect(await imports.rows("select from jobqueue.jobs where payload->>'importId' = $1", importId)).toHaveLength(1);
});

test('two queries per row in one giant transaction: a slice of 500 rows is one statement', async () => {
  const importId = await imports.upload(
    `Phone\n${Array.from({ length: 2_000 }, (_, n) => `050${1_000_000 + n}`).join('\n')}\n`,
    { companyId: 'counted' },
  );
  let statements = 0;
  let transactions = 0;
  const counted = {
    ...imports.database,
    execute: ((statement, options) => {
      statements++;
      return imports.database.execute(statement, options);
    }) as typeof imports.database.execute,
    transaction: ((work) => {
      transactions++;
      return imports.database.transaction(work);
    }) as typeof imports.database.transaction,
  };
  await imports.run(importId, {}, counted);
  expect(transactions).toBe(0);
  expect(statements).toBeLessThan(20);
});

test('a body of the platform’s 4.5 MB as the end of it: parts make a file of ten times that', () => {
  expect(EDGE_LIMITS.uploadBytes).toBeLessThan(4.5 * 1024 * 1024);
  expect(MAX_FILE_BYTES).toBeGreaterThan(10 * EDGE_LIMITS.uploadBytes);
});

test('rows without a number dropped in silence: each is refused with its row and reason', async () => {
  const { importId, view, outcomes } = await imports.imported('Phone,Name\n,Ali\n0501111111,Omar\n-,Sara\n');
  expect(outcomes).toEqual(['2 error', '3 created', '4 error']);
  expect(view.counts).toMatchObject({ rows: 3, created: 1, errors: 2 });
  const errors = await new Response(await errorFile(imports.database, importId)).text();
  expect(errors).toContain('Ali,2,phone_missing');
  expect(errors).toContain('Sara,4,phone_missing');
});

test('0501234567 and +971501234567 as two people: they are one', async () => {
  const { outcomes, leads } = await imports.imported(
    'Phone\n0501234567\n+971501234567\n00971 50 123 4567\n971501234567\n٠٥٠١٢٣٤٥٦٧\n',
  );
  expect(outcomes).toEqual(['2 created', '3 duplicate', '4 duplicate', '5 duplicate', '6 duplicate']);
  expect(leads).toMatchObject([{ phone: '+971501234567' }]);
});

test('split(","): quotes, delimiters and lines inside cells', async () => {
  const { leads } = await imports.imported(
    'Phone,Name,Notes\r\n0501111111,"Hassan, Ali","said ""call me"",\nthen hung up"\r\n',
  );
  expect(leads).toMatchObject([{ name: 'Hassan, Ali', notes: 'said "call me",\nthen hung up' }]);
});

test('a normaliser for one country that throws on all others: each upload has a country, and a wrong number refuses its row', async () => {
  const { outcomes, leads } = await imports.imported('Phone\n020 7946 0018\n+971501111111\n+33 6 12 34 56 78\n999\n', {
    country: 'GB',
  });
  expect(outcomes).toEqual(['2 created', '3 created', '4 created', '5 error']);
  expect(leads.map(({ phone }) => phone)).toEqual(['+33612345678', '+442079460018', '+971501111111']);
});

test('a plus and ten digits taken for a number: it has to exist', async () => {
  const { outcomes } = await imports.imported('Phone\n+0000000000\n+9999999999\n+97150123456789\n+1 555 000 0000\n');
  expect(outcomes).toEqual(['2 error', '3 error', '4 error', '5 error']);
});

test('no unique number per company: the same file twice is the same leads', async () => {
  const file = await readFile('fixtures/leads-100.csv');
  const { companyId } = await imports.imported(file, { country: 'US' });
  const { leads } = await imports.imported(file, { companyId, country: 'US' });
  expect(new Set(leads.map(({ phone }) => phone)).size).toBe(leads.length);
});

test('an import that knows no status, no errors and no progress', async () => {
  const importId = await imports.upload('Phone\n0501111111\n0502\n', { companyId: 'told' });
  expect(await imports.status(importId)).toMatchObject({
    status: 'pending',
    progress: { doneBytes: 0, totalBytes: 22 },
  });
  await imports.runToEnd(importId);
  expect(await imports.status(importId)).toMatchObject({
    status: 'completed',
    progress: { doneBytes: 22, totalBytes: 22, percent: 100 },
    counts: { rows: 2, created: 1, errors: 1 },
    startedAt: expect.any(String),
    finishedAt: expect.any(String),
  });
});

describe('what spreadsheets do to numbers', () => {
  test.each([
    ['rounded', '9.71501E+11', 'phone_damaged'],
    ['rounded with a decimal comma', '"9,71501E+11"', 'phone_damaged'],
    ['two in one cell', '0501111111 / 0502222222', 'phone_ambiguous'],
  ])('%s: refused with its own code, never guessed', async (_, cell, code) => {
    const { importId } = await imports.imported(`Phone\n${cell}\n`);
    expect(await imports.rows('select code from import_rows where import_id = $1', importId)).toEqual([{ code }]);
  });

  test.each([
    ['="0501111111"'],
    ["'0501111111"],
    ["'+971501111111"],
    ['=971501111111'],
    ['\u202a+971 50 111 1111\u202c'],
    ['971501111111.0'],
    ['501111111'],
  ])('%s is the number that it shows', async (cell) => {
    const { leads } = await imports.imported(`Phone\n"${cell.replaceAll('"', '""')}"\n`);
    expect(leads).toMatchObject([{ phone: '+971501111111' }]);
  });
});

describe('files as people have them', () => {
  test('headers that stand twice: the first that says something', async () => {
    const { leads } = await imports.imported(
      'Phone,Name,Phone,Name\n0501111111,,0502222222,Ali\n,Omar,0503333333,Other\n',
    );
    expect(leads).toMatchObject([
      { phone: '+971501111111', name: 'Ali' },
      { phone: '+971503333333', name: 'Omar' },
    ]);
  });

  test('ragged rows and stray quotes swallow no neighbour', async () => {
    const { outcomes, leads } = await imports.imported(
      'Phone,Name,Notes\n0501111111\n0502222222,"x"y,5" pipe\n0503333333,Sara,,,\n0504444444,a,b,c\n',
    );
    expect(outcomes).toEqual(['2 created', '3 created', '4 created', '5 error']);
    expect(leads[1]).toMatchObject({ name: '"x"y', notes: '5" pipe' });
  });
});
