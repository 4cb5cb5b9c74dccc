/** From the portal to our leads: events that are proved, echoes that change nothing, and what was never delivered. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Database } from '../../db/client.ts';
import { claimArrivals, endArrivals } from '../../lib/crm/inbox.ts';
import { requestSync } from '../../lib/crm/request.ts';
import { log } from '../../lib/log.ts';
import { type Bitrix24StandIn, startBitrix24 } from '../standins/bitrix24.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const TOKEN = 'application-token-0123456789';
let fresh: TestDatabase;
let database: Database;
let portal: Bitrix24StandIn;
let webhook: typeof import('../../api/webhooks/bitrix24.ts');
let queue: typeof import('../../lib/queue/index.ts')['queue'];
let portals = 0;
const sql = (text: string, ...params: unknown[]) => database.execute({ text, params });

beforeAll(async () => {
  fresh = await freshDatabase();
  vi.stubEnv('DATABASE_URL', fresh.url);
  for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(log, level).mockReturnValue();
  webhook = await import('../../api/webhooks/bitrix24.ts');
  ({ queue } = await import('../../lib/queue/index.ts'));
  database = (await import('../../db/client.ts')).database();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await database.close();
  await fresh.drop();
});
beforeEach(async () => {
  portals++;
  portal = await startBitrix24({ secret: `secret-${portals}`, perSecond: 1_000, burst: 1_000 });
  await sql("insert into companies (id, name) values ('acme', 'Acme')");
  await sql(
    'insert into crm_settings (company_id, webhook_url, application_token, per_second, burst) values ($1, $2, $3, 500, 500)',
    'acme',
    portal.webhookUrl,
    TOKEN,
  );
});
afterEach(async () => {
  await portal.close();
  await sql('truncate jobqueue.jobs, jobqueue.job_history, jobqueue.idempotency_keys, jobqueue.buckets');
  for (const table of ['crm_inbox', 'crm_links', 'leads', 'crm_settings', 'connections', 'companies'])
    await sql(`delete from ${table}`);
});

async function post(event: string, id: number, token = TOKEN, ts = String(Date.now())): Promise<Response> {
  const body = new URLSearchParams({ event, 'data[FIELDS][ID]': String(id), ts, 'auth[application_token]': token });
  return webhook.POST(new Request('https://app.example/api/webhooks/bitrix24', { method: 'POST', body }));
}

async function event(name: string, id: number): Promise<void> {
  expect((await post(name, id)).status).toBe(200);
  await drain();
}

const drain = () => queue.drain({ types: ['crm_event', 'crm_reconcile', 'crm_sync'], budgetMs: 10_000 });
const leadRows = () => sql('select name, organisation, notes, version::text from leads order by id');

async function synced(): Promise<string> {
  const [row] = await sql(
    "insert into leads (company_id, phone_e164, name, email) values ('acme', '+971501111111', 'Amira', 'amira@example.com') returning id::text",
  );
  await requestSync(database, 'acme', [String(row?.id)]);
  await drain();
  return String(row?.id);
}

test('an event is taken from whoever has the application token of a company, once', async () => {
  expect((await post('ONCRMLEADUPDATE', 1, 'guess')).status).toBe(401);
  expect((await post('ONCRMLEADUPDATE', 1, '')).status).toBe(400);
  expect(await (await post('ONCRMDEALADD', 1)).json()).toEqual({ events: 0 });
  await Promise.all([post('ONCRMLEADUPDATE', 1, TOKEN, '7'), post('ONCRMLEADUPDATE', 1, TOKEN, '7')]);
  const rows = await sql("select payload, payload::text like '%token%' as told from jobqueue.jobs");
  expect(rows).toEqual([{ payload: { companyId: 'acme', event: 'ONCRMLEADUPDATE', itemId: '1' }, told: false }]);
});

test('of what an event carries only the id is believed: what the lead is now is asked of the portal', async () => {
  await synced();
  portal.person.change(1, { name: 'What stands there' }, { silently: true });
  const body = new URLSearchParams({
    event: 'ONCRMLEADUPDATE',
    'data[FIELDS][ID]': '1',
    'data[FIELDS][NAME]': 'What the event says',
    'data[FIELDS][COMMENTS]': 'What the event says',
    'auth[application_token]': TOKEN,
    'auth[client_endpoint]': 'https://evil.example/rest/',
  });
  const request = new Request('https://app.example/api/webhooks/bitrix24', { method: 'POST', body });
  expect((await webhook.POST(request)).status).toBe(200);
  await drain();
  expect(await leadRows()).toMatchObject([{ name: 'What stands there', notes: null }]);
});

test("the deployment's own token stands for the one company without one, and opens nothing while it is unset", async () => {
  await sql('update crm_settings set application_token = null');
  expect((await post('ONCRMLEADUPDATE', 1)).status).toBe(401);
  vi.stubEnv('BITRIX24_APPLICATION_TOKEN', TOKEN);
  expect((await post('ONCRMLEADUPDATE', 1)).status).toBe(200);
  vi.stubEnv('BITRIX24_APPLICATION_TOKEN', '');
});

test('the echo of our own write changes nothing, and is not written back', async () => {
  await synced();
  await event('ONCRMLEADADD', 1);
  await event('ONCRMLEADUPDATE', 1);
  expect(await leadRows()).toMatchObject([{ name: 'Amira', version: '1' }]);
  expect(portal.calls.filter(({ body }) => body.includes('crm.item.update'))).toEqual([]);
});

test('what a person changes in the portal is taken over, the phone never, and does not go back', async () => {
  const id = await synced();
  portal.person.change(1, { name: 'Amira H.', comments: 'call in the evening', companyTitle: '' }, { silently: true });
  await event('ONCRMLEADUPDATE', 1);
  expect(await leadRows()).toEqual([
    { name: 'Amira H.', organisation: null, notes: 'call in the evening', version: '2' },
  ]);
  const writes = portal.calls.length;
  expect(await requestSync(database, 'acme', [id])).toBe(0);
  await drain();
  expect(portal.calls).toHaveLength(writes);
});

test('a change of ours that waits is not lost to an event of the portal', async () => {
  const id = await synced();
  await sql("update leads set organisation = 'Ours' where id = $1::bigint", id);
  portal.person.change(1, { comments: 'theirs' }, { silently: true });
  await requestSync(database, 'acme', [id]);
  await post('ONCRMLEADUPDATE', 1);
  await queue.drain({ types: ['crm_event'], budgetMs: 5_000 });
  await drain();
  expect(await leadRows()).toMatchObject([{ organisation: 'Ours', notes: 'theirs' }]);
  expect([...portal.items.values()][0]?.fields).toMatchObject({ companyTitle: 'Ours', comments: 'theirs' });
});

test.each([
  [false, []],
  [true, [{ name: 'Walk-in', organisation: null, notes: null, version: '1' }]],
])('a lead that somebody makes in the portal, where the company imports them: %s', async (imports, rows) => {
  await sql('update crm_settings set imports_leads = $1', imports);
  const id = portal.person.add({ name: 'Walk-in' }, ['+971 50 222 2222'], { silently: true });
  await event('ONCRMLEADADD', id);
  await event('ONCRMLEADADD', id);
  expect(await leadRows()).toEqual(rows);
});

test('many events travel in batches, and the jobs of those that were looked at along find them done', async () => {
  const rows = await sql(
    `insert into leads (company_id, phone_e164) select 'acme', '+9715010' || (10000 + i) from generate_series(1, 60) i
     returning id::text`,
  );
  const ids = rows.map(({ id }) => String(id));
  await requestSync(database, 'acme', ids);
  await drain();
  for (const id of portal.items.keys()) {
    portal.person.change(id, { comments: `call ${id}` }, { silently: true });
    await post('ONCRMLEADUPDATE', id);
  }
  const before = portal.calls.length;
  await drain();
  expect(portal.calls.length - before).toBeLessThan(10); // one by one they would be 60
  expect(await sql("select from leads where notes like 'call %'")).toHaveLength(60);
  expect(await sql('select from crm_inbox')).toEqual([]);
  expect(await sql('select from jobqueue.jobs')).toEqual([]);
});

test('an event that comes while its item is looked at is looked at again', async () => {
  await synced();
  await post('ONCRMLEADUPDATE', 1, TOKEN, '1');
  const [claimed] = await claimArrivals(database, 'acme', { itemId: '1', others: 0 });
  await post('ONCRMLEADUPDATE', 1, TOKEN, '2');
  await endArrivals(database, 'acme', claimed ? [claimed] : [], new Set(['1']));
  expect(await sql('select item_id::text, changes, claimed_until from crm_inbox')).toEqual([
    { item_id: '1', changes: 2, claimed_until: null },
  ]);
});

test('a lead that is deleted there stays here, without its link', async () => {
  await synced();
  portal.person.remove(1, { silently: true });
  await event('ONCRMLEADDELETE', 1);
  expect(await leadRows()).toHaveLength(1);
  expect(await sql('select external_id, deleted_at is not null as deleted from crm_links')).toEqual([
    { external_id: null, deleted: true },
  ]);
});

test('the reconcile job finds what no event told of, page by page, and asks only for what is new the next time', async () => {
  await sql('update crm_settings set imports_leads = true');
  for (let n = 0; n < 120; n++) portal.person.add({ name: `P${n}` }, [`+9715030${10_000 + n}`], { silently: true });
  await queue.addJob('crm_reconcile', {});
  await drain();
  expect(await sql('select count(*)::int as n from leads')).toEqual([{ n: 120 }]);
  expect(portal.calls.filter(({ path }) => path.endsWith('crm.item.list'))).toHaveLength(3);
  expect(portal.calls.length).toBeLessThan(10); // fetched one by one they would take 120 more
  const pages = portal.calls.length;
  await sql("update crm_settings set reconciled_at = now() + interval '6 minutes'"); // beyond the overlap
  await queue.addJob('crm_reconcile', {});
  await drain();
  expect(portal.calls.length - pages).toBe(1);
});

test('a portal that is paused does not keep the others from being asked', async () => {
  await sql("insert into companies (id, name) values ('aaa', 'Paused')");
  await sql("insert into crm_settings (company_id, webhook_url) values ('aaa', 'https://paused.example/rest/1/x')");
  await sql(
    "insert into connections (company_id, provider, paused_at, paused_code, paused_reason) values ('aaa', 'bitrix24', now(), 'x', 'x')",
  );
  await queue.addJob('crm_reconcile', {});
  await drain();
  expect(portal.calls).toHaveLength(1);
});

test('a portal that refuses is told of by a dead letter, after the others were asked', async () => {
  const other = await startBitrix24({ secret: `other-${portals}`, perSecond: 1_000, burst: 1_000 });
  await sql("insert into companies (id, name) values ('aaa', 'Refused'), ('aab', 'Refused too')");
  await sql(
    "insert into crm_settings (company_id, webhook_url) select id, $1 from companies where id like 'aa%'",
    other.webhookUrl,
  );
  other.faults.add({ status: 400, times: null, body: { error: 'INVALID_ARG_VALUE', error_description: 'no' } });
  await queue.addJob('crm_reconcile', {});
  await drain();
  await other.close();
  expect(portal.calls).toHaveLength(1);
  const [job] = await sql("select status, errors -> -1 ->> 'message' as why from jobqueue.job_history");
  expect(job).toEqual({
    status: 'DEAD_LETTER',
    why: expect.stringMatching(/refused: aaa: .*INVALID_ARG_VALUE.*; aab: .*INVALID_ARG_VALUE/),
  });
  expect(await sql('select company_id from crm_settings where reconciled_at is not null')).toEqual([
    { company_id: 'acme' },
  ]);
});
