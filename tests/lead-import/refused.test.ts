/** Rows that Postgres refuses, whatever the import made of them: each is refused alone, by the real run, the dry run and the preview. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { previewImport } from '../../lib/imports/preview.ts';
import type { Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { describeEachDriver } from '../support/drivers.ts';
import { type LeadImports, leadImports, leadImportsOn } from './lead-imports.ts';

/** A rule that an operator added, and that the import does not know of; names that begin with `raise` meet a trigger instead. */
const RULES = [
  "alter table leads add constraint a_name_is_not_refused check (name not like 'refused%')",
  `create function no_raise() returns trigger language plpgsql as $$
   begin
     raise exception 'no room for %', new.name;
   end $$`,
  `create trigger no_raise before insert or update on leads for each row when (new.name like 'raise%')
   execute function no_raise()`,
];

async function addRules({ rows }: LeadImports): Promise<void> {
  for (const rule of RULES) await rows(rule);
}

const file = (count: number, name: (n: number) => string) =>
  `Phone,Name\n${Array.from({ length: count }, (_, n) => `050${1_000_000 + n},${name(n)}`).join('\n')}\n`;

const errorsOf = (imports: LeadImports, importId: string) =>
  imports.rows<{ row: number; code: string; message: string; cells: string[] }>(
    "select row, code, message, cells from import_rows where import_id = $1 and outcome = 'error' order by row",
    importId,
  );

describeEachDriver('a row that Postgres refuses', (setup) => {
  let imports: LeadImports;
  beforeAll(async () => {
    imports = leadImportsOn(setup.database);
    await addRules(imports);
  });

  test('is refused alone, with the rule that it breaks; a dry run and the preview say the same', async () => {
    const csv = file(1_100, (n) => (n === 3 || n === 700 ? 'refused' : n === 701 ? 'raise' : `Lead ${n}`));
    const dry = await imports.imported(csv, { companyId: 'dry', dryRun: true });
    const real = await imports.imported(csv, { companyId: 'real' });
    const refusal = {
      code: 'value_refused',
      message: "the database refuses this row, because of the rule 'a name is not refused'",
    };
    expect(await errorsOf(imports, real.importId)).toEqual([
      { row: 5, ...refusal, cells: ['0501000003', 'refused'] },
      { row: 702, ...refusal, cells: ['0501000700', 'refused'] },
      {
        row: 703,
        code: 'value_refused',
        message: 'the database refuses this row: no room for raise (P0001)',
        cells: ['0501000701', 'raise'],
      },
    ]);
    expect(real.view).toMatchObject({ status: 'completed', counts: { rows: 1_100, created: 1_097, errors: 3 } });
    expect(real.leads).toHaveLength(1_097);
    expect(dry.view.counts).toEqual(real.view.counts);
    expect(dry.outcomes).toEqual(real.outcomes);
    expect(await errorsOf(imports, dry.importId)).toEqual(await errorsOf(imports, real.importId));
    expect(dry.leads).toEqual([]);

    const asked = await imports.imported(csv, { companyId: 'asked', options: { preview: true } });
    const preview = await previewImport(setup.database, asked.importId, {});
    expect(preview?.rows.map(({ row, outcome }) => `${row} ${outcome}`)).toEqual(real.outcomes.slice(0, 20));
    expect(preview?.rows[3]).toMatchObject({ lead: null, error: refusal });
    expect(await imports.rows('select from leads where company_id = $1', asked.companyId)).toEqual([]);
  });
});

describe('refusals', () => {
  let imports: Awaited<ReturnType<typeof leadImports>>;
  beforeAll(async () => {
    imports = await leadImports();
    await addRules(imports);
  });
  afterAll(() => imports.close());

  /** One run, and how many statements its slice took. */
  async function commitsOf(importId: string): Promise<number> {
    let commits = 0;
    const through: Database = {
      ...imports.database,
      execute(statement, options) {
        if (statement.text.includes('insert into import_rows')) commits++;
        return imports.database.execute(statement, options);
      },
    };
    await imports.run(importId, {}, through);
    return commits;
  }

  test.each([
    [1, 500, 21],
    [20, 200, 200],
    [60, 60, 180],
  ])('of %i among %i rows take a bounded number of statements', async (bad, rows, most) => {
    const csv = file(rows, (n) => (n % (rows / bad) === 0 ? 'refused' : `Lead ${n}`));
    for (const dryRun of [true, false]) {
      const importId = await imports.upload(csv, { companyId: `bad-${bad}`, dryRun });
      const commits = await commitsOf(importId);
      expect(await imports.status(importId)).toMatchObject({
        status: 'completed',
        counts: { created: rows - bad, errors: bad },
      });
      expect(commits).toBeLessThanOrEqual(most);
    }
  });

  test('what a known lead would become is refused too, and the lead stays', async () => {
    const { companyId } = await imports.imported('Phone,Name\n0501111111,Ali\n0501111112,Omar\n');
    const csv = 'Phone,Name\n0501111111,refused\n0501111112,Omar B\n';
    const dry = await imports.imported(csv, { companyId, dryRun: true });
    expect(dry.outcomes).toEqual(['2 error', '3 updated']);
    const real = await imports.imported(csv, { companyId });
    expect(real.outcomes).toEqual(['2 error', '3 updated']);
    expect(real.leads.map(({ name }) => name)).toEqual(['Ali', 'Omar B']);
  });

  test('a second row of the number takes the place of one that is refused', async () => {
    const { outcomes, leads } = await imports.imported('Phone,Name\n0501111111,refused\n0501111111,Ali\n');
    expect(outcomes).toEqual(['2 error', '3 created']);
    expect(leads).toMatchObject([{ phone: '+971501111111', name: 'Ali' }]);
  });

  test('a run whose time is up between two halves goes on behind the last one', async () => {
    const csv = file(600, (n) => (n % 100 === 50 ? 'refused' : `Lead ${n}`));
    const importId = await imports.upload(csv, { companyId: 'late' });
    expect(await imports.runToEnd(importId, () => ({ deadline: new Date() }))).toBeGreaterThan(6);
    expect(await imports.status(importId)).toMatchObject({ status: 'completed', counts: { created: 594, errors: 6 } });
  });

  test('what is not about a value is no refusal: the run fails, and the next one goes on', async () => {
    const importId = await imports.upload('Phone\n0501111111\n', { companyId: 'denied' });
    await imports.rows('alter table import_rows rename column message to message_was');
    await expect(imports.run(importId)).rejects.toMatchObject({ code: '42703' });
    await imports.rows('alter table import_rows rename column message_was to message');
    await imports.runToEnd(importId);
    expect(await imports.status(importId)).toMatchObject({ status: 'completed', counts: { created: 1 } });
  });
});
