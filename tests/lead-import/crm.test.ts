/** A company that wants its imports in its CRM: what a slice writes is asked for by the statement that writes it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LeadImports, leadImports } from './lead-imports.ts';

let its: LeadImports & { close(): Promise<void> };
beforeAll(async () => {
  its = await leadImports();
});
afterAll(() => its.close());

const FILE = 'phone,name\n0501110001,Ada\n0501110002,Ben\n12,Nobody\n';

async function company(id: string, syncImports: boolean | null): Promise<void> {
  await its.rows('insert into companies (id, name) values ($1, $1)', id);
  if (syncImports !== null)
    await its.rows('insert into crm_settings (company_id, sync_imports) values ($1, $2)', id, syncImports);
}

/** Name, wanted version, action and key of each job that was enqueued, in the order of the leads. */
const asked = (companyId: string) =>
  its.rows(
    `select l.name, k.wanted_version::int as version, j.payload ->> 'action' as action,
            j.payload ->> 'leadId' = l.id::text as is_its
     from crm_links k
     join leads l on l.id = k.lead_id
     left join jobqueue.jobs j on j.type = 'crm_sync' and j.payload ->> 'leadId' = k.lead_id::text
     where k.company_id = $1
     order by l.id, j.id`,
    companyId,
  );

test('each lead that is created is asked for once, and again only when an import changes it', async () => {
  await company('wants', true);
  await its.imported(FILE, { companyId: 'wants' });
  expect(await asked('wants')).toEqual([
    { name: 'Ada', version: 1, action: 'create', is_its: true },
    { name: 'Ben', version: 1, action: 'create', is_its: true },
  ]);

  await its.imported(FILE.replace('Ben', 'Bernd'), { companyId: 'wants' });
  expect(await asked('wants')).toEqual([
    { name: 'Ada', version: 1, action: 'create', is_its: true },
    { name: 'Bernd', version: 2, action: 'create', is_its: true },
    { name: 'Bernd', version: 2, action: 'update', is_its: true },
  ]);
});

test.each([
  ['has said no', false],
  ['has no CRM', null],
])('nothing is asked for where the company %s', async (_, syncImports) => {
  const id = `quiet-${syncImports}`;
  await company(id, syncImports);
  const { leads } = await its.imported(FILE, { companyId: id });
  expect(leads).toHaveLength(2);
  expect(await asked(id)).toEqual([]);
});

test('a dry run asks for nothing', async () => {
  await company('tries', true);
  await its.imported(FILE, { companyId: 'tries', dryRun: true });
  expect(await asked('tries')).toEqual([]);
});

test('first and last name stay apart where the file has them so, and go with the name', async () => {
  const companyId = 'apart';
  await company(companyId, null);
  const names = () =>
    its.rows(
      'select name, given_name as given, family_name as family from leads where company_id = $1 order by id',
      companyId,
    );
  await its.imported('phone,first name,last name\n0501110001,Ada,Lovelace\n0501110002,Ben,\n', { companyId });
  await its.imported('phone,Vorname,Name\n0501110003,Clara,Schumann\n0501110004,Dan,Dan Brown\n', { companyId });
  const ada = { name: 'Ada Lovelace', given: 'Ada', family: 'Lovelace' };
  const others = [
    { name: 'Ben', given: null, family: null },
    { name: 'Clara Schumann', given: 'Clara', family: 'Schumann' },
    { name: 'Dan Brown', given: null, family: null },
  ];
  expect(await names()).toEqual([ada, ...others]);
  await its.imported('phone,first name,last name\n0501110001,Ada,King\n', { companyId });
  expect(await names()).toEqual([{ name: 'Ada King', given: 'Ada', family: 'King' }, ...others]);
});
