/** Changes of the portal reach our leads: authenticated events, echoes that change nothing, and events that were never delivered. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { claimArrivals, endArrivals } from '../../lib/crm/inbox.ts';
import { requestSync } from '../../lib/crm/request.ts';
import { log } from '../../lib/log.ts';
import type { Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { type Bitrix24StandIn, startBitrix24 } from '../standins/bitrix24.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { drainDue } from '../support/drain-due.ts';
import { emptied, JOB_TABLES } from '../support/empty.ts';

const TOKEN = 'application-token-0123456789';
let fresh: TestDatabase;
let database: Database;
let portal: Bitrix24StandIn;
let webhook: typeof import('../../api/_app/webhooks/bitrix24.ts');
let queue: typeof import('../../lib/queue/index.ts')['queue'];
let portals = 0;
const sql = (text: string, ...params: unknown[]) => database.execute({ text, params });

beforeAll(async () => {
  fresh = await freshDatabase();
  vi.stubEnv('DATABASE_URL', fresh.url);
  for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(log, level).mockReturnValue();
  webhook = await import('../../api/_app/webhooks/bitrix24.ts');
  // Without schedules: at each quarter of an hour a drain would also ask the portal for what changed.
  queue = (await import('../../lib/queue/index.ts')).queue.with({ schedules: undefined });
  database = (await import('../../packages/jobqueue/src/postgres/connect.ts')).database();
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
  await sql(emptied(...JOB_TABLES, 'jobqueue.idempotency_keys', 'jobqueue.buckets'));
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
  await sql("insert into companies (id, name) values ('other', 'Other')");
  await sql("insert into crm_settings (company_id) values ('other')");
  const several = await post('ONCRMLEADUPDATE', 1);
  expect([several.status, await several.text()]).toEqual([
    409,
    expect.stringContaining('2 companies have no application token of their own: give each that of its portal.'),
  ]);
  expect((await post('ONCRMLEADUPDATE', 1, 'guess')).status).toBe(401);
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
  await drainDue({ queue, sql, types: ['crm_event'] });
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
  const [job] = await sql("select status, errors -> -1 ->> 'message' as why from jobqueue.finished_jobs");
  expect(job).toEqual({
    status: 'DEAD_LETTER',
    why: expect.stringMatching(/refused: aaa: .*INVALID_ARG_VALUE.*; aab: .*INVALID_ARG_VALUE/),
  });
  expect(await sql('select company_id from crm_settings where reconciled_at is not null')).toEqual([
    { company_id: 'acme' },
  ]);
});

const results = async () => {
  const jobs = await sql("select result from jobqueue.finished_jobs where type = 'crm_event' order by id");
  return jobs.map(({ result }) => result as { applied: string; untaken?: string[] });
};

test.each([
  ['+971 (0)50 777 1004', '+971507771004'],
  ['+971507771004 ext 9', '+971507771004'],
  ['050 777 1004', '+971507771004'],
  ['00971 50 777 1004', '+971507771004'],
  ['٠٥٠٧٧٧١٠٠٤', '+971507771004'],
])('a number typed as «%s» is %s, as everywhere else', async (typed, phone) => {
  await sql('update crm_settings set imports_leads = true');
  await event('ONCRMLEADADD', portal.person.add({ name: 'Sara' }, [typed], { silently: true }));
  expect(await sql('select phone_e164 from leads')).toEqual([{ phone_e164: phone }]);
  expect(await results()).toEqual([{ applied: 'created', items: 1 }]);
});

test('a number that is not taken is told of with its reason, and a bad first one does not hide a good second one', async () => {
  vi.mocked(log.warn).mockClear();
  await sql('update crm_settings set imports_leads = true');
  const typed = ['+971507771004/7', '+971501111111\n+971502222222'];
  await event('ONCRMLEADADD', portal.person.add({ name: 'Two' }, typed, { silently: true }));
  await event('ONCRMLEADADD', portal.person.add({ name: 'Good' }, ['12', '+971503333333'], { silently: true }));
  await event('ONCRMLEADADD', portal.person.add({ name: 'Same' }, ['050 333 3333'], { silently: true }));
  expect(await sql('select name, phone_e164 from leads')).toEqual([{ name: 'Good', phone_e164: '+971503333333' }]);
  expect(await results()).toMatchObject([
    {
      applied: 'no_number',
      untaken: [expect.stringContaining('item 1: phone_'), expect.stringContaining('item 1: phone_ambiguous')],
    },
    { applied: 'created', untaken: [expect.stringContaining('item 2: phone_invalid: «12»')] },
    { applied: 'known_number', untaken: ['item 3: another lead has +971503333333'] },
  ]);
  expect(log.warn).toHaveBeenCalledWith(expect.objectContaining({ itemId: '2' }), 'crm_number_not_taken');
});

test('a number that people typed in their way gets no second entry from us', async () => {
  const id = portal.person.add({ name: 'Theirs' }, ['(0)50 111 1111'], { silently: true });
  await synced();
  const [lead] = await sql('select id::text from leads');
  await sql('update crm_links set external_id = $1::bigint, carried = null, seen = null, synced_version = 0', id);
  await sql('delete from jobqueue.idempotency_keys');
  await sql("update leads set notes = 'ours'");
  await requestSync(database, 'acme', [String(lead?.id)]);
  await drain();
  const item = portal.items.get(id);
  expect(item?.fields).toMatchObject({ comments: 'ours' });
  expect(item?.fm.filter(({ typeId }) => typeId === 'PHONE').map(({ value }) => value)).toEqual(['(0)50 111 1111']);
});

test('half a character and a NUL in one item are made storable, and the forty-nine others are applied with it', async () => {
  await sql('update crm_settings set imports_leads = true');
  const odd = { name: 'Sara \ud83d', lastName: 'Al\0 Ali', comments: '\udc00', companyTitle: `${'x'.repeat(9_999)}🔑` };
  await post('ONCRMLEADADD', portal.person.add(odd, ['+971501234500'], { silently: true }));
  for (let n = 1; n < 50; n++)
    await post(
      'ONCRMLEADADD',
      portal.person.add({ name: `P${n}` }, [`+9715030${10_000 + n}`, '12\ud83d\0'], { silently: true }),
    );
  await drain();
  expect(await sql('select count(*)::int as n from leads')).toEqual([{ n: 50 }]);
  const [sara] = await sql("select name, notes from leads where phone_e164 = '+971501234500'");
  expect(sara).toEqual({ name: 'Sara \ufffd Al\ufffd Ali', notes: '\ufffd' });
  expect(await sql("select from jobqueue.finished_jobs where status <> 'COMPLETED'")).toEqual([]);
  expect(await sql('select max(attempt) as most from jobqueue.finished_jobs')).toEqual([{ most: 1 }]);
});

test('what Postgres refuses of one item is the dead letter of that item, and the others are applied', async () => {
  await sql('update crm_settings set imports_leads = true');
  await sql("alter table leads add constraint nobody_is_called_odd check (name <> 'Odd')");
  onTestFinished(async () => {
    await sql('alter table leads drop constraint nobody_is_called_odd');
  });
  for (let n = 0; n < 5; n++)
    await post(
      'ONCRMLEADADD',
      portal.person.add({ name: n === 2 ? 'Odd' : `P${n}` }, [`+97150301000${n}`], { silently: true }),
    );
  await drain();
  expect(await sql('select name from leads order by name')).toEqual(['P0', 'P1', 'P3', 'P4'].map((name) => ({ name })));
  const dead = await sql(
    "select payload ->> 'itemId' as item, errors -> -1 ->> 'message' as why, attempt from jobqueue.finished_jobs where status = 'DEAD_LETTER'",
  );
  expect(dead).toEqual([{ item: '3', why: expect.stringContaining("the rule 'nobody is called odd'"), attempt: 1 }]);
  expect(await sql('select from crm_inbox')).toEqual([]);
});

test('a portal whose words or ids nobody can store spoils no statement about others', async () => {
  await synced();
  const long = `${'x'.repeat(298)}🔑 \ud83d\0 and more`;
  portal.faults.add({
    status: 200,
    match: 'crm.item.list',
    body: { result: { items: [{ id: 'x' }, { id: 1e30 }, { id: 1, updatedTime: 'a\0\ud83d' }] } },
  });
  await queue.addJob('crm_reconcile', { companyId: 'acme' });
  await drain();
  portal.faults.add({
    status: 400,
    match: 'crm.item.list',
    body: { error: 'INVALID_ARG_VALUE', error_description: long },
  });
  await queue.addJob('crm_reconcile', { companyId: 'acme' });
  await drain();
  const jobs = await sql(
    "select status, errors -> -1 ->> 'message' as why from jobqueue.finished_jobs where type = 'crm_reconcile' order by id",
  );
  expect(jobs).toMatchObject([{ status: 'COMPLETED' }, { status: 'DEAD_LETTER', why: expect.stringContaining('🔑') }]);
  const [id] = await sql(
    "insert into leads (company_id, phone_e164, name) values ('acme', '+971502222222', 'Ben') returning id::text",
  );
  const answer = {
    result: { c0: [] },
    result_error: { c0: { error: '100', error_description: long } },
    result_time: [],
  };
  portal.faults.add({ status: 200, match: 'batch', body: { result: answer } });
  await requestSync(database, 'acme', [String(id?.id)]);
  await drain();
  expect(await sql('select refusal from crm_links where refusal is not null')).toEqual([
    { refusal: expect.stringContaining('\ufffd') },
  ]);
});
