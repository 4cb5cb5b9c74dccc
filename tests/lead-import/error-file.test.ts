/** The error file: harmless in a spreadsheet, complete, and importable again once corrected. */
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { streamOf } from '../../lib/csv/csv.ts';
import { errorFile } from '../../lib/imports/error-file.ts';
import { leadImports } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

async function imported(file: string) {
  const importId = await imports.upload(file);
  await imports.runToEnd(importId);
  return importId;
}

async function errorsOf(importId: string): Promise<string> {
  const stream = await errorFile(imports.database, importId);
  return Buffer.from(await new Response(stream).arrayBuffer()).toString('utf8'); // text() would drop the byte order mark
}

test('has the columns of the file, the row, the code and the reason', async () => {
  const importId = await imported('Name;Phone;City\nAli;0501111111;Dubai\nOmar;0502;"Abu; Dhabi"\n\nSara;;\n');
  expect(await errorsOf(importId)).toBe(
    [
      '\ufeffName;Phone;City;_row;_error_code;_error',
      'Omar;0502;"Abu; Dhabi";3;phone_invalid;Phone: this number is too short',
      'Sara;;;5;phone_missing;Phone: there is no phone number in this row',
      '',
    ].join('\r\n'),
  );
});

test('wide rows come in small pieces, so that the rest of the process has its turn between them', async () => {
  const importId = await imported(`Phone\n${`1${',x'.repeat(20_000)}\n`.repeat(60)}`);
  const stream = await errorFile(imports.database, importId);
  const sizes: number[] = [];
  for await (const piece of stream ?? []) sizes.push(piece.length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(60 * 40_000);
  expect(Math.max(...sizes)).toBeLessThan(128 * 1024);
});

test('a stream of lines gives way to the rest of the process behind each of them', async () => {
  async function* lines() {
    for (let n = 0; n < 50; n++) yield `${n}\r\n`;
  }
  let turns = 0;
  let isRead = false;
  const turn = () => {
    turns++;
    if (!isRead) setImmediate(turn);
  };
  setImmediate(turn);
  await new Response(streamOf(lines())).text();
  isRead = true;
  expect(turns).toBeGreaterThan(40);
});

test('no cell of it is a formula', async () => {
  const importId = await imported(
    'Phone,Name,"=cmd|\'/c calc\'!A1"\n0501,=1+1,@SUM(A1)\n+1555,-2,"\t=3"\n+9715012,＝4,x\n',
  );
  const [header, ...rows] = parse(await errorsOf(importId), { bom: true }) as string[][];
  expect(header?.[2]).toBe("'=cmd|'/c calc'!A1");
  expect(rows.map((cells) => cells.slice(0, 3))).toEqual([
    ['0501', "'=1+1", "'@SUM(A1)"],
    ["'+1555", "'-2", "'\t=3"],
    ['+9715012', "'＝4", 'x'], // nothing but digits behind a plus: a number, whatever is wrong with it
  ]);
});

test('corrected and imported again it gives leads with the values of the first file', async () => {
  const first = await imported('Phone,Name,Notes\n0501,=Ali,"two\nlines"\n0502,"O""Neil, K",\n');
  const corrected = (await errorsOf(first)).replace('0501,', '0501234501,').replace('0502,', '0501234502,');
  const second = await imported(corrected);
  expect(await imports.status(second)).toMatchObject({ status: 'completed', counts: { created: 2, errors: 0 } });
  const leads = await imports.rows(
    'select phone_e164 as phone, name, notes from leads where import_id = $1 order by 1',
    second,
  );
  expect(leads).toEqual([
    { phone: '+971501234501', name: '=Ali', notes: 'two\nlines' },
    { phone: '+971501234502', name: 'O"Neil, K', notes: null },
  ]);
});

test('imported again uncorrected it gives the same file', async () => {
  const first = await imported('Phone,Name\n0501,"=""x"""\n0502,\'=y\n0503333333,Ali,Dubai\n,"  blanks  "\n');
  const again = await imported(await errorsOf(first));
  const told = (csv: string) =>
    (parse(csv, { bom: true, relax_column_count: true }) as string[][]).map(([phone, name, _row, code]) => [
      phone,
      name,
      code,
    ]);
  const rows = told(await errorsOf(first));
  expect(rows).toHaveLength(5);
  expect(told(await errorsOf(again))).toEqual(rows);
});

test('thousands of rows come in their order', async () => {
  const importId = await imported(`Phone\n${Array.from({ length: 1_700 }, (_, n) => `bad ${n}`).join('\n')}\n`);
  const rows = (parse(await errorsOf(importId), { bom: true, columns: true }) as { Phone: string }[]).map(
    ({ Phone }) => Phone,
  );
  expect(rows).toEqual(Array.from({ length: 1_700 }, (_, n) => `bad ${n}`));
});

test('an import without errors has the header alone, one that does not exist has none', async () => {
  expect(await errorsOf(await imported('Phone\n0501111111\n'))).toBe('\ufeffPhone,_row,_error_code,_error\r\n');
  expect(await errorFile(imports.database, 'no-such-import')).toBeNull();
});
