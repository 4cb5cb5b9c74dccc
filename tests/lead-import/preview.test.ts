/** A preview shows what the import will do, with the import's own code: so the two are compared. */
import iconv from 'iconv-lite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelImport } from '../../lib/imports/cancel.ts';
import { type Answer, confirmImport } from '../../lib/imports/confirm.ts';
import type { Encoding } from '../../lib/imports/lead-import/encoding.ts';
import type { ImportChoice } from '../../lib/imports/lead-import/options.ts';
import { openUpload } from '../../lib/imports/parts.ts';
import { type Preview, previewImport } from '../../lib/imports/preview.ts';
import { leadImports, readImported, type UploadOptions } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

async function preview(importId: string, choice: Answer = {}): Promise<Preview> {
  const found = await previewImport(imports.database, importId, choice);
  if (found === null) throw new Error(`there is no import ${importId}`);
  return found;
}

const previewOf = async (file: string | Uint8Array, options: UploadOptions = {}) =>
  preview(await imports.upload(file, options));

const KNOWN = 'Phone,Name,Email,Tags\n0501111111,Ali,ali@x.com,vip\n0502222222,Omar,,\n';
const FILE = [
  'Phone,Name,Email,Tags,City',
  '0501111111,Ali Hassan,,new,Dubai',
  '0502222222,Omar,,,',
  '',
  '0503333333,Sara,sara@x.com,,',
  '+971 50 333 3333,Sara again,,,',
  '0504,Bad,,,',
  '',
].join('\n');

test('shows each row as it would become, and which fields of a known lead would change', async () => {
  const { companyId } = await imports.imported(KNOWN);
  const shown = await previewOf(FILE, { companyId });
  expect(shown).toMatchObject({
    encoding: { used: 'utf-8', source: 'utf8', suggestion: null },
    delimiter: ',',
    country: 'AE',
    mapping: null,
    failure: null,
    columns: [
      { header: 'Phone', field: 'phone' },
      { header: 'Name', field: 'name' },
      { header: 'Email', field: 'email' },
      { header: 'Tags', field: 'tags' },
      { header: 'City', field: null },
    ],
  });
  expect(shown.rows.map(({ row, outcome, changes }) => [row, outcome, changes])).toEqual([
    [2, 'updated', ['name', 'tags']],
    [3, 'unchanged', []],
    [5, 'created', []],
    [6, 'duplicate', []],
    [7, 'error', []],
  ]);
  expect(shown.rows[0]).toMatchObject({
    cells: ['0501111111', 'Ali Hassan', '', 'new', 'Dubai'],
    lead: { phone: '+971501111111', name: 'Ali Hassan', email: null, tags: ['new'] },
    error: null,
  });
  expect(shown.rows[4]).toMatchObject({ lead: null, error: { code: 'phone_invalid', column: 'Phone', value: '0504' } });
});

test.each<[string, ImportChoice]>([
  ['upsert', {}],
  ['create_only', { mode: 'create_only' }],
  ['update_only', { mode: 'update_only', tags: ['vip'] }],
  ['fill_empty', { policy: 'fill_empty' }],
  ['never', { policy: 'never' }],
  ['clear', { clear: true }],
])('%s: what it shows is what the import does', async (_, options) => {
  const { companyId } = await imports.imported(KNOWN);
  const importId = await imports.upload(FILE, { companyId, options: { ...options, preview: true } });
  const foreseen = (await preview(importId)).rows.map(({ row, outcome }) => `${row} ${outcome}`);
  await imports.runToEnd(importId);
  await confirmImport(imports.database, importId, {});
  await imports.runToEnd(importId);
  expect((await readImported(imports.database, importId)).outcomes).toEqual(foreseen);
});

test('writes nothing', async () => {
  const { companyId, leads } = await imports.imported(KNOWN);
  const importId = await imports.upload(FILE, { companyId });
  const everything = () =>
    imports.rows(
      'select imports::text as import, (select count(*) from import_rows) as rows from imports where id = $1',
      importId,
    );
  const before = await everything();
  await preview(importId, { options: { columns: { City: 'notes' } } });
  expect(await everything()).toEqual(before);
  expect((await readImported(imports.database, importId)).leads).toEqual(leads);
});

describe('other choices are tried, and not kept', () => {
  test('columns, country, mode', async () => {
    const importId = await imports.upload('Kontakt,Phone\n020 7946 0018,x\n');
    expect((await preview(importId)).rows).toMatchObject([{ outcome: 'error' }]);
    const tried = await preview(importId, {
      country: 'GB',
      options: { columns: { Kontakt: 'phone' }, mode: 'update_only' },
    });
    expect(tried).toMatchObject({ country: 'GB', columns: [{ field: 'phone' }, { field: 'phone' }] });
    expect(tried.rows).toMatchObject([{ outcome: 'skipped', lead: { phone: '+442079460018' } }]);
    expect((await preview(importId)).rows).toMatchObject([{ outcome: 'error' }]);
  });

  test('the delimiter', async () => {
    const importId = await imports.upload('Phone;Name, first\n0501111111;Ali\n');
    expect((await preview(importId)).columns).toHaveLength(2);
    expect(await preview(importId, { delimiter: ',' })).toMatchObject({
      delimiter: ',',
      columns: [{ header: 'Phone;Name' }, { header: ' first' }],
      failure: { code: 'phone_column_missing' },
    });
  });

  test('encodings: the suggested one first', async () => {
    const importId = await imports.upload(iconv.encode('Phone,Name\n0501111111,Ольга Сидорова\n', 'windows-1251'));
    const first = await preview(importId);
    expect(first.encoding).toMatchObject({
      used: 'windows-1251',
      source: 'suggested',
      suggestion: { encoding: 'windows-1251' },
    });
    expect(first.rows).toMatchObject([{ outcome: 'created', lead: { name: 'Ольга Сидорова' } }]);
    const other = await preview(importId, { encoding: 'koi8-r' });
    expect(other.encoding).toMatchObject({ used: 'koi8-r', source: 'chosen' });
    expect(other.rows[0]?.lead?.name).not.toBe('Ольга Сидорова');
  });
});

test.each<[Encoding, string | null]>([
  ['windows-1250', null],
  ['windows-1252', 'encoding_unsupported'],
  ['utf-8', 'encoding_unsupported'],
])('bytes that mean nothing in %s: %s', async (encoding, code) => {
  const shown = await previewOf(iconv.encode('Phone,Name\n0501111111,Ěva Ťapková\n', 'windows-1250'), { encoding });
  expect(shown.failure?.code ?? null).toBe(code);
  expect(shown.rows).toMatchObject([{ outcome: 'created' }]);
});

describe('before a decision', () => {
  test('an encoding that shows only far into the file is suggested as the check found it', async () => {
    const ascii = Array.from({ length: 9_000 }, (_, n) => `050${1_000_000 + n},Lead ${n}\n`).join('');
    const file = iconv.encode(`Phone,Name\n${ascii}0509999999,Иван Сидоров\n`, 'windows-1251');
    const importId = await imports.upload(file);
    expect((await preview(importId)).encoding.source).toBe('utf8');
    await imports.runToEnd(importId);
    expect((await preview(importId)).encoding).toMatchObject({ used: 'windows-1251', source: 'suggested' });
  });

  test.each(['utf-16le', 'utf-16be'] as const)('%s is read with and without its mark', async (encoding) => {
    for (const addBOM of [true, false]) {
      const shown = await previewOf(iconv.encode('Phone,Name\n0501111111,محمد\n', encoding, { addBOM }));
      expect(shown.encoding).toMatchObject({ used: encoding, source: addBOM ? 'byte_order_mark' : 'suggested' });
      expect(shown).toMatchObject({
        columns: [{ header: 'Phone' }, { header: 'Name' }],
        rows: [{ lead: { name: 'محمد' } }],
      });
    }
  });

  test('columns that cannot be told are shown with their cells, so that a person can choose', async () => {
    const shown = await previewOf('Куда,Кто\n0501111111,Иван\n');
    expect(shown).toMatchObject({
      columns: [
        { header: 'Куда', field: null },
        { header: 'Кто', field: null },
      ],
      rows: [{ cells: ['0501111111', 'Иван'], outcome: null, lead: null }],
      failure: { code: 'phone_column_missing' },
    });
  });

  test.each([
    ['nothing', '', 'file_empty'],
    ['a spreadsheet', 'PK\x03\x04 sheet', 'file_is_spreadsheet'],
    ['an unbalanced quote', 'Phone,Name\n0501111111,"Ali\n', 'quote_unbalanced'],
    ['NUL bytes', 'Phone,Name\n0501111111,A\0li\n', 'binary_content'],
    ['one endless line', 'x'.repeat(200_000), 'line_too_long'],
  ])('%s is told, not thrown', async (_, file, code) => {
    expect(await previewOf(file)).toMatchObject({ failure: { code } });
  });
});

describe('is bounded', () => {
  test('to 20 rows, 100 columns and 200 characters of a cell', async () => {
    const header = ['Phone', 'Name', ...Array.from({ length: 150 }, (_, n) => `c${n}`)].join(',');
    const rows = Array.from({ length: 60 }, (_, n) => `050${1_000_000 + n},${'😀'.repeat(150)}`);
    const shown = await previewOf(`${header}\n${rows.join('\n')}\n`);
    expect(shown.rows).toHaveLength(20);
    expect(shown.columns).toHaveLength(100);
    expect(shown.rows[0]?.cells[1]?.length).toBeLessThanOrEqual(401);
  });

  test('by 64 KiB of the file: a cell that goes on behind them is no mistake', async () => {
    const long = (n: number) => `050${1_000_000 + n},"${'line\n'.repeat(1_900)}"`;
    const shown = await previewOf(`Phone,Notes\n${Array.from({ length: 12 }, (_, n) => long(n)).join('\n')}\n`);
    expect(shown.failure).toBeNull();
    expect(shown.rows.length).toBeGreaterThan(4);
    expect(shown.rows.length).toBeLessThan(12);
  });
});

test('a file that goes while its import is looked at is gone, not a fault', async () => {
  const importId = await imports.upload('Phone\n0501111111\n');
  await imports.database.execute({ text: 'delete from import_parts where import_id = $1', params: [importId] });
  await expect(preview(importId)).rejects.toMatchObject({ status: 409, code: 'file_gone' });
});

test('what is gone, unfinished or unknown has none', async () => {
  const { importId } = await imports.imported('Phone\n0501111111\n');
  await expect(preview(importId)).rejects.toMatchObject({ status: 409, code: 'file_gone' });
  const open = {
    importId: 'opened-for-preview',
    companyId: 'acme',
    createCompany: true,
    fileName: null,
    country: null,
    delimiter: null,
  };
  await openUpload(imports.database, open);
  await expect(preview(open.importId)).rejects.toMatchObject({ status: 409, code: 'upload_incomplete' });
  await cancelImport(imports.database, open.importId);
  expect(await previewImport(imports.database, 'no-such-import', {})).toBeNull();
});
