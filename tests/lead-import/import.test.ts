/** Import of a file: exact counts, outcomes and reasons. */
import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leadImports } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

interface Row {
  row: number;
  outcome: string;
  code: string | null;
  column: string | null;
  value: string | null;
  message: string | null;
}

let companies = 0;

async function imported(file: string | Uint8Array, options: { country?: string; companyId?: string } = {}) {
  const { companyId = `company-${++companies}` } = options;
  const importId = await imports.upload(file, { ...options, companyId });
  await imports.runToEnd(importId);
  const view = await imports.status(importId);
  const rows = await imports.rows<Row>(
    'select row, outcome, code, "column", value, message from import_rows where import_id = $1 order by row',
    importId,
  );
  const leads = await imports.rows<{ phone: string; name: string | null; email: string | null }>(
    'select phone_e164 as phone, name, email from leads where company_id = $1 order by id',
    companyId,
  );
  return { importId, companyId, view, rows, leads };
}

const outcomes = (rows: Row[]) => rows.map(({ row, outcome }) => `${row} ${outcome}`);

describe('leads-100.csv', () => {
  /**
   * All 100 numbers have ten digits of the North American plan; what they need to exist is an area code that is in service and
   * an exchange that this area has. Random digits often have neither.
   */
  const NO_SUCH_AREA =
    '222 287 293 342 355 390 433 444 459 467 471 483 495 549 550 552 556 597 635 677 697 710 739 749 756 799 827 869 881 896 899 927 944 965 967';
  /** Anguilla, Grenada and St Kitts: the areas exist, the exchanges 621, 214 and 300 in them do not. */
  const NO_SUCH_EXCHANGE = '264621 473214 869300';

  test('79 leads, of which 20 by their second number, and 21 rows whose two numbers nobody has', async () => {
    const csv = await readFile('fixtures/leads-100.csv');
    const { view, rows, leads } = await imported(csv, { country: 'US', companyId: 'us' });
    expect(view).toMatchObject({
      status: 'completed',
      progress: { doneBytes: csv.length, totalBytes: csv.length, percent: 100 },
      counts: { rows: 100, created: 79, updated: 0, unchanged: 0, duplicates: 0, errors: 21, warnings: 20 },
      columns: { phone: ['Phone 1', 'Phone 2'], firstName: ['First Name'], lastName: ['Last Name'] },
    });
    expect(leads).toHaveLength(79);
    expect(leads).toContainEqual({
      phone: '+15323441362',
      name: 'Victor Cochran',
      email: 'hatkinson@mclaughlin.com',
    });

    const digits = parse(csv, { columns: true }).map((record) =>
      (record as Record<string, string>)['Phone 1']?.replace(/x.*/, '').replace(/\D/g, '').slice(-10),
    );
    const refused = rows.filter(({ outcome }) => outcome === 'error');
    expect(new Set(refused.map(({ code, column, message }) => `${code} ${column} ${message?.slice(0, 14)}`))).toEqual(
      new Set(['phone_invalid Phone 1 no such number']),
    );
    const areas = NO_SUCH_AREA.split(' ');
    const exchanges = NO_SUCH_EXCHANGE.split(' ');
    const impossible = digits.flatMap((number, n) =>
      areas.includes(number?.slice(0, 3) ?? '') || exchanges.includes(number?.slice(0, 6) ?? '') ? [n + 2] : [],
    );
    const warned = await imports.rows<{ row: number }>(
      'select row from import_rows where import_id = $1 and warnings is not null',
      view?.importId,
    );
    expect([...refused, ...warned].map(({ row }) => row).sort((a, b) => a - b)).toEqual(impossible);
  });

  test('imported again changes nothing', async () => {
    const { view } = await imported(await readFile('fixtures/leads-100.csv'), { country: 'US', companyId: 'us' });
    expect(view?.counts).toMatchObject({ created: 0, updated: 0, unchanged: 79, errors: 21 });
  });
});

describe('nasty files', () => {
  test.each([
    ['byte order mark', '\ufeffPhone,Name\n0501234567,Ali\n'],
    ['CRLF', 'Phone,Name\r\n0501234567,Ali\r\n'],
    ['CR', 'Phone,Name\r0501234567,Ali\r'],
    ['no last line end', 'Phone,Name\n0501234567,Ali'],
    ['semicolons', 'Phone;Name\n0501234567;Ali\n'],
    ['tabs', 'Phone\tName\n0501234567\tAli\n'],
    ['blank lines', '\n\nPhone,Name\n\n0501234567,Ali\n,\n\n\n'],
    ['byte order mark and quoted header', '\ufeff"Phone","Name"\n"0501234567","Ali"\n'],
  ])('%s', async (_, file) => {
    const { view, leads } = await imported(file);
    expect(leads).toEqual([{ phone: '+971501234567', name: 'Ali', email: null }]);
    expect(view).toMatchObject({ status: 'completed', counts: { created: 1, errors: 0, duplicates: 0 } });
  });

  test('lines inside quotes, ragged rows, stray quotes and blank rows, each with the row a spreadsheet shows', async () => {
    const { view, rows, leads } = await imported(
      [
        'Phone,Name,Email', // row 1
        '0501111111,"Ali\nHassan",a@x.com', // 2
        '0502222222', // 3: ends early
        ',,', // 4: blank
        '0503333333,Omar,o@x.com,Dubai, UAE', // 5: too many
        '"0504444444"x,Stray,s@x.com', // 6: not a number any more
        '0505555555,5" pipe,', // 7
        '0506666666,Bad,mail', // 8
        '0501111111,Again,', // 9
      ].join('\r\n'),
    );
    expect(outcomes(rows)).toEqual([
      '2 created',
      '3 created',
      '5 error',
      '6 error',
      '7 created',
      '8 created',
      '9 duplicate',
    ]);
    expect(rows.filter(({ code }) => code).map(({ row, code, column, value }) => [row, code, column, value])).toEqual([
      [5, 'too_many_cells', null, null],
      [6, 'phone_invalid', 'Phone', '"0504444444"x'],
      [9, 'duplicate_in_file', null, null],
    ]);
    expect(rows.at(-1)?.message).toBe('row 2 has the same number');
    expect(view?.counts).toEqual({
      rows: 8,
      created: 4,
      updated: 0,
      unchanged: 0,
      duplicates: 1,
      skipped: 0,
      errors: 2,
      warnings: 1,
      optOuts: 0,
    });
    expect(leads.map(({ name }) => name)).toEqual(['Ali Hassan', null, '5" pipe', 'Bad']);
  });

  test.each([['Phone,Name\n'], ['Phone,Name'], ['\ufeffPhone;Name\r\n\r\n']])('header only: %j', async (file) => {
    const { view, leads } = await imported(file);
    expect(view).toMatchObject({ status: 'completed', progress: { percent: 100 }, counts: { created: 0, errors: 0 } });
    expect(leads).toEqual([]);
  });

  test.each<[name: string, file: string | Buffer, failure: object]>([
    ['nothing', '', { code: 'file_empty' }],
    ['a byte order mark alone', '\ufeff', { code: 'file_empty' }],
    ['blank lines alone', '\n\r\n,,\n', { code: 'file_empty' }],
    ['a renamed XLSX', Buffer.from('PK\x03\x04\x14\x00\x06\x00', 'latin1'), { code: 'file_is_spreadsheet' }],
    ['a renamed XLS', Buffer.from('d0cf11e0a1b11ae1', 'hex'), { code: 'file_is_spreadsheet' }],
    ['NUL bytes', 'Phone,Name\n0501111111,Ali\n0502222222,O\0mar\n', { code: 'binary_content', line: 3 }],
    ['an unbalanced quote', 'Phone,Name\n0501111111,Ali\n0502222222,"Omar\n05', { code: 'quote_unbalanced', line: 3 }],
    ['an unbalanced quote in the header', 'Phone,"Name\n0501111111,Ali\n', { code: 'quote_unbalanced', line: 1 }],
    ['a row of 10,000 long cells', `Phone\n${'cell123,'.repeat(10_000)}\n`, { code: 'record_too_long', line: 2 }],
    ['one endless line', Buffer.alloc(2_000_000, 'x'), { code: 'line_too_long', line: 1 }],
    ['one endless row', `Phone\n${'x'.repeat(2_000_000)}`, { code: 'line_too_long', line: 2 }],
  ])('%s is refused whole, with the reason', async (_, file, failure) => {
    const { view, rows, leads } = await imported(file);
    expect(view).toMatchObject({ status: 'failed', failure });
    expect([rows, leads]).toEqual([[], []]);
  });

  test('more rows than a spreadsheet holds are refused before one of them leaves a record', async () => {
    const { view, rows } = await imported(`Phone\n${'1\n'.repeat(1_048_577)}`);
    expect(view).toMatchObject({ status: 'failed', failure: { code: 'too_many_rows' } });
    expect(rows).toEqual([]);
  }, 120_000); // a million records take 10 s

  test('a missing phone column is asked about, with the headers that were found', async () => {
    const { view, rows } = await imported('Name,E-mail,\nAli,a@x.com,\n');
    expect(view).toMatchObject({ status: 'waiting', question: { code: 'columns' }, failure: null });
    expect(view?.question?.message).toContain('got: Name | E-mail | (empty)');
    expect(rows).toEqual([]);
  });
});

test('a header of any length and alphabet is shown in part, and never in half characters', async () => {
  const phone = `Phone${'!'.repeat(20_000)}`;
  const { rows } = await imported(`${phone}\n0501\n`);
  expect(rows).toMatchObject([{ outcome: 'error', column: `${phone.slice(0, 200)}…` }]);
  const { view } = await imported(`${'x'.repeat(99)}😀 yz\n0501\n`);
  expect(view?.question).toMatchObject({ code: 'columns', message: expect.stringContaining('x😀…') });
});

describe('what is known stays', () => {
  test('empty cells change nothing, new values do, equal ones are not written', async () => {
    const first = await imported('Phone,Name,Email,Company\n0501111111,Ali,a@x.com,Acme\n0502222222,,,\n');
    const { companyId } = first;
    const second = await imported('Phone,Name,Email\n0501111111,,A@X.com\n0502222222,Omar,\n', { companyId });
    expect(outcomes(second.rows)).toEqual(['2 unchanged', '3 updated']);
    expect(second.leads).toEqual([
      { phone: '+971501111111', name: 'Ali', email: 'a@x.com' },
      { phone: '+971502222222', name: 'Omar', email: null },
    ]);
    const [ali] = await imports.rows(
      'select organisation, import_id from leads where company_id = $1 order by id',
      companyId,
    );
    expect(ali).toEqual({ organisation: 'Acme', import_id: first.importId });
  });

  test('the first row of a number counts, over slices too', async () => {
    const others = Array.from({ length: 1_200 }, (_, n) => `050${1_000_000 + n},Other`);
    const file = ['Phone,Name', '+971509999999,First', ...others, '0509999999,Last', '+971 50 999 9999,Later'].join(
      '\n',
    );
    const { view, rows, leads } = await imported(file);
    expect(view?.counts).toMatchObject({ rows: 1_203, created: 1_201, duplicates: 2 });
    expect(rows.slice(-2).map(({ row, message }) => [row, message])).toEqual([
      [1_203, 'row 2 has the same number'],
      [1_204, 'row 2 has the same number'],
    ]);
    expect(leads).toContainEqual({ phone: '+971509999999', name: 'First', email: null });
  });

  test('an opt-out survives an import of its number', async () => {
    const { companyId } = await imported('Phone,Name\n0501111111,Ali\n');
    const optedOut = 'select phone_e164, reason, opted_out_at from opt_outs where company_id = $1';
    await imports.rows(
      "insert into opt_outs (company_id, phone_e164, reason) values ($1, '+971501111111', 'STOP')",
      companyId,
    );
    const before = await imports.rows(optedOut, companyId);
    await imported('Phone,Name,Opted out\n0501111111,Ali B,no\n', { companyId });
    expect(await imports.rows(optedOut, companyId)).toEqual(before);
    expect(before).toHaveLength(1);
  });

  test('companies do not share leads', async () => {
    const one = await imported('Phone\n0501111111\n');
    const other = await imported('Phone\n0501111111\n');
    expect([one.view?.counts.created, other.view?.counts.created]).toEqual([1, 1]);
  });
});

test('numbers without country code are dialled from the country of the upload', async () => {
  const { leads } = await imported('Phone\n020 7946 0018\n', { country: 'GB' });
  expect(leads.map(({ phone }) => phone)).toEqual(['+442079460018']);
});

test('once an import has ended its file is gone', async () => {
  const { importId } = await imported('Phone\n0501111111\n');
  expect(await imports.rows('select from import_parts where import_id = $1', importId)).toEqual([]);
});
