/** /api/drafts through its exported handlers: what waits for a person, what the person decides, and why not. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const KEY = 'an-operator-secret-of-the-tests';
let fresh: TestDatabase;
let endpoint: typeof import('../../api/_app/drafts.ts');
let sql: (text: string, ...params: unknown[]) => Promise<Record<string, unknown>[]>;
let ready: string;
let blocked: string;

beforeAll(async () => {
  fresh = await freshDatabase();
  vi.stubEnv('DATABASE_URL', fresh.url);
  vi.stubEnv('OPERATOR_SECRET', KEY);
  endpoint = await import('../../api/_app/drafts.ts');
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  sql = (text, ...params) => database().execute({ text, params });
  await sql("insert into companies (id, name) values ('acme', 'Acme')");
  await sql("insert into ai_settings (company_id, enabled) values ('acme', true)");
  ready = await draft('drafted', 'allow', '+971501111111');
  blocked = await draft('blocked', 'block', '+971501111112');
});
afterAll(async () => {
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await database().close();
  await fresh.drop();
  vi.unstubAllEnvs();
});

async function draft(status: string, decision: string, phone: string): Promise<string> {
  const [row] = await sql(
    `with conversation as (
       insert into conversations (company_id, phone_e164, last_inbound_at) values ('acme', $3, now()) returning id
     ), message as (
       insert into messages (company_id, conversation_id, direction, author, body, status)
       select 'acme', id, 'inbound', 'customer', 'Do you have parking?', 'received' from conversation
       returning id, conversation_id
     )
     insert into generations (company_id, conversation_id, trigger_message_id, status, draft, language, verdict, finished_at)
     select 'acme', conversation_id, id, $1, 'Yes, we do.', 'en', jsonb_build_object('decision', $2::text, 'score', 0,
            'findings', '[]'::jsonb, 'checkedBy', '[]'::jsonb, 'errors', '[]'::jsonb), now()
     from message
     returning id::text`,
    status,
    decision,
    phone,
  );
  return String(row?.id);
}

async function ask(method: 'GET' | 'POST', query: string, body?: object) {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
  const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  const response = await endpoint[method](new Request(`https://app.example/api/drafts${query}`, init));
  return { status: response.status, body: await response.json() };
}

test('lists what waits, and shows one with its conversation', async () => {
  const { body } = await ask('GET', '?companyId=acme');
  expect(body).toMatchObject({ drafts: [{ draftId: blocked, isBlocked: true }, { draftId: ready }], next: null });
  expect(await ask('GET', `?id=${ready}`)).toMatchObject({
    status: 200,
    body: { draft: 'Yes, we do.', customer: '+971501111111', lines: [{ author: 'customer' }] },
  });
  expect((await ask('GET', '?id=999')).status).toBe(404);
});

test('is decided once, by whoever is named, and says why not otherwise', async () => {
  const by = (decidedBy: string, given: object) => ask('POST', '', { decision: 'approve', decidedBy, ...given });
  expect(await by('ann', { id: blocked })).toMatchObject({ status: 409, body: { error: { code: 'draft_blocked' } } });
  expect(await by('ann', { id: blocked, text: 'x'.repeat(4_096), seenMessageId: '1' })).toMatchObject({
    status: 409,
    body: { error: { code: 'draft_outdated' } },
  });
  expect(await by('ann', { id: blocked, text: 'You idiot' })).toMatchObject({
    status: 422,
    body: { error: { code: 'draft_unsafe', issues: [{ path: 'text', message: expect.stringContaining('insult') }] } },
  });
  expect(await by('ann', { id: ready })).toMatchObject({ status: 200, body: { draftId: ready, status: 'approved' } });
  expect(await by('bob', { id: ready })).toMatchObject({
    status: 409,
    body: { error: { code: 'already_decided', message: expect.stringContaining('approved by ann') } },
  });
  expect(await ask('POST', '', { decision: 'reject', decidedBy: 'bob', id: '999' })).toMatchObject({ status: 404 });
  expect(await by('bob', { id: blocked, text: ' ' })).toMatchObject({ status: 400 });
  const lines = await sql(
    "select actor, action from jobqueue.audit_log where action like 'draft%' order by id limit 1",
  );
  expect(lines).toEqual([{ actor: 'ann', action: 'draft_approve' }]);
});
