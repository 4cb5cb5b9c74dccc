/** The header of a file: below titles and notes, or nowhere; a row of data is never taken for it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { confirmImport } from '../../lib/imports/confirm.ts';
import { previewImport } from '../../lib/imports/preview.ts';
import { leadImports, readImported } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

test.each<[string, string, string]>([
  ['titles of a report', 'Leads of October\nCreated,2026-10-31 10:00\n\nName,Phone\nAli,0501111111\n', '5 created'],
  [
    'titles with delimiters',
    'Oryx LLC;;\nFrom;01.10.2026;to 31.10.2026\n;;\nName;Mobil;E-Mail\nAli;0501111111;\n',
    '5 created',
  ],
  ['a title that is a known header by itself', 'Contacts\nNotes:\nName,Phone\nAli,0501111111\n', '4 created'],
  ['the line for Excel', 'sep=;\r\nName;Phone\r\nAli;0501111111\r\n', '3 created'],
  ['the line for Excel and a mark', '\ufeffsep=\t\r\nName\tPhone\r\nAli\t0501111111\r\n', '3 created'],
])('%s: the rows keep the numbers that a spreadsheet shows', async (_, file, outcome) => {
  const { outcomes, leads } = await imports.imported(file);
  expect(outcomes).toEqual([outcome]);
  expect(leads).toMatchObject([{ name: 'Ali', phone: '+971501111111' }]);
});

describe('a file without a header', () => {
  const FILE = 'Ali,0501111111,ali@x.com\nOmar,0502222222,\n';

  test('asks, shows every row, and once answered imports every row', async () => {
    const { importId, view } = await imports.imported(FILE);
    expect(view).toMatchObject({ status: 'waiting', question: { code: 'columns' } });
    const preview = await previewImport(imports.database, importId, {});
    expect(preview).toMatchObject({ headerRow: 0, columns: [{ header: 'Column 1' }, { header: 'Column 2' }, {}] });
    expect(preview?.columns.map(({ suggested }) => suggested)).toEqual([null, 'phone', null]);
    expect(preview?.rows.map(({ cells }) => cells[0])).toEqual(['Ali', 'Omar']);
    await confirmImport(imports.database, importId, { options: { columns: { '#1': 'name', '#2': 'phone' } } });
    await imports.runToEnd(importId);
    const { outcomes, leads } = await readImported(imports.database, importId);
    expect(outcomes).toEqual(['1 created', '2 created']);
    expect(leads).toMatchObject([{ name: 'Ali' }, { name: 'Omar' }]);
  });

  test('is not read by the mapping that another such file left', async () => {
    const options = { columns: { '#1': 'name', '#2': 'phone' }, saveMapping: 'list' } as const;
    const { companyId, view } = await imports.imported(FILE, { options });
    expect(view.status).toBe('completed');
    const other = await imports.imported('0501111111,0502222222,x\n', { companyId });
    expect(other.view).toMatchObject({ status: 'waiting', mapping: null });
  });
});

test('the uploader says which row it is, or that there is none', async () => {
  const file = 'Ruf,Wer\nPhone,Name\n0501111111,Ali\n';
  const second = await imports.imported(file, { options: { headerRow: 2 } });
  expect(second.outcomes).toEqual(['3 created']);
  const none = await imports.imported(file, { options: { headerRow: 0, columns: { '#1': 'phone' } } });
  expect(none.outcomes).toEqual(['1 error', '2 error', '3 created']);
  const blank = await imports.imported(file, { options: { headerRow: 9 } });
  expect(blank.view).toMatchObject({ status: 'waiting', question: { code: 'columns' } });
});

test("notes above LinkedIn's header are no header, and a file without numbers asks", async () => {
  const file =
    'Notes:\n"When exporting your connection data, some addresses are missing."\n\nFirst Name,Last Name,URL,Email Address,Company,Position,Connected On\nAli,Hassan,https://x.example,,Acme,CEO,01 Oct 2026\n';
  const { view } = await imports.imported(file);
  expect(view).toMatchObject({ status: 'waiting', question: { code: 'columns' } });
  expect(view.question?.message).toContain('First Name | Last Name | URL');
});

test('the status says which country was used', async () => {
  const { view } = await imports.imported(
    'Country,Phone\nKSA,0501111111\n,0502222222\n,0503333333\n,+447911001155\nAtlantis,0504444444\n',
  );
  expect(view.countries).toEqual({ default: { AE: 2 }, row: { SA: 1 }, number: 1 });
});
