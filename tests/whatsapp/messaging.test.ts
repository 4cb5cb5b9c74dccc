/** Chat over WhatsApp through the front door: signed webhooks come in, jobs drain, the stand-in counts what reaches a person. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { log } from '../../lib/log.ts';
import { signatureOf } from '../../lib/providers/whatsapp.ts';
import { startWhatsApp, type WhatsAppStandIn } from '../standins/whatsapp.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { drainDue } from '../support/drain-due.ts';
import { emptied, JOB_TABLES } from '../support/empty.ts';

type Row = Record<string, unknown>;

const APP_SECRET = 'app-secret-0123456789';
const VERIFY_TOKEN = 'verify-token-0123456789';
/** Each test has a number and a person of its own: this process remembers what it knows of their buckets. */
let number = '';
let person = '';
let tests = 0;

let fresh: TestDatabase;
let meta: WhatsAppStandIn;
let webhook: typeof import('../../api/_app/webhooks/whatsapp.ts');
let queue: typeof import('../../lib/queue/index.ts')['queue'];
let sql: (text: string, ...params: unknown[]) => Promise<Row[]>;

beforeAll(async () => {
  fresh = await freshDatabase();
  meta = await startWhatsApp({
    accessToken: 'EAAG-test',
    phoneNumberId: '1555',
    isNumber: (id) => id.startsWith('1555'),
    perSecond: 1_000,
  });
  vi.stubEnv('DATABASE_URL', fresh.url);
  vi.stubEnv('WHATSAPP_BASE_URL', meta.origin);
  vi.stubEnv('WHATSAPP_ACCESS_TOKEN', 'EAAG-test');
  vi.stubEnv('WHATSAPP_APP_SECRET', APP_SECRET);
  vi.stubEnv('WHATSAPP_VERIFY_TOKEN', VERIFY_TOKEN);
  webhook = await import('../../api/_app/webhooks/whatsapp.ts');
  ({ queue } = await import('../../lib/queue/index.ts'));
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  sql = (text, ...params) => database().execute({ text, params });
  await sql("insert into companies (id, name) values ('acme', 'Acme')");
  await sql(
    "insert into company_settings (company_id, whatsapp_account_id, opt_out_confirmation) values ('acme', '900', 'You will hear no more from us.')",
  );
  vi.spyOn(log, 'warn').mockReturnValue();
  vi.spyOn(log, 'error').mockReturnValue();
  vi.spyOn(log, 'info').mockReturnValue();
});
beforeEach(async () => {
  tests++;
  number = `1555${tests}`;
  person = `9715011${String(10_000 + tests)}`;
  await sql('update company_settings set whatsapp_phone_number_id = $1', number);
});
afterEach(async () => {
  meta.faults.clear();
  await sql(emptied(...JOB_TABLES, 'jobqueue.idempotency_keys', 'jobqueue.buckets'));
  await sql(emptied('conversations', 'opt_outs', 'whatsapp_users', 'connections', 'parked_statuses', 'templates'));
});
afterAll(async () => {
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await database().close();
  await meta.close();
  await fresh.drop();
  vi.unstubAllEnvs();
});

const now = () => String(Math.floor(Date.now() / 1000));
const messagesChange = (lists: object) => ({
  field: 'messages',
  value: { messaging_product: 'whatsapp', metadata: { phone_number_id: number, display_phone_number: '1' }, ...lists },
});
const said = (text: string, id = `wamid.${Math.random()}`, from = person, timestamp = now()) => ({
  from,
  id,
  timestamp,
  type: 'text',
  text: { body: text },
});

async function post(change: object, { secret = APP_SECRET, accountId = '900' } = {}): Promise<Response> {
  const body = Buffer.from(
    JSON.stringify({ object: 'whatsapp_business_account', entry: [{ id: accountId, changes: [change] }] }),
  );
  const headers = { 'x-hub-signature-256': signatureOf(body, secret) };
  return webhook.POST(new Request('https://app.example/api/webhooks/whatsapp', { method: 'POST', headers, body }));
}

async function drain(types: string[] = ['whatsapp_event']): Promise<void> {
  await drainDue({ queue, sql, types });
}

async function deliver(change: object): Promise<void> {
  expect((await post(change)).status).toBe(200);
  await drain();
}

/** A conversation whose window is open, with one queued reply. */
async function queued(text = 'Yes, it is available.', from = person): Promise<string> {
  await deliver(messagesChange({ messages: [said('Is it available?', undefined, from)] }));
  const [row] = await sql(
    `with m as (
       insert into messages (company_id, conversation_id, direction, author, body, status)
       select company_id, id, 'outbound', 'ai', $1, 'queued' from conversations where phone_e164 = $2 returning id)
     select id::text, (jobqueue.add_job('message_send', jsonb_build_object('companyId', 'acme', 'messageId', id::text))).id as job from m`,
    text,
    `+${from}`,
  );
  return String(row?.id);
}

async function stateOf(id: string): Promise<Row | undefined> {
  const [row] = await sql('select status, wamid, error_code, error from messages where id = $1::bigint', id);
  return row;
}

const sentTo = (text: string) => meta.messages.filter((message) => message.text === text).length;

describe('the endpoint', () => {
  test('answers the handshake with the challenge, to whoever knows the token alone', async () => {
    const ask = (token: string, mode = 'subscribe', challenge = '1158201444') =>
      webhook.GET(
        new Request(
          `https://app.example/api/webhooks/whatsapp?hub.mode=${mode}&hub.verify_token=${token}&hub.challenge=${challenge}`,
        ),
      );
    const answer = await ask(VERIFY_TOKEN);
    expect([answer.status, await answer.text()]).toEqual([200, '1158201444']);
    expect((await ask('guess-guess-guess-guess')).status).toBe(403);
    expect((await ask(VERIFY_TOKEN, 'unsubscribe')).status).toBe(403);
    expect((await ask(VERIFY_TOKEN, 'subscribe', '<script>')).status).toBe(403);
  });

  test('stays closed while its secrets are unset', async () => {
    vi.stubEnv('WHATSAPP_APP_SECRET', '');
    vi.stubEnv('WHATSAPP_VERIFY_TOKEN', '');
    const given = await webhook.GET(
      new Request('https://app.example/?hub.mode=subscribe&hub.verify_token=&hub.challenge=1'),
    );
    expect([(await post(messagesChange({}), { secret: 'x' })).status, given.status]).toEqual([503, 503]);
    vi.stubEnv('WHATSAPP_APP_SECRET', APP_SECRET);
    vi.stubEnv('WHATSAPP_VERIFY_TOKEN', VERIFY_TOKEN);
  });

  test('takes nothing that is not signed over these very bytes, and stores nothing of it', async () => {
    expect((await post(messagesChange({ messages: [said('hi')] }), { secret: 'another-secret-0123' })).status).toBe(
      401,
    );
    const unsigned = new Request('https://app.example/', { method: 'POST', body: '{}' });
    expect((await webhook.POST(unsigned)).status).toBe(401);
    expect(await sql('select from jobqueue.jobs')).toEqual([]);
  });

  test('acknowledges only what is stored: without a database Meta is told to come again', async () => {
    const refuse = vi.spyOn(queue, 'addJobs').mockRejectedValueOnce(new Error('connection lost'));
    expect((await post(messagesChange({ messages: [said('hi')] }))).status).toBe(500);
    refuse.mockRestore();
  });

  test('makes one job of the same webhook however often it comes, and several of one that is too large for one', async () => {
    const change = messagesChange({ messages: [said('hi', 'wamid.same', undefined, '1730231903')] });
    await Promise.all([post(change), post(change), post(change)]);
    expect(await sql('select from jobqueue.jobs')).toHaveLength(1);
    const many = Array.from({ length: 900 }, (_, n) => said('x'.repeat(500), `wamid.many.${n}`));
    expect((await post(messagesChange({ messages: many }))).status).toBe(200);
    const rows = await sql("select jsonb_array_length(payload -> 'value' -> 'messages') as n from jobqueue.jobs");
    expect(rows.length).toBeGreaterThan(3);
    expect(rows.reduce((sum, { n }) => sum + Number(n), 0)).toBe(901);
  });
});

describe('what people write', () => {
  test('is stored once, opens the window, belongs to the lead, and asks for a reply once', async () => {
    await sql("insert into leads (company_id, phone_e164, name) values ('acme', $1, 'Amira')", `+${person}`);
    const message = said('Is it available?', 'wamid.once');
    await deliver(messagesChange({ messages: [message] }));
    await deliver(messagesChange({ messages: [message], contacts: [{ wa_id: person }] }));
    const rows = await sql(`
      select m.body, m.author, m.status, v.last_inbound_at > now() - interval '1 minute' as open, l.name
      from messages m join conversations v on v.id = m.conversation_id left join leads l on l.id = v.lead_id`);
    expect(rows).toEqual([
      { body: 'Is it available?', author: 'customer', status: 'received', open: true, name: 'Amira' },
    ]);
    expect(await sql("select from jobqueue.jobs where type = 'ai_generation'")).toHaveLength(1);
  });

  test('is stored also where nothing can be sent: what comes in needs no token', async () => {
    vi.stubEnv('WHATSAPP_ACCESS_TOKEN', '');
    await deliver(messagesChange({ messages: [said('Is anybody there?')] }));
    vi.stubEnv('WHATSAPP_ACCESS_TOKEN', 'EAAG-test');
    expect(await sql('select body, status from messages')).toEqual([{ body: 'Is anybody there?', status: 'received' }]);
  });

  test('in ten copies at once is stored once', async () => {
    const message = said('hello', 'wamid.race');
    for (let n = 0; n < 10; n++) await post(messagesChange({ messages: [message], contacts: [{ n }] }));
    await Promise.all(Array.from({ length: 4 }, () => drain()));
    expect(await sql("select from messages where wamid = 'wamid.race'")).toHaveLength(1);
    expect(await sql("select from jobqueue.jobs where type = 'ai_generation'")).toHaveLength(1);
  });

  test('late does not close the window that a newer message opened', async () => {
    await deliver(messagesChange({ messages: [said('new')] }));
    await deliver(messagesChange({ messages: [said('old', undefined, undefined, String(Number(now()) - 90_000))] }));
    expect(await sql("select from conversations where last_inbound_at > now() - interval '1 minute'")).toHaveLength(1);
  });

  test('of a kind that nobody knows does not keep the others from being stored', async () => {
    const strange = { from: 'not a number', id: 'wamid.strange', timestamp: now(), type: 'hologram' };
    await deliver(
      messagesChange({
        messages: [
          strange,
          said('after it'),
          { from: person, id: 'wamid.image', timestamp: now(), type: 'image', image: { id: '1' } },
        ],
      }),
    );
    expect(await sql('select kind, body from messages order by kind')).toEqual([
      { kind: 'image', body: null },
      { kind: 'text', body: 'after it' },
    ]);
  });

  test('to a number of nobody is kept as a dead letter, to be replayed once the number is known', async () => {
    const lost = messagesChange({ messages: [said('hi')] });
    lost.value.metadata.phone_number_id = '999';
    await deliver(lost);
    const [dead] = await sql(
      "select status, errors -> -1 ->> 'message' as why from jobqueue.finished_jobs where type = 'whatsapp_event' order by id desc limit 1",
    );
    const why = 'no company has the WhatsApp number 999: set it as that of its company, then replay this job';
    expect(dead).toEqual({ status: 'DEAD_LETTER', why });
  });

  test("to the deployment's number, where several companies have none, says what to do; mended and replayed, it is there", async () => {
    await sql("insert into companies (id, name) values ('unnumbered', 'One without'), ('another', 'One more')");
    onTestFinished(async () => {
      vi.stubEnv('WHATSAPP_PHONE_NUMBER_ID', '');
      await sql("delete from companies where id in ('unnumbered', 'another')");
    });
    vi.stubEnv('WHATSAPP_PHONE_NUMBER_ID', number);
    await sql("update company_settings set whatsapp_phone_number_id = null where company_id = 'acme'");
    await deliver(messagesChange({ messages: [said('STOP')] }));
    const [dead] = await sql("select errors -> -1 ->> 'message' as why from jobqueue.finished_jobs");
    expect(dead?.why).toBe(
      `the WhatsApp number ${number} is the deployment's, and 3 companies have no number of their own: give each its number, then replay this job`,
    );
    await sql("update company_settings set whatsapp_phone_number_id = $1 where company_id = 'acme'", number);
    await queue.replay({ type: 'whatsapp_event' }, { actor: 'sam' });
    await drain(['whatsapp_event']);
    expect(await sql('select company_id, scope from opt_outs')).toEqual([{ company_id: 'acme', scope: 'all' }]);
  });
});

describe('opting out', () => {
  test.each(['STOP', ' stop. ', 'Unsubscribe!', 'opt  out', 'إلغاء', 'الغاء'])(
    '%s is heard, and confirmed once',
    async (word) => {
      await deliver(messagesChange({ messages: [said(word)] }));
      await deliver(messagesChange({ messages: [said(word)] }));
      await drain(['message_send']);
      expect(await sql('select scope, source, lifted_at from opt_outs')).toEqual([
        { scope: 'all', source: 'keyword', lifted_at: null },
      ]);
      expect(await sql("select status from messages where kind = 'opt_out_confirmation'")).toEqual([
        { status: 'accepted' },
      ]);
      expect(await sql("select from jobqueue.jobs where type = 'ai_generation'")).toEqual([]);
    },
  );

  test.each(['please do not stop', 'stopping by tomorrow', 'Is the bus stop near?', 'end of May'])(
    '«%s» is none',
    async (text) => {
      await deliver(messagesChange({ messages: [said(text)] }));
      expect(await sql('select from opt_outs')).toEqual([]);
    },
  );

  test('by WhatsApp itself is of marketing alone, and can be taken back there', async () => {
    const preference = (value: string) => ({
      field: 'user_preferences',
      value: {
        metadata: { phone_number_id: number },
        user_preferences: [{ wa_id: person, category: 'marketing_messages', value, timestamp: 1731617831 }],
      },
    });
    await deliver(preference('stop'));
    expect(await sql('select scope, source, lifted_at is null as holds from opt_outs')).toEqual([
      { scope: 'marketing', source: 'user_preferences', holds: true },
    ]);
    await deliver(preference('resume'));
    expect(await sql('select lifted_at is null as holds from opt_outs')).toEqual([{ holds: false }]);
  });

  test('between queueing and sending cancels the message', async () => {
    const id = await queued('too late');
    await deliver(messagesChange({ messages: [said('STOP')] }));
    await drain(['message_send']);
    expect(await stateOf(id)).toMatchObject({ status: 'cancelled', error: 'the person has opted out' });
    expect(sentTo('too late')).toBe(0);
  });

  test('by «start» is taken back', async () => {
    await deliver(messagesChange({ messages: [said('STOP')] }));
    await deliver(messagesChange({ messages: [said('Start')] }));
    expect(await sql('select from opt_outs where lifted_at is null')).toEqual([]);
  });
});

describe('the outbox', () => {
  test('sends a queued message once, however many jobs are told to', async () => {
    const id = await queued('once');
    for (let n = 0; n < 4; n++)
      await sql(
        "select jobqueue.add_job('message_send', jsonb_build_object('companyId', 'acme', 'messageId', $1::text))",
        id,
      );
    await Promise.all([drain(['message_send']), drain(['message_send'])]);
    expect(sentTo('once')).toBe(1);
    expect(await stateOf(id)).toMatchObject({ status: 'accepted', wamid: expect.stringMatching(/^wamid/) });
  });

  test('never sends again what may have been sent, and learns from the webhook that it was', async () => {
    const id = await queued('ambiguous');
    meta.faults.add({ match: '/messages$', reset: 'after' });
    await drain(['message_send']);
    expect(await stateOf(id)).toMatchObject({ status: 'unconfirmed' });
    await sql(
      "select jobqueue.add_job('message_send', jsonb_build_object('companyId', 'acme', 'messageId', $1::text))",
      id,
    );
    await drain(['message_send']);
    expect(sentTo('ambiguous')).toBe(1);
    const [attempt] = await sql('select opaque_id from delivery_attempts where message_id = $1::bigint', id);
    await deliver(
      messagesChange({
        statuses: [
          { id: 'wamid.amb', status: 'delivered', timestamp: now(), biz_opaque_callback_data: attempt?.opaque_id },
        ],
      }),
    );
    expect(await stateOf(id)).toMatchObject({ status: 'delivered', wamid: 'wamid.amb' });
  });

  test('takes a message that a dead run was sending for one that may have been sent', async () => {
    const id = await queued('died');
    await sql("update messages set status = 'sending' where id = $1::bigint", id);
    await sql(
      "insert into delivery_attempts (opaque_id, company_id, message_id, attempt) values ('cvr_died', 'acme', $1::bigint, 1)",
      id,
    );
    await drain(['message_send']);
    expect(sentTo('died')).toBe(0);
    expect(await stateOf(id)).toMatchObject({ status: 'unconfirmed' });
  });

  test('outside the window sends no free text', async () => {
    const id = await queued('too late for text');
    await sql("update conversations set last_inbound_at = now() - interval '24 hours 1 second'");
    await drain(['message_send']);
    expect(await stateOf(id)).toMatchObject({ status: 'failed', error_code: 131047 });
    expect(sentTo('too late for text')).toBe(0);
  });

  test('waits out an outage without an operator and without burning an attempt', async () => {
    const id = await queued('after the outage');
    vi.stubEnv('WHATSAPP_BASE_URL', 'http://no-such-host.invalid');
    for (let n = 0; n < 4; n++) {
      await drain(['message_send']);
      await sql('delete from jobqueue.buckets');
      await sql("update jobqueue.jobs set due_at = now() - interval '1 s'");
    }
    const [waiting] = await sql("select attempt from jobqueue.jobs where type = 'message_send'");
    expect(waiting).toEqual({ attempt: 0 });
    expect(await sql('select failures >= 4 as failing, paused_at from connections')).toEqual([
      { failing: true, paused_at: null },
    ]);
    vi.stubEnv('WHATSAPP_BASE_URL', meta.origin);
    await drain(['message_send']);
    expect(await stateOf(id)).toMatchObject({ status: 'accepted' });
    expect(sentTo('after the outage')).toBe(1);
    expect(await sql('select failures, failing_since from connections')).toEqual([
      { failures: 0, failing_since: null },
    ]);
  });

  test.each([
    [190, 'pauses the connection, once, and keeps the message', { status: 'queued' }, true],
    [130429, 'holds the number back, and keeps the message', { status: 'queued' }, false],
    [131056, 'holds this person back, and keeps the message', { status: 'queued' }, false],
    [131016, 'keeps the message for later', { status: 'queued' }, false],
    [131026, 'fails the message for good', { status: 'failed', error_code: 131026 }, false],
    [131000, 'leaves it unconfirmed', { status: 'unconfirmed' }, false],
  ])('code %i %s', async (code, _, state, isPaused) => {
    const id = await queued(`code ${code}`);
    meta.faults.add({
      match: '/messages$',
      status: code === 131000 ? 500 : 400,
      body: { error: { code, message: 'no', error_data: { details: 'no' } } },
    });
    await drain(['message_send']);
    expect(await stateOf(id)).toMatchObject(state);
    expect((await sql('select from connections where paused_at is not null')).length === 1).toBe(isPaused);
    expect(sentTo(`code ${code}`)).toBe(0);
    const jobs = await sql("select attempt from jobqueue.jobs where type = 'message_send'");
    expect(jobs).toEqual(state.status === 'queued' ? [{ attempt: 0 }] : []);
  });
});

describe('statuses', () => {
  const status = (name: string, opaque: unknown, more: object = {}) => ({
    id: 'wamid.s',
    status: name,
    timestamp: now(),
    recipient_id: person,
    ...(typeof opaque === 'string' && { biz_opaque_callback_data: opaque }),
    ...more,
  });

  async function sending(): Promise<{ id: string; opaque: string }> {
    const id = await queued('tracked');
    await drain(['message_send']);
    const [attempt] = await sql('select opaque_id from delivery_attempts where message_id = $1::bigint', id);
    return { id, opaque: String(attempt?.opaque_id) };
  }

  test.each([
    [['read', 'delivered', 'sent'], 'read'],
    [['sent', 'sent', 'delivered', 'sent'], 'delivered'],
    [['failed', 'delivered'], 'delivered'],
    [['delivered', 'failed'], 'delivered'],
    [['failed', 'sent'], 'failed'],
    [['played'], 'read'],
  ])('%j end as %s, one by one and together', async (order, end) => {
    const one = await sending();
    for (const name of order) await deliver(messagesChange({ statuses: [status(name, one.opaque)] }));
    expect(await stateOf(one.id)).toMatchObject({ status: end });
    const [{ id: other } = { id: '' }] = await sql(
      `insert into messages (company_id, conversation_id, direction, author, status)
       select company_id, id, 'outbound', 'ai', 'sending' from conversations returning id::text`,
    );
    await sql(
      "insert into delivery_attempts (opaque_id, company_id, message_id, attempt) values ('cvr_all', 'acme', $1::bigint, 1)",
      other,
    );
    await deliver(messagesChange({ statuses: order.map((name) => ({ ...status(name, 'cvr_all'), id: 'wamid.all' })) }));
    expect(await stateOf(String(other))).toMatchObject({ status: end });
  });

  test('that come before our own answer is stored are parked without an opaque id, and applied when the message is known', async () => {
    const { id } = await sending();
    await sql("update messages set wamid = null, status = 'sending' where direction = 'outbound'");
    await sql('update delivery_attempts set wamid = null');
    await deliver(messagesChange({ statuses: [status('delivered', null)] }));
    expect(await stateOf(id)).toMatchObject({ status: 'sending' });
    await sql("update delivery_attempts set wamid = 'wamid.s'");
    await sql("update jobqueue.jobs set due_at = now() - interval '1 s'");
    await drain();
    expect(await stateOf(id)).toMatchObject({ status: 'delivered', wamid: 'wamid.s' });
    expect(await sql('select from parked_statuses')).toEqual([]);
  });

  test('131050 writes an opt-out from marketing, 131026 marks the lead as unreachable', async () => {
    await sql("insert into leads (company_id, phone_e164) values ('acme', $1)", `+${person}`);
    const { opaque } = await sending();
    const errors = (code: number) => ({ errors: [{ code, title: 'no', error_data: { details: 'no' } }] });
    await deliver(messagesChange({ statuses: [status('failed', opaque, errors(131050))] }));
    expect(await sql('select scope, source from opt_outs')).toEqual([{ scope: 'marketing', source: 'delivery_error' }]);
    const other = await sending();
    await deliver(messagesChange({ statuses: [{ ...status('failed', other.opaque, errors(131026)), id: 'wamid.o' }] }));
    expect(await sql('select from leads where whatsapp_unreachable_at is not null')).toHaveLength(1);
  });
});

describe('what Meta tells of templates', () => {
  const about = (given: object) => ({
    message_template_id: 1,
    message_template_name: 'viewing',
    message_template_language: 'en-US',
    ...given,
  });
  beforeEach(() =>
    sql(
      "insert into templates (company_id, name, language, category, status, body) values ('acme', 'viewing', 'en_US', 'UTILITY', 'APPROVED', 'Hi')",
    ),
  );
  const template = async () => (await sql('select status, status_reason, category, quality from templates'))[0];

  test.each([
    [
      'PAUSED',
      { reason: 'NONE', other_info: { title: 'FIRST_PAUSE', description: 'paused for 3 hours' } },
      'paused for 3 hours',
    ],
    ['DISABLED', { reason: null }, null],
    ['REJECTED', { reason: 'INVALID_FORMAT', rejection_info: { reason: 'gaps side by side' } }, 'gaps side by side'],
  ])('%s: it is so here, and pauses the campaigns that send it, with the reason', async (event, given, reason) => {
    await sql(`insert into campaigns (id, company_id, name, template_id, status, audience)
      select 'campaign-' || s, 'acme', 'c', id, s, '{"kind": "list"}' from templates, unnest('{running,planning,completed}'::text[]) s`);
    await deliver({ field: 'message_template_status_update', value: about({ event, ...given }) });
    expect(await template()).toMatchObject({ status: event, status_reason: reason });
    const campaigns = await sql(
      "select status, pause ->> 'code' as code, pause ->> 'message' as message from campaigns order by id",
    );
    const paused = {
      status: 'paused',
      code: `template_${event.toLowerCase()}`,
      message: `the template is ${event.toLowerCase()} at Meta${reason === null ? '' : `: ${reason}`}`,
    };
    expect(campaigns).toEqual([{ status: 'completed', code: null, message: null }, paused, paused]);
    await sql(emptied('campaigns'));
  });

  test('reinstated it is approved again; a status that nobody knows is a dead letter', async () => {
    await sql("update templates set status = 'PAUSED'");
    await deliver({ field: 'message_template_status_update', value: about({ event: 'REINSTATED', reason: null }) });
    expect(await template()).toMatchObject({ status: 'APPROVED' });
    await deliver({ field: 'message_template_status_update', value: about({ event: 'FROZEN', reason: null }) });
    expect(await sql("select from jobqueue.finished_jobs where status = 'DEAD_LETTER'")).toHaveLength(1);
    expect(await template()).toMatchObject({ status: 'APPROVED' });
  });

  test('another category counts when it has changed, and not while it is announced', async () => {
    const announced = { correct_category: 'MARKETING', new_category: 'UTILITY', category_update_timestamp: 1760711433 };
    await deliver({ field: 'template_category_update', value: about(announced) });
    expect(await template()).toMatchObject({ category: 'UTILITY' });
    await deliver({
      field: 'template_category_update',
      value: about({ previous_category: 'UTILITY', new_category: 'MARKETING' }),
    });
    expect(await template()).toMatchObject({ category: 'MARKETING' });
  });

  test('its quality is kept', async () => {
    await deliver({
      field: 'message_template_quality_update',
      value: about({ previous_quality_score: 'GREEN', new_quality_score: 'RED' }),
    });
    expect(await template()).toMatchObject({ quality: 'RED', status: 'APPROVED' });
  });

  test('of an account that several companies have is true for all of them', async () => {
    await sql("insert into companies (id, name) values ('twin', 'Twin')");
    await sql(
      "insert into company_settings (company_id, whatsapp_account_id, whatsapp_phone_number_id) values ('twin', '900', '77')",
    );
    await sql(
      "insert into templates (company_id, name, language, category, status, body) values ('twin', 'viewing', 'en_US', 'UTILITY', 'APPROVED', 'Hi')",
    );
    await deliver({ field: 'message_template_status_update', value: about({ event: 'PAUSED', reason: 'NONE' }) });
    expect(await sql('select distinct status from templates')).toEqual([{ status: 'PAUSED' }]);
    await sql("delete from templates where company_id = 'twin'");
    await sql("delete from company_settings where company_id = 'twin'");
    await sql("delete from companies where id = 'twin'");
  });
});

describe('what Meta tells of the account', () => {
  afterEach(() => sql(emptied('account_events')));

  test.each<[string, object, string, RegExp]>([
    [
      'account_update',
      { event: 'ACCOUNT_VIOLATION', violation_info: { violation_type: 'ADULT' } },
      'critical',
      /violated a policy: adult/,
    ],
    [
      'account_update',
      {
        event: 'ACCOUNT_RESTRICTION',
        restriction_info: [{ restriction_type: 'RESTRICTED_BIZ_INITIATED_MESSAGING', expiration: 1751347424 }],
      },
      'critical',
      /restricted biz initiated messaging until 2025-07-01/,
    ],
    [
      'account_update',
      {
        event: 'DISABLED_UPDATE',
        ban_info: { waba_ban_state: 'SCHEDULE_FOR_DISABLE', waba_ban_date: 'April 17, 2025' },
      },
      'critical',
      /going to be disabled April 17/,
    ],
    ['account_update', { event: 'MM_LITE_TERMS_SIGNED', waba_info: { waba_id: '1' } }, 'info', /mm lite terms signed/],
    ['account_review_update', { decision: 'APPROVED' }, 'info', /approved/],
    [
      'account_alerts',
      {
        entity_type: 'BUSINESS',
        entity_id: '1',
        alert_info: {
          alert_severity: 'CRITICAL',
          alert_status: 'ACTIVE',
          alert_type: 'OBA_REJECTED',
          alert_description: 'No blue tick.',
        },
      },
      'critical',
      /oba rejected: No blue tick/,
    ],
    [
      'phone_number_quality_update',
      { display_phone_number: '15550783881', event: 'FLAGGED', current_limit: 'TIER_10K' },
      'warning',
      /15550783881: flagged .*TIER_10K/,
    ],
    [
      'phone_number_quality_update',
      {
        display_phone_number: '15550783881',
        event: 'THROUGHPUT_UPGRADE',
        max_daily_conversations_per_business: 'TIER_UNLIMITED',
      },
      'info',
      /throughput upgrade/,
    ],
    [
      'phone_number_name_update',
      {
        display_phone_number: '1555',
        decision: 'REJECTED',
        requested_verified_name: 'Acme',
        rejection_reason: 'NAME_INVALID',
      },
      'warning',
      /Acme is rejected \(name invalid\)/,
    ],
    [
      'business_capability_update',
      { max_daily_conversations_per_business: 2000, max_phone_numbers_per_waba: 25 },
      'info',
      /2000/,
    ],
    ['security', { display_phone_number: '1555', event: 'PIN_CHANGED', requester: '1' }, 'warning', /pin changed/],
  ])('%s %j is kept as %s', async (field, value, severity, message) => {
    await deliver({ field, value });
    const [event] = await sql('select field, severity, message from account_events');
    expect(event).toMatchObject({ field, severity, message: expect.stringMatching(message) });
    expect(await sql('select from connections where paused_at is not null')).toEqual([]);
  });

  test.each([
    { event: 'DISABLED_UPDATE', ban_info: { waba_ban_state: 'DISABLE', waba_ban_date: 'April 17, 2025' } },
    { event: 'ACCOUNT_DELETED' },
  ])('$event ends all sending until an operator resumes it', async (value) => {
    await deliver({ field: 'account_update', value });
    expect(await sql('select provider, paused_code from connections where paused_at is not null')).toEqual([
      { provider: 'whatsapp', paused_code: value.event },
    ]);
  });

  test('that says nothing, or is of an account that nobody has, is a dead letter', async () => {
    await deliver({ field: 'account_update', value: { hello: 'world' } });
    expect(
      (await post({ field: 'account_update', value: { event: 'ACCOUNT_DELETED' } }, { accountId: '901' })).status,
    ).toBe(200);
    await drain();
    expect(await sql("select from jobqueue.finished_jobs where status = 'DEAD_LETTER'")).toHaveLength(2);
  });
});
