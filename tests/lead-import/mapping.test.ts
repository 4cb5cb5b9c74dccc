/** Precedence of column mappings: chosen by hand, then a saved name, then the headers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { confirmImport } from '../../lib/imports/confirm.ts';
import { type Columns, canonical } from '../../lib/imports/lead-import/columns.ts';
import { headerMapper, savedMappings } from '../../lib/imports/lead-import/mapping.ts';
import type { ImportOptions } from '../../lib/imports/lead-import/options.ts';
import { forgetMapping } from '../../lib/imports/mappings.ts';
import { leadImports, readImported } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

/** Only the fields that have columns. */
function mapped(header: string[], columns: ImportOptions['columns']): Partial<Columns> {
  const found = headerMapper([], { columns })(header).columns;
  return Object.fromEntries(Object.entries(found).filter(([, indexes]) => indexes.length > 0));
}

test('the headers of 2,000 columns are read; beyond them a column is chosen by hand', () => {
  const header = [...Array<string>(2_000).fill('x'), 'Phone'];
  expect(mapped(header, {})).toEqual({});
  expect(mapped(['Phone', ...header], {})).toEqual({ phone: [0] });
  expect(mapped(header, { '#2001': 'phone' })).toEqual({ phone: [2_000] });
});

describe('by hand', () => {
  test.each<[string, string[], ImportOptions['columns'], Partial<Columns>]>([
    [
      'a header that no synonym knows',
      ['Имя', 'Телефон'],
      { Имя: 'name', Телефон: 'phone' },
      { name: [0], phone: [1] },
    ],
    ['compared as headers are', ['* Ihre_Nummer *'], { 'ihre nummer': 'phone' }, { phone: [0] }],
    [
      'columns that are not named keep what their headers say',
      ['Phone', 'Email', 'X'],
      { X: 'name' },
      { phone: [0], email: [1], name: [2] },
    ],
    ['ignore', ['Phone', 'Notes'], { Notes: 'ignore' }, { phone: [0] }],
    ['a chosen column beats the headers', ['Phone', 'Other'], { Other: 'phone' }, { phone: [1, 0] }],
    [
      'the same choice as the headers changes no order',
      ['Phone', 'WhatsApp'],
      { Phone: 'phone', WhatsApp: 'phone' },
      { phone: [1, 0] },
    ],
    ['by its place if headers occur twice', ['Phone', 'Phone'], { '#1': 'ignore' }, { phone: [1] }],
    [
      'a name means all columns of that name, a place one of them',
      ['N', 'N', 'Tel'],
      { N: 'notes', '#2': 'ignore' },
      { notes: [0], phone: [2] },
    ],
    ['by its place if its header is empty', ['Tel', ''], { '#2': 'name' }, { phone: [0], name: [1] }],
  ])('%s', (_, header, columns, expected) => {
    expect(mapped(header, columns)).toEqual(expected);
  });

  test.each(['Fax', '#3', ''])('a column that the file does not have is refused: %j', (key) => {
    expect(() => mapped(['Phone', 'Name'], { [key]: 'notes' })).toThrow(/expected a column/);
  });

  test('finds the delimiter under which the chosen headers appear', async () => {
    const { leads } = await imports.imported('Имя, полностью|Телефон, моб.\nИван, П.|0501111111\n', {
      options: { columns: { 'Имя, полностью': 'name', 'Телефон, моб.': 'phone' } },
    });
    expect(leads).toMatchObject([{ phone: '+971501111111', name: 'Иван, П.' }]);
  });

  test('of an upload: what cannot be found is asked about: unknown columns by their name, missing numbers with the headers', async () => {
    const unknown = await imports.imported('Phone\n0501111111\n', { options: { columns: { Fax: 'notes' } } });
    expect(unknown.view).toMatchObject({ status: 'waiting', question: { code: 'columns' } });
    expect(unknown.view.question?.message).toContain("'Fax'");
    const ignored = await imports.imported('Phone\n0501111111\n', { options: { columns: { Phone: 'ignore' } } });
    expect(ignored.view.question?.message).toContain('expected a column such as Phone');
    const named = await imports.imported('Phone\n0501111111\n', { options: { mapping: 'none such' } });
    expect(named.view.question?.message).toContain("no saved mapping 'none such'");
    await confirmImport(imports.database, named.importId, { options: { columns: { Phone: 'phone' } } });
    await imports.runToEnd(named.importId);
    expect((await readImported(imports.database, named.importId)).outcomes).toEqual(['2 created']);
  });
});

describe('saved', () => {
  const FIRST = 'Кто,Куда\nИван,0501111111\n';
  const columns = { Кто: 'name', Куда: 'phone' } as const;

  test('is used by itself for the same headers, and shown', async () => {
    const { companyId, view } = await imports.imported(FIRST, { options: { columns, saveMapping: 'partner' } });
    expect(view).toMatchObject({
      status: 'completed',
      mapping: 'partner',
      columns: { phone: ['Куда'], name: ['Кто'] },
    });
    const again = await imports.imported('КТО,куда*\nОльга,0502222222\n', { companyId });
    expect(again.view).toMatchObject({ status: 'completed', mapping: 'partner', counts: { created: 1 } });
  });

  test('is not used for other headers, unless it is named: then by the names of its columns', async () => {
    const { companyId } = await imports.imported(FIRST, { options: { columns, saveMapping: 'partner' } });
    const other = 'Email,Куда,Кто\no@x.com,0502222222,Ольга\n';
    expect((await imports.imported(other, { companyId })).view).toMatchObject({ status: 'waiting' });
    const named = await imports.imported(other, { companyId, options: { mapping: 'partner' } });
    expect(named.view).toMatchObject({ status: 'completed', mapping: 'partner' });
    expect(named.leads.at(-1)).toMatchObject({ phone: '+971502222222', name: 'Ольга', email: null });
  });

  test('and a column chosen by hand goes before it', async () => {
    const { companyId } = await imports.imported(FIRST, { options: { columns, saveMapping: 'partner' } });
    const { leads } = await imports.imported('Кто,Куда\nzweite,0502222222\n', {
      companyId,
      options: { columns: { Кто: 'notes' } },
    });
    expect(leads.at(-1)).toMatchObject({ name: null, notes: 'zweite' });
  });

  test('twice under one name is the later one; forgotten it is used no more; companies do not share', async () => {
    const { companyId } = await imports.imported(FIRST, { options: { columns, saveMapping: 'partner' } });
    await imports.imported(FIRST, {
      companyId,
      options: { columns: { ...columns, Кто: 'notes' }, saveMapping: 'partner' },
    });
    const saved = await savedMappings(imports.database, companyId);
    expect(saved).toMatchObject([
      { name: 'partner', header: ['кто', 'куда'], columns: { notes: [0], phone: [1], name: [] } },
    ]);
    expect((await imports.imported(FIRST)).view).toMatchObject({ status: 'waiting' });
    await forgetMapping(imports.database, companyId, 'partner');
    expect((await imports.imported(FIRST, { companyId })).view).toMatchObject({ status: 'waiting' });
    await expect(forgetMapping(imports.database, companyId, 'partner')).rejects.toMatchObject({ status: 404 });
  });

  test('of headers that stand twice keeps which is which', () => {
    const header = ['Phone', 'Phone', 'Name'];
    const { columns } = headerMapper([], { columns: { '#1': 'ignore' } })(header);
    const saved = [{ name: 's', header: header.map(canonical), columns }];
    expect(headerMapper(saved, { columns: {} })(header).columns.phone).toEqual([1]);
    expect(headerMapper(saved, { columns: {}, mapping: 's' })(['X', ...header]).columns).toMatchObject({
      phone: [2],
      name: [3],
    });
    expect(headerMapper(saved, { columns: {}, mapping: 's' })(['Phone', 'Name']).columns.phone).toEqual([]);
  });
});
