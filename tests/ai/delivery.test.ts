/** Follows a person's message to the reply on their phone through the app's own queue: a reply that counts as sent has arrived. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { decideDraft } from '../../lib/ai/review.ts';
import { log } from '../../lib/log.ts';
import { signatureOf } from '../../lib/providers/whatsapp.ts';
import { type Database, database as sharedDatabase } from '../../packages/jobqueue/src/postgres/connect.ts';
import { LLM_KEYS, type Llm, startLlm } from '../standins/llm.ts';
import { startWhatsApp, type WhatsAppStandIn } from '../standins/whatsapp.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { emptied, JOB_TABLES } from '../support/empty.ts';
import { GOOD } from './replies.ts';

const APP_SECRET = 'app-secret-0123456789';
const NUMBER = '1555';
const PERSON = '971501111111';

let fresh: TestDatabase;
let database: Database;
let llm: Llm;
let meta: WhatsAppStandIn;
let webhook: typeof import('../../api/_app/webhooks/whatsapp.ts');
let queue: typeof import('../../lib/queue/index.ts')['queue'];
const sql = (text: string, ...params: unknown[]) => database.execute({ text, params });

beforeAll(async () => {
  fresh = await freshDatabase();
  llm = await startLlm();
  meta = await startWhatsApp({ accessToken: 'EAAG-test', phoneNumberId: NUMBER, appSecret: APP_SECRET });
  vi.stubEnv('DATABASE_URL', fresh.url);
  vi.stubEnv('WHATSAPP_BASE_URL', meta.origin);
  vi.stubEnv('WHATSAPP_ACCESS_TOKEN', 'EAAG-test');
  vi.stubEnv('WHATSAPP_APP_SECRET', APP_SECRET);
  for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(log, level).mockReturnValue();
  webhook = await import('../../api/_app/webhooks/whatsapp.ts');
  ({ queue } = await import('../../lib/queue/index.ts'));
  database = sharedDatabase();
  await sql("insert into companies (id, name) values ('acme', 'Palm Residences')");
  await sql("insert into company_settings (company_id, whatsapp_phone_number_id) values ('acme', $1)", NUMBER);
});
beforeEach(() =>
  sql(
    `insert into ai_settings (company_id, enabled, mode, provider, model, base_url, api_key, auto_send_intents)
     values ('acme', true, 'pilot', 'openai', 'gpt-4o-mini', $1, $2, '{question}')`,
    `${llm.origin}/v1`,
    LLM_KEYS.openai,
  ),
);
afterEach(async () => {
  llm.reset();
  await sql(emptied('ai_settings', 'conversations', ...JOB_TABLES, 'jobqueue.idempotency_keys'));
});
afterAll(async () => {
  await database.close();
  await meta.close();
  await llm.close();
  await fresh.drop();
  vi.unstubAllEnvs();
});

/** Sends the message as a webhook of Meta, `times` over, as Meta does in doubt. */
async function writes(text: string, times = 1): Promise<void> {
  const message = {
    from: PERSON,
    id: `wamid.${text}`,
    timestamp: String(Math.floor(Date.now() / 1000)),
    type: 'text',
    text: { body: text },
  };
  const value = { messaging_product: 'whatsapp', metadata: { phone_number_id: NUMBER }, messages: [message] };
  const entry = [{ id: '900', changes: [{ field: 'messages', value }] }];
  const body = Buffer.from(JSON.stringify({ object: 'whatsapp_business_account', entry }));
  const headers = { 'x-hub-signature-256': signatureOf(body, APP_SECRET) };
  for (let n = 0; n < times; n++) {
    const request = new Request('https://app.example/api/webhooks/whatsapp', { method: 'POST', headers, body });
    expect((await webhook.POST(request)).status).toBe(200);
  }
}

const drain = () => queue.drain({ budgetMs: 20_000, types: ['whatsapp_event', 'ai_generation', 'message_send'] });
const reached = (text: string) => meta.messages.filter((sent) => sent.to === PERSON && sent.text === text).length;
const generations = () =>
  sql(`select g.id::text, g.status, m.status as message, m.wamid is not null as taken
       from generations g left join messages m on m.id = g.message_id`);

test('a reply that is called sent is on the phone, once, and no job is left over', async () => {
  const reply = 'We have two places for each home.';
  llm.script({ kind: 'say', content: { ...GOOD, reply } });
  await writes('Do you have parking?', 3);
  await drain();
  expect(reached(reply)).toBe(1);
  expect(await generations()).toMatchObject([{ status: 'auto_sent', message: 'accepted', taken: true }]);
  expect(await sql('select type from jobqueue.jobs')).toEqual([]);
});

test('a draft is on no phone until a person approves it, and then it is', async () => {
  await sql("update ai_settings set mode = 'copilot'");
  const reply = 'There is a pool on the roof.';
  llm.script({ kind: 'say', content: { ...GOOD, reply } });
  await writes('And a pool?');
  await drain();
  expect(reached(reply)).toBe(0);
  const [draft] = await generations();
  expect(draft).toMatchObject({ status: 'drafted', message: null });
  const generationId = String(draft?.id);
  await decideDraft(database, { companyId: 'acme', generationId, decision: 'approve', decidedBy: 'sam' });
  await drain();
  expect(reached(reply)).toBe(1);
  expect(await generations()).toMatchObject([{ status: 'approved', message: 'accepted', taken: true }]);
});
