/** Refusals in a file become opt-outs that campaigns obey, whatever becomes of the row's lead; no import takes one back. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { previewImport } from '../../lib/imports/preview.ts';
import { leadImports } from './lead-imports.ts';

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

const ALI = '+971501111111';
const OMAR = '+971502222222';

interface OptOut {
  phone: string;
  scope: string;
  source: string;
  reason: string | null;
}

function optOutsOf(companyId: string): Promise<OptOut[]> {
  return imports.rows(
    `select phone_e164 as phone, scope, source, reason from opt_outs
     where company_id = $1 and lifted_at is null order by phone_e164, scope`,
    companyId,
  );
}

/** The scope of an opt-out from a row with `cell` in the column `header`. */
async function scopeOf(header: string, cell: string): Promise<string | null> {
  const { companyId, leads } = await imports.imported(`Phone,Name,${header}\n${ALI},Ali,${cell}\n`);
  expect(leads).toMatchObject([{ phone: ALI, name: 'Ali' }]);
  const [optOut] = await optOutsOf(companyId);
  return optOut?.scope ?? null;
}

describe('a column that refuses', () => {
  test.each<[header: string, cell: string, scope: string | null]>([
    ['Do Not Call', '1', 'marketing'],
    ['DoNotCall', 'TRUE', 'marketing'],
    ['Email Opt Out', 'Yes', 'marketing'],
    ['HasOptedOutOfEmail', '0', null],
    ['HasOptedOutOfFax', '1', null],
    ['no_consent', 'x', 'marketing'],
    ['Unsubscribed', 'no', null],
    ['UNSUB_TIME', '2026-01-02 10:00:00', 'marketing'],
    ['Opted Out', 'since the fair', 'all'],
    ['WhatsApp Opt-Out', 'true', 'all'],
    ['DND', 'Y', 'all'],
    ['SMS_BLACKLISTED', 'Yes', 'all'],
    ['EMAIL_BLACKLISTED', 'Yes', 'marketing'],
    ['Unsubscribed from emails', 'true', 'marketing'],
    ['AllowBroadcast', 'FALSE', 'marketing'],
    ['Nicht anrufen', 'ja', 'marketing'],
    ['Не звонить', 'нет', null],
    ['Person - Marketing status', 'no_consent', 'marketing'],
    ['Person - Marketing status', 'subscribed', null],
    ['Consent', 'No', 'marketing'],
    ['Consent', '2026-01-02', null],
    ['Accepts SMS Marketing', 'no', 'marketing'],
    ['Lead Status', 'Do not contact', 'all'],
    ['Lead Status', 'Rejected', null],
    ['Email Opt Out', '', null],
  ])('%s = %j: %s', async (header, cell, scope) => {
    expect(await scopeOf(header, cell)).toBe(scope);
  });

  test('counts for every number of the row and for rows without a lead of their own, and names its place', async () => {
    const file = [
      'Mobile,Work Phone,Name,Do Not Call',
      `${ALI},${OMAR},Ali,yes`,
      `${ALI},,Again,yes`,
      `+971503333333,,${'x'.repeat(300)},yes`,
      `+971504444444,,Sara,`,
    ].join('\n');
    const { companyId, outcomes, view } = await imports.imported(file);
    expect(outcomes).toEqual(['2 created', '3 duplicate', '4 error', '5 created']);
    const said = { scope: 'marketing', source: 'import', reason: 'Do Not Call: yes' };
    const numbers = [ALI, OMAR, '+971503333333'];
    expect(await optOutsOf(companyId)).toEqual(numbers.map((phone) => ({ phone, ...said })));
    expect(view.counts).toMatchObject({ optOuts: 3 });
  });

  test.each(['refuse', 'first'] as const)('counts for both numbers of one cell, under several=%s', async (several) => {
    const file = `Phone,Do Not Call\n${ALI} / ${OMAR},yes\n+971503333333 ::: +971504444444,yes\n`;
    const { companyId, outcomes } = await imports.imported(file, { options: { several } });
    expect(outcomes).toEqual(several === 'first' ? ['2 created', '3 created'] : ['2 error', '3 error']);
    expect((await optOutsOf(companyId)).map(({ phone }) => phone)).toEqual([
      ALI,
      OMAR,
      '+971503333333',
      '+971504444444',
    ]);
  });

  test('is never taken back by a later file, and is counted once', async () => {
    const { companyId } = await imports.imported(`Phone,Opt Out\n${ALI},yes\n`);
    const again = await imports.imported(`Phone,Opt Out\n${ALI},no\n${OMAR},\n`, { companyId });
    expect(again.view.counts).toMatchObject({ optOuts: 0 });
    const third = await imports.imported(`Phone,Opt Out\n${ALI},yes\n`, { companyId });
    expect(third.view.counts).toMatchObject({ optOuts: 0 });
    expect(await optOutsOf(companyId)).toMatchObject([{ phone: ALI, scope: 'all' }]);
  });

  test('chosen by hand it refuses everything', async () => {
    const { companyId } = await imports.imported(`Phone,Sperre\n${ALI},ja\n`, {
      options: { columns: { Sperre: 'optOut' } },
    });
    expect(await optOutsOf(companyId)).toMatchObject([{ scope: 'all', reason: 'Sperre: ja' }]);
  });

  test('in a dry run is counted and not written', async () => {
    const { companyId, view } = await imports.imported(`Phone,Opt Out\n${ALI},yes\n`, { dryRun: true });
    expect(view.counts).toMatchObject({ optOuts: 1 });
    expect(await optOutsOf(companyId)).toEqual([]);
  });
});

describe('a list of opt-outs', () => {
  const LIST = `Phone,Name\n${ALI},Ali\n0502222222,\n${ALI},Again\n0504,Bad\n`;
  const options = { mode: 'opt_out' } as const;

  test('makes no lead: each number is opted out of everything', async () => {
    const { companyId, outcomes, leads, view } = await imports.imported(LIST, { options });
    expect(outcomes).toEqual(['2 opted_out', '3 opted_out', '4 duplicate', '5 error']);
    expect(leads).toEqual([]);
    expect(view.counts).toMatchObject({ created: 0, optOuts: 2, errors: 1 });
    expect(await optOutsOf(companyId)).toMatchObject([
      { phone: ALI, scope: 'all', source: 'import' },
      { phone: OMAR, scope: 'all', source: 'import' },
    ]);
    const again = await imports.imported(LIST, { companyId, options });
    expect(again.outcomes.slice(0, 2)).toEqual(['2 unchanged', '3 unchanged']);
    expect(again.view.counts).toMatchObject({ optOuts: 0 });
  });

  test('leaves a lead that is known as it is, and says in its preview what it would do', async () => {
    const { companyId } = await imports.imported(`Phone,Name\n${ALI},Known\n`);
    const importId = await imports.upload(LIST, { companyId, options });
    const preview = await previewImport(imports.database, importId, {});
    expect(preview?.rows.map(({ outcome, optOut }) => [outcome, optOut])).toEqual([
      ['opted_out', 'all'],
      ['opted_out', 'all'],
      ['duplicate', 'all'],
      ['error', null],
    ]);
    await imports.runToEnd(importId);
    const leads = await imports.rows(
      'select name, version::int as version from leads where company_id = $1',
      companyId,
    );
    expect(leads).toEqual([{ name: 'Known', version: 1 }]);
  });

  test('in a dry run tells the same', async () => {
    const { companyId, outcomes, view } = await imports.imported(LIST, { options, dryRun: true });
    expect(outcomes).toEqual(['2 opted_out', '3 opted_out', '4 duplicate', '5 error']);
    expect(view.counts).toMatchObject({ optOuts: 2 });
    expect(await optOutsOf(companyId)).toEqual([]);
  });
});
