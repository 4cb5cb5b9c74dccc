/** A row's effect on a known lead: modes, rules and tags. A dry run reports all of it and changes nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorFile } from '../../lib/imports/error-file.ts';
import { type ImportChoice, importOptions, rulesOf } from '../../lib/imports/lead-import/options.ts';
import { leadImports, type StoredLead } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

const KNOWN = 'Phone,Name,Email,Source,Tags\n0501111111,Ali,ali@x.com,Fair,"vip, dubai"\n0502222222,Omar,,,\n';
const GIVEN =
  'Phone,Name,Email,Source,Tags\n0501111111,Ali Hassan,,Web,new\n0502222222,,omar@x.com,,\n0503333333,Sara,,,\n';

/** A company that knows two leads, and what a second file with `options` made of them. */
async function second(options: ImportChoice, { file = GIVEN, dryRun = false } = {}) {
  const { companyId } = await imports.imported(KNOWN);
  const result = await imports.imported(file, { companyId, options, dryRun });
  const [ali, omar, sara] = result.leads;
  return { ...result, ali, omar, sara };
}

const said = ({ name, email, source, tags }: StoredLead) => ({ name, email, source, tags });

describe('modes', () => {
  test('upsert makes new leads and changes known ones', async () => {
    const { outcomes, view } = await second({ mode: 'upsert' });
    expect(outcomes).toEqual(['2 updated', '3 updated', '4 created']);
    expect(view.counts).toEqual({
      rows: 3,
      created: 1,
      updated: 2,
      unchanged: 0,
      duplicates: 0,
      skipped: 0,
      errors: 0,
      warnings: 0,
      optOuts: 0,
    });
  });

  test('create_only passes over known leads, and says so', async () => {
    const { importId, outcomes, view, ali } = await second({ mode: 'create_only' });
    expect(outcomes).toEqual(['2 skipped', '3 skipped', '4 created']);
    expect(view.counts).toMatchObject({ created: 1, updated: 0, skipped: 2 });
    expect(ali).toMatchObject({ name: 'Ali', version: '1' });
    expect(await imports.rows('select code from import_rows where import_id = $1 and row = 2', importId)).toEqual([
      { code: 'lead_exists' },
    ]);
  });

  test('update_only makes no lead, and says so', async () => {
    const { importId, outcomes, view, leads } = await second({ mode: 'update_only' });
    expect(outcomes).toEqual(['2 updated', '3 updated', '4 skipped']);
    expect(view.counts).toMatchObject({ created: 0, updated: 2, skipped: 1 });
    expect(leads).toHaveLength(2);
    expect(await imports.rows('select code from import_rows where import_id = $1 and row = 4', importId)).toEqual([
      { code: 'lead_unknown' },
    ]);
  });

  test.each(['create_only', 'update_only'] as const)(
    '%s: a number that stands twice is a duplicate of a row that was passed over',
    async (mode) => {
      const file = 'Phone\n0501111111\n0509999999\n0501111111\n0509999999\n';
      const { outcomes } = await second({ mode }, { file });
      expect(outcomes.slice(2)).toEqual(['4 duplicate', '5 duplicate']);
    },
  );
});

test.each([false, true])(
  'a number that was passed over slices ago is a duplicate all the same (dry run: %s)',
  async (dryRun) => {
    const rows = Array.from({ length: 1_200 }, (_, n) => `050${1_000_000 + n}`);
    const file = `Phone\n0501111111\n${rows.join('\n')}\n0501111111\n`;
    const { outcomes, view } = await second({ mode: 'update_only' }, { file, dryRun });
    expect([outcomes[0], outcomes.at(-1)]).toEqual(['2 unchanged', '1203 duplicate']);
    expect(view.counts).toMatchObject({ skipped: 1_200, duplicates: 1 });
    const again = `Phone\n0509999999\n${rows.join('\n')}\n0509999999\n`;
    const { outcomes: passed } = await second({ mode: 'update_only' }, { file: again, dryRun });
    expect([passed[0], passed.at(-1)]).toEqual(['2 skipped', '1203 duplicate']);
  },
);

describe('rules', () => {
  test('overwrite, by default: values replace, empty cells say nothing, tags gather', async () => {
    const { ali, omar } = await second({});
    expect(ali && said(ali)).toEqual({
      name: 'Ali Hassan',
      email: 'ali@x.com',
      source: 'Web',
      tags: ['vip', 'dubai', 'new'],
    });
    expect(omar).toMatchObject({ name: 'Omar', email: 'omar@x.com' });
  });

  test('fill_empty: only what is not known yet', async () => {
    const { ali, omar, outcomes } = await second({ policy: 'fill_empty', policies: { tags: 'fill_empty' } });
    expect(outcomes).toEqual(['2 unchanged', '3 updated', '4 created']);
    expect(ali && said(ali)).toEqual({ name: 'Ali', email: 'ali@x.com', source: 'Fair', tags: ['vip', 'dubai'] });
    expect(omar).toMatchObject({ name: 'Omar', email: 'omar@x.com' });
  });

  test('never: known leads stay as they are, tags too; new ones get everything', async () => {
    const { ali, omar, sara, outcomes } = await second({ policy: 'never' });
    expect(outcomes).toEqual(['2 unchanged', '3 unchanged', '4 created']);
    expect([ali?.version, omar?.version]).toEqual(['1', '1']);
    expect(sara).toMatchObject({ name: 'Sara' });
  });

  test('one for each field', async () => {
    const { ali, omar } = await second({
      policy: 'never',
      policies: { name: 'overwrite', email: 'fill_empty', tags: 'overwrite' },
    });
    expect(ali && said(ali)).toEqual({ name: 'Ali Hassan', email: 'ali@x.com', source: 'Fair', tags: ['new'] });
    expect(omar).toMatchObject({ email: 'omar@x.com' });
  });

  test('clear: empty cells empty the fields that the file has columns for, and no other', async () => {
    const file = 'Phone,Name,Email\n0501111111,Ali,\n';
    const { ali, outcomes } = await second({ clear: true }, { file });
    expect(outcomes).toEqual(['2 updated']);
    expect(ali && said(ali)).toEqual({ name: 'Ali', email: null, source: 'Fair', tags: ['vip', 'dubai'] });
  });

  test('clear counts where a value would overwrite, and nowhere else', () => {
    const options = importOptions.parse({
      clear: true,
      policy: 'fill_empty',
      policies: { name: 'overwrite', email: 'overwrite' },
    });
    expect(rulesOf(options, (field) => field !== 'email')).toEqual({
      name: 'clear',
      email: 'overwrite',
      source: 'fill_empty',
      organisation: 'fill_empty',
      notes: 'fill_empty',
      tags: 'add',
    });
  });
});

describe('tags', () => {
  test('of the upload go to every lead, before those of the row, each once', async () => {
    const { leads } = await imports.imported('Phone,Tags\n0501111111,"hot; dubai|hot"\n0502222222,\n', {
      options: { tags: ['fair', 'hot'] },
    });
    expect(leads.map(({ tags }) => tags)).toEqual([
      ['fair', 'hot', 'dubai'],
      ['fair', 'hot'],
    ]);
  });

  test('that a lead has already change nothing', async () => {
    const { companyId } = await imports.imported('Phone,Tags\n0501111111,"b,a"\n');
    const { outcomes, leads } = await imports.imported('Phone,Tags\n0501111111,a\n', { companyId });
    expect([outcomes, leads[0]?.tags]).toEqual([['2 unchanged'], ['b', 'a']]);
  });

  test('end at a hundred: those that are known stay', async () => {
    const of = (letter: string) => Array.from({ length: 20 }, (_, n) => `${letter}${n}`).join(';');
    const { companyId } = await imports.imported(`Phone,Tags\n0501111111,"${of('a')}"\n`);
    for (const letter of ['b', 'c', 'd', 'e', 'f'])
      await imports.imported(`Phone,Tags\n0501111111,"${of(letter)}"\n`, { companyId });
    const { leads } = await imports.imported('Phone\n0501111111\n', { companyId });
    expect(leads[0]?.tags).toHaveLength(100);
    expect(leads[0]?.tags.slice(0, 2)).toEqual(['a0', 'a1']);
    expect(leads[0]?.tags).not.toContain('f0');
  });

  test('too many or too long ones refuse the row', async () => {
    const { outcomes } = await imports.imported(
      `Phone,Tags\n0501111111,${'x'.repeat(51)}\n0502222222,"${Array.from({ length: 21 }, (_, n) => n).join(',')}"\n`,
    );
    expect(outcomes).toEqual(['2 error', '3 error']);
  });
});

test('what an import creates carries its id, what it updates does not', async () => {
  const { companyId, importId: first } = await imports.imported(KNOWN);
  const { importId } = await imports.imported(GIVEN, { companyId });
  const created = await imports.rows('select import_id from leads where company_id = $1 order by id', companyId);
  expect(created.map((lead) => (lead as { import_id: string }).import_id)).toEqual([first, first, importId]);
});

describe('a dry run', () => {
  const FILE = `${GIVEN}0504,Bad,,,\n0503333333,Again,,,\n0505555555,Mail,nobody,,\n`;

  async function told(importId: string) {
    const rows = await imports.rows(
      'select row, outcome, phone_e164, code, "column", value, message, cells, warnings from import_rows where import_id = $1 order by row',
      importId,
    );
    return { rows, errors: await new Response(await errorFile(imports.database, importId)).text() };
  }

  test.each<[string, ImportChoice]>([
    ['upsert', {}],
    ['create_only', { mode: 'create_only' }],
    ['update_only', { mode: 'update_only' }],
    ['fill_empty', { policy: 'fill_empty' }],
    ['never', { policy: 'never' }],
    ['clear', { clear: true }],
    ['tags', { tags: ['vip'], policies: { tags: 'overwrite' } }],
  ])('%s: tells what the real run tells, row by row, and writes no lead', async (_, options) => {
    const { companyId, leads: before } = await imports.imported(KNOWN);
    const dry = await imports.imported(FILE, { companyId, options, dryRun: true });
    expect(dry.view).toMatchObject({ status: 'completed', dryRun: true });
    expect(dry.leads).toEqual(before);
    const real = await imports.imported(FILE, { companyId, options });
    expect(await told(dry.importId)).toEqual(await told(real.importId));
    expect(dry.view.counts).toEqual(real.view.counts);
    expect(dry.view.counts).toMatchObject({ errors: 1, duplicates: 1, warnings: 1 });
  });

  test('over many slices, killed in none: a number is created once and then a duplicate', async () => {
    const rows = Array.from({ length: 1_700 }, (_, n) => `050${1_000_000 + (n % 1_600)}`);
    const { view, leads } = await imports.imported(`Phone\n${rows.join('\n')}\n`, { dryRun: true });
    expect(view.counts).toMatchObject({ created: 1_600, duplicates: 100 });
    expect(leads).toEqual([]);
  });
});
