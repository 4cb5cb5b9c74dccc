/** A company's settings: what is refused and where, two people at once, secrets that go in and never out. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createCompany } from '../../lib/companies/create.ts';
import { companiesPage, readCompany } from '../../lib/companies/read.ts';
import { type Change, prepareChange, saveChange } from '../../lib/companies/save.ts';
import { SECTION_NAMES, SECTIONS, sectionOf } from '../../lib/companies/sections.ts';
import { asText, fromText } from '../../lib/companies/setting.ts';
import { HttpError } from '../../lib/http/errors.ts';
import { openSecret } from '../../lib/secrets/seal.ts';
import { describeEachDriver } from '../support/drivers.ts';

const KEY = 'sk-of-acme-0123456789';
const WEBHOOK = 'https://acme.bitrix24.com/rest/1/secretofthewebhook/';

beforeEach(() => {
  vi.stubEnv('SECRETS_KEY', randomBytes(32).toString('hex'));
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describeEachDriver('settings', (setup) => {
  const rows = <Row extends object>(text: string, ...params: unknown[]) =>
    setup.database.execute<Row>({ text, params });
  const change = async (given: Partial<Change>) => {
    const whole = { companyId: 'acme', section: 'messaging', values: {}, secrets: {}, ...given } as Change;
    const prepared = await prepareChange(setup.database, whole);
    await saveChange(setup.database, prepared, 'ann');
    return prepared;
  };
  const refused = async (given: Partial<Change>) => {
    const error = await change(given).catch((thrown: unknown) => thrown);
    if (!(error instanceof HttpError)) throw error ?? new Error('it was taken');
    return { status: error.status, code: error.code, issues: error.issues };
  };
  const sections = async () => {
    const company = await readCompany(setup.database, 'acme');
    if (company === null) throw new Error('there is no acme');
    return company.sections;
  };

  beforeAll(async () => {
    await createCompany(setup.database, { id: 'acme', name: 'Acme', country: 'DE', timeZone: 'Europe/Berlin' });
    await createCompany(setup.database, { id: 'other', name: 'Other', country: 'AE', timeZone: 'Asia/Dubai' });
  });

  test('of a company that was never set up are those that the tables have by default', async () => {
    await rows("insert into companies (id, name) values ('bare', 'Bare')");
    await rows("insert into companies (id, name) values ('empty', 'Empty')");
    for (const table of ['company_settings', 'crm_settings', 'ai_settings'])
      await rows(`insert into ${table} (company_id) values ('empty')`);
    const [bare, empty] = await Promise.all(['bare', 'empty'].map((id) => readCompany(setup.database, id)));
    for (const name of SECTION_NAMES.filter((one) => one !== 'company'))
      expect([name, bare?.sections[name]]).toEqual([name, empty?.sections[name]]);
  });

  test('an id that is taken makes no second company, and leaves the first one alone', async () => {
    const again = createCompany(setup.database, { id: 'acme', name: 'x', country: 'FR', timeZone: 'Europe/Paris' });
    await expect(again).rejects.toMatchObject({ code: 'company_exists', issues: [{ path: 'id' }] });
    expect((await sections()).company.values).toEqual({ name: 'Acme', country: 'DE' });
  });

  test('are stored field by field, and what is not named stays', async () => {
    const { changes } = await change({
      values: { perSecond: 12.5, optOutKeywords: ['halt', 'توقف'], dailyPeople: null },
    });
    expect(Object.keys(changes)).toEqual(['perSecond', 'optOutKeywords']);
    expect((await sections()).messaging.values).toMatchObject({
      timeZone: 'Europe/Berlin',
      perSecond: 12.5,
      optOutKeywords: ['halt', 'توقف'],
    });
    await change({ section: 'replies', values: { dailyBudgetUsd: 12.5, minConfidence: 0.9, enabled: true } });
    await change({ section: 'replies', values: { tone: '<b>dry</b>' } });
    expect((await sections()).replies.values).toMatchObject({
      dailyBudgetUsd: 12.5,
      minConfidence: 0.9,
      tone: '<b>dry</b>',
    });
  });

  test.each<[string, Partial<Change>, string]>([
    ['a zone of no map', { values: { timeZone: 'Mars/Base' } }, 'timeZone'],
    ['a number where its id belongs', { values: { phoneNumberId: '+971 50 123' } }, 'phoneNumberId'],
    ['a rate that Meta never gives', { values: { perSecond: 0 } }, 'perSecond'],
    ['half a person', { values: { dailyPeople: 1.5 } }, 'dailyPeople'],
    ['a word where a number belongs', { values: { perSecond: 'many' } }, 'perSecond'],
    ['a NUL', { values: { optOutConfirmation: 'a\0b' } }, 'optOutConfirmation'],
    ['10,000 characters', { values: { optOutConfirmation: 'x'.repeat(10_000) } }, 'optOutConfirmation'],
    ['half a character', { values: { optOutKeywords: ['\ud800'] } }, 'optOutKeywords'],
    ['nothing where something must be', { values: { timeZone: null } }, 'timeZone'],
    ['a setting of nobody', { values: { colour: 'red' } }, 'colour'],
    ['a setting that every object has', { values: { constructor: null } }, 'constructor'],
    ['a secret that every object has', { secrets: { toString: 'x' } }, 'toString'],
    ['a country of no list', { section: 'company', values: { country: 'ZZ' } }, 'country'],
    ['an empty name', { section: 'company', values: { name: '' } }, 'name'],
    [
      'a portal without TLS',
      { section: 'crm', secrets: { webhookUrl: WEBHOOK.replace('https', 'http') } },
      'webhookUrl',
    ],
    ['a token with a line break', { secrets: { accessToken: 'EAAG0123\r\nx: y' } }, 'accessToken'],
    ['a language in words', { section: 'replies', values: { languages: ['English'] } }, 'languages'],
    ['no language at all', { section: 'replies', values: { languages: [] } }, 'languages'],
    ['a key of no provider', { section: 'model', secrets: { apiKey: KEY } }, 'provider'],
    [
      'a URL without a key',
      { section: 'model', values: { provider: 'compatible', baseUrl: 'https://llm.example/v1' } },
      'apiKey',
    ],
    ['a URL that holds a password', { section: 'model', values: { baseUrl: 'https://u:p@llm.example/v1' } }, 'baseUrl'],
  ])('with %s are refused beside the field, and nothing is saved', async (_, given, path) => {
    const before = await sections();
    expect(await refused(given)).toMatchObject({ status: 400, code: 'settings_invalid', issues: [{ path }] });
    expect(await sections()).toEqual(before);
  });

  test('that somebody else changed meanwhile are left alone, and the refusal says what changed', async () => {
    const seen = (await sections()).messaging.values;
    await change({ values: { timeZone: 'Asia/Riyadh' } });
    expect(await refused({ values: { perSecond: 5 }, seen })).toEqual({
      status: 409,
      code: 'settings_changed',
      issues: [{ path: 'timeZone', message: 'was “Europe/Berlin” when this form was opened, is “Asia/Riyadh” now' }],
    });
    expect((await sections()).messaging.values).toMatchObject({ timeZone: 'Asia/Riyadh', perSecond: 12.5 });
  });

  test('that two people save at the same moment are saved by one of them', async () => {
    const asked = [7, 8, 9, 10].map((perSecond) =>
      prepareChange(setup.database, { companyId: 'acme', section: 'messaging', values: { perSecond }, secrets: {} }),
    );
    const saved = await Promise.allSettled(
      (await Promise.all(asked)).map((prepared) => saveChange(setup.database, prepared, 'ann')),
    );
    expect(saved.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of saved)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ status: 409, code: 'settings_changed' });
  });

  test('a number that another company has is refused as such', async () => {
    await change({ companyId: 'other', values: { phoneNumberId: '106540352242922' } });
    const taken = await refused({ values: { phoneNumberId: '106540352242922' } });
    expect(taken).toMatchObject({
      status: 400,
      issues: [{ path: 'phoneNumberId', message: 'another company has this number' }],
    });
  });

  test('a secret is stored sealed, is never read back, and its change is known by time and name', async () => {
    await change({ section: 'crm', secrets: { webhookUrl: WEBHOOK, applicationToken: 'token-0123456789' } });
    const [stored] = await rows<{ url: string; token: string }>(
      "select webhook_url as url, application_token as token from crm_settings where company_id = 'acme'",
    );
    expect(stored?.url).not.toContain('secretofthewebhook');
    expect(stored?.token).not.toContain('0123456789');
    expect(openSecret('crm.webhookUrl', 'acme', stored?.url ?? null)).toBe(WEBHOOK);
    const company = await readCompany(setup.database, 'acme');
    expect(company?.sections.crm.secrets.webhookUrl).toEqual({
      isSet: true,
      changedAt: expect.any(String),
      changedBy: 'ann',
    });
    expect(JSON.stringify(company)).not.toMatch(/secretofthewebhook|enc1:|sha256:|0123456789/);
    await change({ section: 'crm', values: { burst: 60 } });
    expect(
      (await rows<{ url: string }>("select webhook_url as url from crm_settings where company_id = 'acme'"))[0]?.url,
    ).toBe(stored?.url);
    await change({ section: 'crm', secrets: { webhookUrl: null } });
    expect((await sections()).crm.secrets).toMatchObject({
      webhookUrl: { isSet: false },
      applicationToken: { isSet: true },
    });
  });

  test('a key reaches no other server than the one that it was entered for', async () => {
    await change({ section: 'model', values: { provider: 'openai' }, secrets: { apiKey: KEY } });
    const moved = { provider: 'compatible', baseUrl: 'https://evil.example/v1' };
    expect(await refused({ section: 'model', values: moved })).toMatchObject({ issues: [{ path: 'apiKey' }] });
    expect(await refused({ section: 'model', values: { baseUrl: 'https://evil.example' } })).toMatchObject({
      issues: [{ path: 'apiKey' }],
    });
    expect(await refused({ section: 'model', values: { provider: null } })).toMatchObject({ status: 400 });
    await change({ section: 'model', values: moved, secrets: { apiKey: 'sk-entered-anew-0123' } });
    await change({ section: 'model', values: { provider: null, baseUrl: null }, secrets: { apiKey: null } });
    expect((await sections()).model).toMatchObject({
      values: { provider: null, baseUrl: null },
      secrets: { apiKey: { isSet: false } },
    });
  });

  test('without a key to seal with, no secret is stored and the message names the setting', async () => {
    vi.stubEnv('SECRETS_KEY', '');
    expect(await refused({ secrets: { accessToken: 'EAAG0123456789' } })).toMatchObject({
      status: 503,
      code: 'secrets_key_missing',
    });
    expect((await sections()).messaging.secrets.accessToken).toMatchObject({ isSet: false });
  });

  test('companies are listed page by page, found by a part of id or name, and those that wait are named', async () => {
    await rows(
      "insert into companies (id, name) select 'many-' || lpad(n::text, 3, '0'), 'Number ' || n from generate_series(1, 60) n",
    );
    await rows(
      "insert into connections (company_id, provider, paused_at, paused_code, paused_reason) values ('many-007', 'ai', now(), '401', 'key')",
    );
    const first = await companiesPage(setup.database, { search: 'NUMBER' });
    expect([first.companies.length, first.next]).toEqual([50, 'many-050']);
    const second = await companiesPage(setup.database, { search: 'NUMBER', after: first.next ?? '' });
    expect([second.companies.length, second.next]).toEqual([10, null]);
    expect((await companiesPage(setup.database, { search: 'many-007' })).companies).toMatchObject([
      { id: 'many-007', paused: ['ai'] },
    ]);
    expect((await companiesPage(setup.database, { search: '%' })).companies).toEqual([]);
  });
});

describe('the forms', () => {
  test('write each default as text, and read the same back', () => {
    for (const name of SECTION_NAMES)
      for (const [key, setting] of Object.entries(sectionOf(name).settings))
        expect([key, fromText(setting, asText(setting.initial))]).toEqual([key, setting.initial]);
  });

  test.each([
    ['messaging', 'perSecond', ' 12,5 ', 12.5],
    ['messaging', 'perSecond', 'twenty', 'twenty'],
    ['messaging', 'dailyPeople', '', null],
    ['messaging', 'optOutKeywords', 'stop\r\n\r\n stop \nhalt', ['stop', 'halt']],
    ['messaging', 'optOutConfirmation', 'a\r\nb', 'a\nb'],
    ['messaging', 'phoneNumberId', '106540352242922', '106540352242922'],
    ['replies', 'enabled', '0', false],
  ] as const)('%s: %s reads %j as %j', (section, key, typed, value) => {
    const setting = (SECTIONS[section].settings as Record<string, (typeof SECTIONS.messaging.settings)['perSecond']>)[
      key
    ];
    expect(setting && fromText(setting, typed)).toEqual(value);
  });
});
