/** Leads in a portal through real jobs and a stand-in that counts: each once, whatever breaks on the way. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { crmSync } from '../../lib/crm/crm-sync/job.ts';
import { claimLeads } from '../../lib/crm/crm-sync/links.ts';
import { requestSync } from '../../lib/crm/request.ts';
import { log } from '../../lib/log.ts';
import { createQueue } from '../../packages/jobqueue/src/index.ts';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { type Bitrix24StandIn, startBitrix24 } from '../standins/bitrix24.ts';
import { atOnce } from '../support/at-once.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { drainDue } from '../support/drain-due.ts';
import { emptied, JOB_TABLES } from '../support/empty.ts';

let fresh: TestDatabase;
let database: Database;
let portal: Bitrix24StandIn;
let queue: ReturnType<typeof makeQueue>;
const makeQueue = () => createQueue({ database, jobs: [crmSync], logJobs: 'none' });
const sql = (text: string, ...params: unknown[]) => database.execute({ text, params });

beforeAll(async () => {
  fresh = await freshDatabase();
  vi.stubEnv('DATABASE_URL', fresh.url);
  database = connect(fresh.url);
  vi.spyOn(log, 'error').mockReturnValue();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  const shared = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await shared.database().close();
  await database.close();
  await fresh.drop();
});
beforeEach(async () => {
  portal = await startBitrix24({ secret: 'secret-of-the-webhook', perSecond: 1_000, burst: 1_000 });
  await sql("insert into companies (id, name) values ('acme', 'Acme')");
  await sql(
    'insert into crm_settings (company_id, webhook_url, per_second, burst) values ($1, $2, 500, 500)',
    'acme',
    portal.webhookUrl,
  );
  queue = makeQueue();
});
afterEach(async () => {
  await portal.close();
  await sql(emptied(...JOB_TABLES, 'jobqueue.idempotency_keys', 'jobqueue.buckets'));
  for (const table of ['crm_inbox', 'crm_links', 'leads', 'crm_settings', 'connections', 'companies'])
    await sql(`delete from ${table}`);
});

async function leads(n: number, first = 0): Promise<string[]> {
  const rows = await sql(
    `insert into leads (company_id, phone_e164, name, email)
     select 'acme', '+9715010' || (10000 + i), 'Lead ' || i, 'lead' || i || '@example.com' from generate_series($1::int, $2::int) i
     returning id::text`,
    first,
    first + n - 1,
  );
  return rows.map(({ id }) => String(id));
}

const drain = () => queue.drain({ budgetMs: 20_000 });
const sync = async (ids: readonly string[]) => {
  await requestSync(database, 'acme', ids);
  return drain();
};
const statuses = async () =>
  Object.fromEntries(
    (await sql('select status, count(*)::int as n from jobqueue.finished_jobs group by 1')).map(({ status, n }) => [
      status,
      n,
    ]),
  );
/** Whatever waits for a moment is due now, and nothing holds the portal back. */
async function letTimePass(): Promise<void> {
  await sql(emptied('jobqueue.buckets'));
  await sql("update jobqueue.jobs set due_at = now() - interval '1 s'");
  await sql("update crm_links set claimed_until = null, adding_since = adding_since - interval '76 s'");
  queue = makeQueue(); // another process: this one remembers what it knows of the bucket
}

test('of two that claim a lead at once, which no job ever claimed, the second waits', async () => {
  const [leadId = ''] = await leads(1);
  const claim = (jobId: string) => (executor: Executor) =>
    claimLeads(executor, { companyId: 'acme', jobId, fence: 1 }, { leadId, more: 0, underWayMs: 60_000 });
  const [first, second] = await atOnce(database, claim('1'), claim('2'));
  expect([first.kind, second.kind]).toEqual(['claimed', 'held']);
});

test('a lead is added once with its origin, phone and e-mail, and a second request of the same version adds no job', async () => {
  const [id = ''] = await leads(1);
  expect(await requestSync(database, 'acme', [id])).toBe(1);
  expect(await requestSync(database, 'acme', [id])).toBe(0);
  await drain();
  const [item] = portal.items.values();
  expect(item?.fields).toMatchObject({
    title: 'Lead 0',
    name: 'Lead 0',
    originatorId: 'conversure',
    originId: `lead:${id}`,
  });
  expect(item?.fm.map(({ value }) => value)).toEqual(['+971501010000', 'lead0@example.com']);
  expect(await sql('select external_id::text, synced_version::text, refusal from crm_links')).toEqual([
    { external_id: '1', synced_version: '1', refusal: null },
  ]);
});

test('where many wait they travel in batches, and the jobs of those that were carried along find them done', async () => {
  const ids = await leads(60);
  expect(await sync(ids)).toMatchObject({ completed: 60 });
  expect(portal.items.size).toBe(60);
  expect(Math.max(...portal.leadsPerOrigin().values())).toBe(1);
  expect(portal.calls.length).toBeLessThan(40); // one by one each would take three
});

test('an add whose answer was lost is found by its origin: no lead is there twice', async () => {
  const ids = await leads(40);
  portal.faults.add({ match: '/batch$', reset: 'after', times: null, ratio: 0.4 });
  await requestSync(database, 'acme', ids);
  for (let n = 0; n < 60 && (await sql('select from jobqueue.jobs limit 1')).length > 0; n++) {
    await Promise.all([drainDue({ queue, sql }), drainDue({ queue, sql })]);
    await letTimePass();
  }
  expect(await statuses()).toEqual({ COMPLETED: 40 });
  expect(portal.leadsPerOrigin().size).toBe(40);
  expect(Math.max(...portal.leadsPerOrigin().values())).toBe(1);
  expect(await sql('select from jobqueue.finished_jobs where attempt > 1')).toEqual([]); // nobody burnt an attempt
}, 60_000);

test('phones never multiply, however often a lead is synced', async () => {
  const [id = ''] = await leads(1);
  await sync([id]);
  for (let n = 1; n <= 10; n++) {
    await sql('update leads set notes = $1 where id = $2::bigint', `note ${n}`, id);
    await sync([id]);
  }
  const [item] = portal.items.values();
  expect(item?.fm).toHaveLength(2);
  expect(item?.fields.comments).toBe('note 10');
});

test('what has not changed is not sent', async () => {
  const [id = ''] = await leads(1);
  await sync([id]);
  await sql('update leads set updated_at = now() where id = $1::bigint', id); // a new version with the same content
  const calls = portal.calls.length;
  await sync([id]);
  expect(portal.calls).toHaveLength(calls);
  expect(await sql('select synced_version::text from crm_links')).toEqual([{ synced_version: '2' }]);
});

test('an older job does not overwrite what a newer one has written', async () => {
  const [id = ''] = await leads(1);
  await sync([id]);
  await sql("update leads set name = 'New name' where id = $1::bigint", id);
  await sync([id]);
  await queue.addJob('crm_sync', { companyId: 'acme', leadId: id, action: 'update' }); // a late one, of the old version
  const calls = portal.calls.length;
  await drain();
  expect(portal.calls).toHaveLength(calls);
  expect([...portal.items.values()][0]?.fields.name).toBe('New name');
});

test.each([
  ['link', 1, 1],
  ['create', 2, 1],
  ['skip', 1, 0],
] as const)('a person whom the portal knows by phone: policy %s', async (policy, items, linked) => {
  await sql('update crm_settings set duplicate_policy = $1', policy);
  portal.person.add({ title: 'Known already' }, ['+971 50 101 0000']);
  const ids = await leads(1);
  await sync(ids);
  expect(portal.items.size).toBe(items);
  expect(await sql('select from crm_links where external_id is not null')).toHaveLength(linked);
  if (policy === 'link')
    expect([...portal.items.values()][0]?.fm.filter(({ typeId }) => typeId === 'PHONE')).toHaveLength(1);
});

test('a lead that somebody deleted in the portal is added again when it changes', async () => {
  const [id = ''] = await leads(1);
  await sync([id]);
  portal.person.remove(1);
  await sql("update leads set name = 'Back' where id = $1::bigint", id);
  await sync([id]);
  expect([...portal.items.values()].map(({ id: item, fields }) => [item, fields.name])).toEqual([[2, 'Back']]);
});

test('two jobs of one lead at once: one of them syncs it', async () => {
  const [id = ''] = await leads(1);
  for (let n = 0; n < 6; n++) await queue.addJob('crm_sync', { companyId: 'acme', leadId: id, action: 'create' });
  await Promise.all([drain(), drain(), drain()]);
  expect(portal.items.size).toBe(1);
});

test('the portal is never asked faster than it allows, on its own count', { timeout: 90_000 }, async () => {
  await portal.close();
  portal = await startBitrix24({ secret: 'x', perSecond: 20, burst: 20 });
  await sql('update crm_settings set webhook_url = $1, per_second = 20, burst = 20', portal.webhookUrl);
  await requestSync(database, 'acme', await leads(300));
  await Promise.all([queue, makeQueue()].map((each) => each.drain({ budgetMs: 60_000 })));
  expect(portal.items.size).toBe(300);
  expect(portal.refusedForRate).toBe(0);
});

test('a method that used up its time is left alone until the portal says, to the second', async () => {
  const ids = await leads(3);
  portal.block('crm.item.add');
  await requestSync(database, 'acme', ids);
  await drainDue({ queue, sql });
  expect(portal.items.size).toBe(0);
  const [block] = await sql(
    'select extract(epoch from blocked_until)::float8 as until from jobqueue.buckets where blocked_until > now()',
  );
  expect(Math.abs(Number(block?.until) * 1000 - (portal.clock.now() + 600_000))).toBeLessThan(10_000);
  const jobs = await sql(
    "select attempt, due_at > now() + interval '9 minutes' as waits from jobqueue.jobs order by 2",
  );
  expect(jobs.map(({ attempt }) => attempt)).toEqual([0, 0, 0]);
  expect(jobs.at(-1)).toMatchObject({ waits: true });
  portal.clock.advance(601_000);
  await letTimePass();
  await drain();
  expect(portal.items.size).toBe(3);
});

test('an outage is waited out without an operator and without burnt attempts', async () => {
  const [id = ''] = await leads(1);
  portal.faults.add({ reset: 'before', times: null });
  await requestSync(database, 'acme', [id]);
  for (let n = 0; n < 10; n++) {
    await drainDue({ queue, sql });
    await letTimePass();
  }
  expect(await sql('select attempt from jobqueue.jobs')).toEqual([{ attempt: 0 }]);
  portal.faults.clear();
  await drain();
  expect(portal.items.size).toBe(1);
  expect(await sql('select failures, failing_since, paused_at from connections')).toEqual([
    { failures: 0, failing_since: null, paused_at: null },
  ]);
});

test('a revoked webhook pauses the connection and fails no job; resumed, they go on', async () => {
  const ids = await leads(30);
  portal.faults.add({ status: 401, times: null, body: { error: 'NO_AUTH_FOUND', error_description: 'no' } });
  await requestSync(database, 'acme', ids);
  await drainDue({ queue, sql });
  expect(await sql('select paused_code from connections')).toEqual([{ paused_code: 'NO_AUTH_FOUND' }]);
  expect(await sql('select count(*)::int as n from jobqueue.jobs')).toEqual([{ n: 30 }]);
  portal.faults.clear();
  await sql('update connections set paused_at = null, paused_reason = null, paused_code = null');
  await letTimePass();
  await drain();
  expect(portal.items.size).toBe(30);
});

test('a job of a lead that there is not is a dead letter that says so; the others are synced', async () => {
  const ids = await leads(2);
  await requestSync(database, 'acme', ids);
  await drain();
  expect(portal.items.size).toBe(2);
  await expect(
    queue.addJob('crm_sync', { companyId: 'acme', leadId: '999999', action: 'create' }),
  ).resolves.toBeTruthy();
  await drain();
  const [dead] = await sql(
    "select errors -> -1 ->> 'message' as why from jobqueue.finished_jobs where status = 'DEAD_LETTER'",
  );
  expect(dead).toEqual({ why: 'company acme has no lead 999999' });
});

describe('what the portal refuses', () => {
  const refused = {
    status: 'DEAD_LETTER',
    why: 'Bitrix24 crm.item.add: INVALID_ARG_VALUE crm.item.add refuses this item',
  };
  const ends = () =>
    sql("select status, errors -> -1 ->> 'message' as why from jobqueue.finished_jobs order by finished_at, id");

  test('is a dead letter with its word, also where another job carried it along; never a completed job', async () => {
    portal.refuse('crm.item.add', 'INVALID_ARG_VALUE');
    await sync(await leads(3));
    await letTimePass(); // a job whose lead another one just carries comes again 5 s later
    await drain();
    expect(await ends()).toEqual([refused, refused, refused]);
    expect(await sql('select external_id, refusal from crm_links')).toEqual(
      Array(3).fill({ external_id: null, refusal: refused.why }),
    );
  });

  test('is asked again by a replay, once somebody has mended it', async () => {
    portal.refuse('crm.item.add', 'INVALID_ARG_VALUE');
    await sync(await leads(2));
    portal.refuse('crm.item.add', null);
    await queue.replay({ type: 'crm_sync' }, { actor: 'sam' });
    expect(await drain()).toMatchObject({ completed: 2 });
    expect(portal.items.size).toBe(2);
    expect(await sql('select from crm_links where refusal is not null')).toEqual([]);
  });

  test('is not called synced while another job asks for it again', async () => {
    portal.refuse('crm.item.add', 'INVALID_ARG_VALUE');
    const [leadId = ''] = await leads(1);
    await sync([leadId]);
    await sql("update crm_links set claimed_by = 1, claim_fence = 1, claimed_until = now() + interval '1 minute'");
    await queue.addJob('crm_sync', { companyId: 'acme', leadId, action: 'update' });
    expect(await drainDue({ queue, sql })).toMatchObject({ continued: 1, completed: 0 });
  });

  test.each(['crm.item.list', 'crm.duplicate.findbycomm'])(
    'by %s: who cannot be looked for is not added, it might be there',
    async (method) => {
      portal.refuse(method, 'INVALID_ARG_VALUE');
      await sync(await leads(2));
      expect(portal.items.size).toBe(0);
      expect(await statuses()).toEqual({ DEAD_LETTER: 2 });
    },
  );
});

test('an add that is answered without an id is no success: the lead is looked for again', async () => {
  await sql("update crm_settings set duplicate_policy = 'create'");
  await sync(await leads(1)); // what the portal knows has been asked for
  const answer = { result: { result: { c0: { item: {} } }, result_error: [], result_time: [] } };
  portal.faults.add({ match: '/batch$', status: 200, times: 2, body: answer });
  await sync(await leads(1, 1));
  expect(await statuses()).toEqual({ COMPLETED: 1 });
  await sql("update crm_links set adding_since = adding_since - interval '2 minutes'");
  await letTimePass();
  await drain();
  expect(await statuses()).toEqual({ COMPLETED: 2 });
  expect(portal.items.size).toBe(2);
});

test('the secret of the webhook stands in no job, no error and no log', async () => {
  const told = vi.spyOn(log, 'warn');
  portal.faults.add({ status: 400, times: null, body: { error: 'INVALID_ARG_VALUE', error_description: 'no' } });
  await sync(await leads(1));
  const [rows] = await sql(
    'select jsonb_agg(to_jsonb(j))::text || (select jsonb_agg(to_jsonb(c))::text from connections c) as all from jobqueue.jobs j',
  );
  expect(String(rows?.all)).toContain('INVALID_ARG_VALUE');
  expect(String(rows?.all) + JSON.stringify(told.mock.calls)).not.toContain('secret-of-the-webhook');
});
