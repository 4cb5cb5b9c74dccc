/** An undo takes back what an import created and nothing has touched since: no more, however often and however late it runs. */
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelImport } from '../../lib/imports/cancel.ts';
import { undoLeads } from '../../lib/imports/import-undo/run.ts';
import { keptFile } from '../../lib/imports/kept-file.ts';
import { undoImport } from '../../lib/imports/undo.ts';
import { atOnce } from '../support/at-once.ts';
import { leadImports, readImported } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

const read = (importId: string) => readImported(imports.database, importId);

async function undone(importId: string) {
  await undoImport(imports.database, importId);
  await imports.undo(importId);
  return read(importId);
}

const undoJobs = (importId: string) =>
  imports.rows("select id from jobqueue.jobs where type = 'import_undo' and payload->>'importId' = $1", importId);

test('removes what it created, leaves what it only updated, and says how many', async () => {
  const { companyId } = await imports.imported('Phone,Name\n0501111111,Ali\n');
  const { importId } = await imports.imported('Phone,Name\n0501111111,Ali H\n0502222222,Omar\n0503,Bad\n', {
    companyId,
  });
  const { view, leads } = await undone(importId);
  expect(view).toMatchObject({ status: 'undone', undo: { removed: 1, kept: {} }, progress: { percent: 100 } });
  expect(leads).toMatchObject([{ phone: '+971501111111', name: 'Ali H' }]);
});

/** Changes of a lead after its import, each with the reason why it then stays. */
const TOUCHES: [string, string][] = [
  ['changed', "update leads set name = 'Corrected' where id = $1::bigint"],
  [
    'conversation',
    'insert into conversations (company_id, phone_e164) select company_id, phone_e164 from leads where id = $1::bigint',
  ],
  ['crm', 'insert into crm_links (company_id, lead_id) select company_id, id from leads where id = $1::bigint'],
  [
    'campaign',
    `with template as (
       insert into templates (company_id, name, language, category, body)
       select company_id, 'hello', 'en', 'MARKETING', 'Hi' from leads where id = $1::bigint
       returning id, company_id
     ), campaign as (
       insert into campaigns (id, company_id, name, template_id, audience)
       select 'campaign-of-undo', company_id, 'c', id, '{}' from template
       returning id, company_id
     )
     insert into recipients (campaign_id, company_id, phone_e164, lead_id)
     select campaign.id, campaign.company_id, phone_e164, leads.id from campaign, leads where leads.id = $1::bigint`,
  ],
];

test('keeps every lead that something has touched, each with its reason', async () => {
  const rows = [...TOUCHES, ['removed', '']].map((_, n) => `050111111${n},Lead ${n}`);
  const { importId, companyId } = await imports.imported(`Phone,Name\n${rows.join('\n')}\n`);
  const ids = await imports.rows<{ id: string }>(
    'select id::text as id from leads where company_id = $1 order by id',
    companyId,
  );
  for (const [n, [, touch]] of TOUCHES.entries()) await imports.rows(touch, ids[n]?.id);
  const { view, leads } = await undone(importId);
  expect(view).toMatchObject({
    status: 'undone',
    undo: { removed: 1, kept: { changed: 1, conversation: 1, crm: 1, campaign: 1 } },
  });
  expect(leads.map(({ phone }) => phone)).toEqual(TOUCHES.map((_, n) => `+97150111111${n}`));
  const report = await new Response(await keptFile(imports.database, importId)).text();
  expect(parse(report, { bom: true, columns: true })).toEqual(
    TOUCHES.map(([reason], n) => ({
      _row: `${n + 2}`,
      phone: `+97150111111${n}`,
      _kept: reason,
      _reason: expect.stringMatching(/./),
    })),
  );
});

test('a second import that changed a lead, or a person who removed it, is respected', async () => {
  const { importId, companyId } = await imports.imported(
    'Phone,Name\n0501111111,Ali\n0502222222,Omar\n0503333333,Sara\n',
  );
  await imports.imported('Phone,Name\n0501111111,Ali H\n0502222222,Omar\n', { companyId });
  await imports.rows("delete from leads where company_id = $1 and name = 'Sara'", companyId);
  const { view, leads } = await undone(importId);
  expect(view.undo).toEqual({ removed: 1, kept: { changed: 1 } });
  expect(leads.map(({ name }) => name)).toEqual(['Ali H']);
});

test('a lead that was removed and created anew by another import is not ours', async () => {
  const { importId, companyId } = await imports.imported('Phone,Name\n0501111111,Ali\n');
  await imports.rows('delete from leads where company_id = $1', companyId);
  await imports.imported('Phone,Name\n0501111111,Ali again\n', { companyId });
  const { view, leads } = await undone(importId);
  expect(view.undo).toEqual({ removed: 0, kept: {} });
  expect(leads).toHaveLength(1);
});

test('an opt-out outlives the lead that is taken back', async () => {
  const { importId, companyId } = await imports.imported('Phone\n0501111111\n');
  await imports.rows("insert into opt_outs (company_id, phone_e164) values ($1, '+971501111111')", companyId);
  await undone(importId);
  expect(await imports.rows('select from opt_outs where company_id = $1', companyId)).toHaveLength(1);
});

describe('interrupted', () => {
  const FILE = `Phone\n${Array.from({ length: 2_300 }, (_, n) => `050${1_000_000 + n}`).join('\n')}\n`;

  test('with a deadline after every slice, and twice at once, it removes each lead once', async () => {
    const { importId } = await imports.imported(FILE);
    await undoImport(imports.database, importId);
    const at = () => ({ deadline: new Date() });
    await Promise.all([imports.undo(importId, at), imports.undo(importId, at)]);
    const { view, leads } = await read(importId);
    expect(view).toMatchObject({ status: 'undone', undo: { removed: 2_300, kept: {} } });
    expect(leads).toEqual([]);
  });

  test('asked for again it goes on; once it is undone that is the answer', async () => {
    const { importId } = await imports.imported(FILE);
    const first = await undoImport(imports.database, importId);
    const again = await undoImport(imports.database, importId);
    expect(first.status).toBe('undoing');
    expect(again.jobId).not.toBe(first.jobId);
    expect(await undoJobs(importId)).toHaveLength(2);
    await imports.undo(importId);
    expect(await imports.undo(importId)).toMatchObject({ status: 'undone', removed: 2_300 });
    expect(await undoImport(imports.database, importId)).toEqual({ importId, status: 'undone', jobId: null });
    expect(await undoJobs(importId)).toHaveLength(2);
  });

  test('a cancelled import is taken back as far as it came', async () => {
    const importId = await imports.upload(FILE, { companyId: 'half-way' });
    await imports.run(importId, { checkpoint: () => cancelImport(imports.database, importId) });
    const { view } = await read(importId);
    expect(view.status).toBe('cancelled');
    const after = await undone(importId);
    expect(after.view.undo).toEqual({ removed: view.counts.created, kept: {} });
    expect(after.leads).toEqual([]);
  });
});

test('a conversation that begins while its lead is judged keeps the lead', async () => {
  const { importId, companyId } = await imports.imported('Phone\n0501111111\n');
  await undoImport(imports.database, importId);
  const text = `insert into conversations (company_id, phone_e164, lead_id)
                select company_id, phone_e164, id from leads where company_id = $1`;
  await atOnce(
    imports.database,
    (executor) => executor.execute({ text, params: [companyId] }),
    () => imports.undo(importId),
  );
  const { view, leads } = await read(importId);
  expect(view.undo).toEqual({ removed: 0, kept: { conversation: 1 } });
  expect(leads).toHaveLength(1);
});

describe('is refused', () => {
  test('for an import that has not ended, that failed, that was a dry run, or that is none', async () => {
    const refused = { status: 409, code: 'not_undoable' };
    const pending = await imports.upload('Phone\n0501111111\n');
    await expect(undoImport(imports.database, pending)).rejects.toMatchObject(refused);
    const failed = await imports.imported('Name\nAli\n');
    await expect(undoImport(imports.database, failed.importId)).rejects.toMatchObject(refused);
    const dry = await imports.imported('Phone\n0501111111\n', { dryRun: true });
    await expect(undoImport(imports.database, dry.importId)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('dry run'),
    });
    await expect(undoImport(imports.database, 'no-such-import')).rejects.toMatchObject({ status: 404 });
  });

  test("a job that names another company's import takes nothing back", async () => {
    const { importId } = await imports.imported('Phone\n0501111111\n');
    await undoImport(imports.database, importId);
    const context = { payload: { companyId: 'other', importId }, deadline: new Date(Date.now() + 60_000) };
    await expect(
      undoLeads(imports.database, { ...context, signal: AbortSignal.timeout(60_000) } as never),
    ).rejects.toThrow('has no import');
    expect((await read(importId)).leads.length).toBeGreaterThan(0);
  });
});
