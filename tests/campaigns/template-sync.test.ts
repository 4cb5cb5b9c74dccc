/** Reading templates from Meta: page by page, once for all companies of an account. A template is gone only if the whole list lacks it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { pauseConnection } from '../../lib/connections/connection.ts';
import { listTemplates } from '../../lib/templates/list.ts';
import { refusal } from '../standins/whatsapp/graph.ts';
import { startWhatsApp, type WhatsAppStandIn } from '../standins/whatsapp.ts';
import { emptied, JOB_TABLES } from '../support/empty.ts';
import { type Campaigns, COMPANY, startCampaigns } from './campaigns.ts';
import { TOKEN } from './phones.ts';

const ACCOUNT = '102290129340398';

let its: Campaigns;
let meta: WhatsAppStandIn;
beforeAll(async () => {
  its = await startCampaigns();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await its.close();
});
beforeEach(async () => {
  await its.rows(emptied('campaigns', 'template_syncs', ...JOB_TABLES, 'jobqueue.buckets'));
  for (const table of ['templates', 'company_settings', 'companies']) await its.rows(`delete from ${table}`);
  await its.addCompany(COMPANY);
  await its.rows('update company_settings set whatsapp_account_id = $1', ACCOUNT);
  meta = await startWhatsApp({ accessToken: TOKEN, phoneNumberId: '1555', accountId: ACCOUNT });
  process.env.WHATSAPP_BASE_URL = meta.origin;
  return () => meta.close();
});

const body = (text: string) => [{ type: 'BODY', text }] as const;
const offer = {
  name: 'offer',
  language: 'en',
  category: 'MARKETING',
  status: 'APPROVED',
  components: body('Hello {{1}}'),
} as const;

async function add(payload: { companyId?: string }): Promise<string> {
  const job = await its.queue.addJob('template_sync', payload);
  return job?.id ?? '';
}

/** Answers how its last job ended, or where it stands. */
async function sync(payload: { companyId?: string } = { companyId: COMPANY }) {
  const id = await add(payload);
  await its.drain({ types: ['template_sync'] });
  const job = await its.queue.getJob(id);
  return { status: job?.status, result: job?.result, error: job?.errors?.at(-1)?.message };
}

const names = async () => (await listTemplates(its.database, { companyId: COMPANY })).map(({ name }) => name);
const listings = () => meta.calls.filter(({ path }) => path.endsWith('/message_templates')).length;

test('every page is read, and each template has its gaps, its category, its status and its quality', async () => {
  for (let n = 0; n < 220; n++) meta.addTemplate({ ...offer, name: `filler_${n}` });
  meta.addTemplate({
    name: 'visit',
    language: 'pt_BR',
    category: 'UTILITY',
    status: 'REJECTED',
    quality: 'YELLOW',
    format: 'NAMED',
    components: [{ type: 'HEADER', format: 'IMAGE' }, ...body('Oi {{first_name}}'), { type: 'FOOTER', text: 'bye' }],
  });
  expect(await sync()).toMatchObject({ status: 'COMPLETED', result: { accounts: 1 } });
  expect(listings()).toBe(3);
  const visit = (await listTemplates(its.database, { companyId: COMPANY })).find(({ name }) => name === 'visit');
  expect(visit).toMatchObject({
    language: 'pt_BR',
    category: 'UTILITY',
    status: 'REJECTED',
    statusReason: 'INVALID_FORMAT',
    quality: 'YELLOW',
    body: 'Oi {{first_name}}',
    format: 'NAMED',
    parameters: [
      { component: 'header', name: 'image', kind: 'image' },
      { component: 'body', name: 'first_name' },
    ],
    unsupported: null,
  });
  expect(await its.rows('select templates, error from template_syncs')).toEqual([{ templates: 221, error: null }]);
  expect(JSON.stringify(await its.rows('select * from jobqueue.finished_jobs'))).not.toContain(TOKEN);
});

describe('a template that Meta lists no longer', () => {
  test('is dropped; one that a campaign names stays as deleted, and pauses what still runs', async () => {
    meta.addTemplate(offer);
    meta.addTemplate({ ...offer, name: 'old' });
    await sync();
    await its.create({ id: 'campaign-of-offer' });
    meta.removeTemplate('offer', 'en');
    meta.removeTemplate('old', 'en');
    await sync();
    expect(await its.rows('select name, status from templates')).toEqual([{ name: 'offer', status: 'DELETED' }]);
    expect(await names()).toEqual([]);
    expect(await its.read('campaign-of-offer')).toMatchObject({
      status: 'paused',
      pause: { code: 'template_deleted', message: 'the template is deleted at Meta' },
    });
    await expect(its.create()).rejects.toMatchObject({ code: 'template_unusable' });
    meta.addTemplate(offer);
    await sync();
    expect(await names()).toEqual(['offer']);
  });

  test('is not taken for one while the list breaks off in its middle', async () => {
    for (let n = 0; n < 150; n++) meta.addTemplate({ ...offer, name: `t_${n}` });
    meta.addTemplate(offer);
    await sync();
    meta.faults.add({ delayMs: 1, times: 1 }); // the first page comes
    meta.faults.add({ ...refusal(400, 131005, 'Access denied', 'no'), times: 1 });
    const ended = await sync();
    expect(ended).toMatchObject({ status: 'DEAD_LETTER' });
    expect(await names()).toHaveLength(151);
    expect(await its.rows("select error like '%131005%' as told from template_syncs")).toEqual([{ told: true }]);
  });
});

test('one that Meta paused, of which no webhook told, pauses its campaigns', async () => {
  meta.addTemplate(offer);
  await sync();
  await its.create({ id: 'campaign-of-offer' });
  meta.addTemplate({ ...offer, name: 'other' });
  meta.removeTemplate('offer', 'en');
  meta.addTemplate({ ...offer, status: 'PAUSED' });
  await sync();
  expect(await its.read('campaign-of-offer')).toMatchObject({ status: 'paused', pause: { code: 'template_paused' } });
});

test('what nobody knows is not sent: a status is disabled, a category is marketing, a strange name is left out', async () => {
  meta.addTemplate({ ...offer, name: 'frozen', status: 'FROZEN' as never });
  meta.addTemplate({ ...offer, name: 'billing', category: 'PAYMENTS' as never });
  meta.addTemplate({ ...offer, language: 'en_GB_x' });
  expect(await sync()).toMatchObject({ status: 'COMPLETED' });
  expect(await its.rows('select name, status, category from templates order by name')).toEqual([
    { name: 'billing', status: 'APPROVED', category: 'MARKETING' },
    { name: 'frozen', status: 'DISABLED', category: 'MARKETING' },
  ]);
});

test('half a character in one template keeps no other from being read', async () => {
  meta.addTemplate({ ...offer, name: 'broken', components: body('Hello\0 \ud83d {{1}}') });
  meta.addTemplate(offer);
  expect(await sync()).toMatchObject({ status: 'COMPLETED' });
  expect(await its.rows("select body from templates where name = 'broken'")).toEqual([
    { body: 'Hello\ufffd \ufffd {{1}}' },
  ]);
});

test('too many calls are waited out, and no attempt is lost', async () => {
  meta.addTemplate(offer);
  meta.faults.add({ ...refusal(400, 80008, 'There have been too many calls', 'wait'), status: 400, times: 1 });
  const id = await add({ companyId: COMPANY });
  await its.drain({ types: ['template_sync'] });
  expect(await its.queue.getJob(id)).toMatchObject({ status: 'PENDING', errors: [] });
  await its.rows(emptied('jobqueue.buckets'));
  await its.makeDue();
  await its.drain({ types: ['template_sync'] });
  expect(await its.queue.getJob(id)).toMatchObject({ status: 'COMPLETED' });
});

describe('the schedule', () => {
  test('asks an account again that did not answer, and says so once five more tries were in vain', async () => {
    meta.addTemplate(offer);
    meta.faults.add({ status: 503, body: {}, times: 7 });
    const id = await add({});
    const asked = async () => {
      await its.drain({ types: ['template_sync'] });
      await its.makeDue();
      return (await its.queue.getJob(id))?.status;
    };
    for (let tries = 0; tries < 5; tries++) expect(await asked()).toBe('PENDING');
    expect(await asked()).toBe('DEAD_LETTER');
    expect(listings()).toBe(6);
    expect(await its.rows("select error like '%503%' as told from template_syncs")).toEqual([{ told: true }]);
    await its.rows("update template_syncs set attempted_at = now() - interval '1 hour'");
    const again = await add({});
    await its.drain({ types: ['template_sync'] });
    await its.makeDue();
    await its.drain({ types: ['template_sync'] });
    expect(await its.queue.getJob(again)).toMatchObject({ status: 'COMPLETED', result: { accounts: 1 } });
    expect(await names()).toEqual(['offer']);
  });

  test('asks each account once an hour, also where several companies share it, and a new one at once', async () => {
    await its.addCompany('twin');
    await its.rows('update company_settings set whatsapp_account_id = $1', ACCOUNT);
    meta.addTemplate({ ...offer, name: 'shared' });
    expect(await sync({})).toMatchObject({ result: { accounts: 1 } });
    expect(listings()).toBe(1);
    expect(await its.rows("select company_id from templates where name = 'shared' order by 1")).toEqual([
      { company_id: COMPANY },
      { company_id: 'twin' },
    ]);
    expect(await sync({})).toMatchObject({ result: { accounts: 0 } });
    expect(listings()).toBe(1);
    await its.rows("update template_syncs set attempted_at = now() - interval '1 hour'");
    expect(await sync({})).toMatchObject({ result: { accounts: 1 } });
  });

  test('goes on behind an account that refuses, and tells of it', async () => {
    await its.addCompany('stranger');
    await its.rows("update company_settings set whatsapp_account_id = '1' where company_id = 'stranger'");
    meta.addTemplate(offer);
    expect(await sync({})).toMatchObject({
      status: 'DEAD_LETTER',
      error: expect.stringContaining('1: WhatsApp error 100'),
    });
    expect(await its.rows('select account_id, error is null as ok from template_syncs order by 1')).toEqual([
      { account_id: '1', ok: false },
      { account_id: ACCOUNT, ok: true },
    ]);
  });

  test('leaves out an account whose connection is paused, which is no dead letter every hour', async () => {
    meta.addTemplate(offer);
    await pauseConnection(
      its.database,
      { companyId: COMPANY, provider: 'whatsapp' },
      { code: '190', reason: 'revoked' },
    );
    expect(await sync({})).toMatchObject({ status: 'COMPLETED', result: { accounts: 0, paused: 1 } });
    expect(listings()).toBe(0);
    expect(await its.rows('select error from template_syncs')).toEqual([
      { error: 'the connection is paused: revoked' },
    ]);
    await its.rows(emptied('connections'));
  });

  test('reads the deployment’s account for the company that has no number of its own', async () => {
    vi.stubEnv('WHATSAPP_ACCOUNT_ID', ACCOUNT);
    vi.stubEnv('WHATSAPP_PHONE_NUMBER_ID', '1555');
    vi.stubEnv('WHATSAPP_ACCESS_TOKEN', TOKEN);
    await its.rows("insert into companies (id, name) values ('plain', 'Plain')");
    await its.rows('update company_settings set whatsapp_account_id = null');
    meta.addTemplate({ ...offer, name: 'ours' });
    await sync({});
    expect(await its.rows("select company_id from templates where name = 'ours'")).toEqual([{ company_id: 'plain' }]);
    vi.unstubAllEnvs();
    process.env.WHATSAPP_BASE_URL = meta.origin;
  });
});

test('a company without an account is a dead letter that says what to set', async () => {
  await its.rows('update company_settings set whatsapp_account_id = null');
  expect(await sync()).toMatchObject({ status: 'DEAD_LETTER', error: expect.stringContaining('whatsapp_account_id') });
});

test('an account that is named in a company’s settings is read at once, another setting asks nobody', async () => {
  vi.stubEnv('DATABASE_URL', its.url);
  const { companies } = await import('../../lib/companies/index.ts');
  const change = (values: Record<string, string | number>) =>
    companies.change(
      { companyId: COMPANY, section: 'messaging', values, secrets: {}, seen: undefined },
      { actor: 'ann', reason: 'new' },
    );
  const asked = () => its.rows("select payload from jobqueue.jobs where type = 'template_sync'");
  await change({ perSecond: 30 });
  expect(await asked()).toEqual([]);
  await change({ accountId: '102290129340399' });
  expect(await asked()).toEqual([{ payload: { companyId: COMPANY } }]);
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await database().close();
  vi.unstubAllEnvs();
  process.env.WHATSAPP_BASE_URL = meta.origin;
});
