/** People with usernames, buttons, captions, new numbers and hostile texts: from the stand-in's webhooks over HTTP to what reaches a person. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { log } from '../../lib/log.ts';
import { storeInbound } from '../../lib/messaging/inbound.ts';
import { signatureOf } from '../../lib/providers/whatsapp.ts';
import type { Executor } from '../../packages/jobqueue/src/postgres/connect.ts';
import { startWhatsApp, type WhatsAppStandIn } from '../standins/whatsapp.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { emptied, JOB_TABLES } from '../support/empty.ts';
import { PATIENT } from '../support/patient.ts';
import fc, { anyCharacter } from '../support/property.ts';

type Row = Record<string, unknown>;

const APP_SECRET = 'app-secret-0123456789';
let number = '';
/** Digits; each test has a person of its own. */
let person = '';
let tests = 0;

let fresh: TestDatabase;
let meta: WhatsAppStandIn;
let webhooks: Server;
let queue: typeof import('../../lib/queue/index.ts')['queue'];
let sql: (text: string, ...params: unknown[]) => Promise<Row[]>;

beforeAll(async () => {
  fresh = await freshDatabase();
  vi.stubEnv('DATABASE_URL', fresh.url);
  vi.stubEnv('WHATSAPP_ACCESS_TOKEN', 'EAAG-test');
  vi.stubEnv('WHATSAPP_APP_SECRET', APP_SECRET);
  const { POST } = await import('../../api/_app/webhooks/whatsapp.ts');
  webhooks = createServer(PATIENT, async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const headers = { 'x-hub-signature-256': String(incoming.headers['x-hub-signature-256']) };
    const answer = await POST(new Request('http://app/', { method: 'POST', headers, body: Buffer.concat(chunks) }));
    outgoing.writeHead(answer.status).end(await answer.text());
  });
  webhooks.listen(0, '127.0.0.1');
  await once(webhooks, 'listening');
  meta = await startWhatsApp({
    accessToken: 'EAAG-test',
    phoneNumberId: '1555',
    isNumber: (id) => id.startsWith('1555'),
    perSecond: 1_000,
    appSecret: APP_SECRET,
    webhookUrl: `http://127.0.0.1:${(webhooks.address() as AddressInfo).port}`,
    templates: [{ name: 'code', language: 'en', category: 'AUTHENTICATION', status: 'APPROVED', parameters: 0 }],
  });
  vi.stubEnv('WHATSAPP_BASE_URL', meta.origin);
  ({ queue } = await import('../../lib/queue/index.ts'));
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  sql = (text, ...params) => database().execute({ text, params });
  await sql("insert into companies (id, name) values ('acme', 'Acme')");
  await sql(
    "insert into company_settings (company_id, opt_out_confirmation) values ('acme', 'You will hear no more from us.')",
  );
  for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(log, level).mockReturnValue();
});
beforeEach(async () => {
  tests++;
  number = `1555${tests}`;
  person = `9715022${String(10_000 + tests)}`;
  await sql('update company_settings set whatsapp_phone_number_id = $1', number);
});
afterEach(async () => {
  await meta.flush();
  await sql(emptied(...JOB_TABLES, 'jobqueue.idempotency_keys', 'jobqueue.buckets'));
  await sql(emptied('conversations', 'opt_outs', 'whatsapp_users', 'delivery_attempts', 'parked_statuses', 'leads'));
});
afterAll(async () => {
  await meta.close();
  webhooks.closeAllConnections();
  webhooks.close();
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await database().close();
  await fresh.drop();
  vi.unstubAllEnvs();
});

/** Everything that was said arrives and is applied. */
async function arrive(types = ['whatsapp_event']): Promise<void> {
  await meta.flush();
  await queue.drain({ types, budgetMs: 10_000 });
}
async function say(what: string | object, from = person): Promise<string> {
  const id = meta.say(from, what, number);
  await arrive();
  return id;
}
async function reply(body: string): Promise<Row | undefined> {
  const [sent] = await sql(
    `with m as (
       insert into messages (company_id, conversation_id, direction, author, body, status)
       select company_id, id, 'outbound', 'ai', $1, 'queued' from conversations order by id desc limit 1 returning id)
     select id::text, (jobqueue.add_job('message_send', jsonb_build_object('companyId', 'acme', 'messageId', id::text))).id as job from m`,
    body,
  );
  await arrive(['message_send']);
  const [row] = await sql('select status, error, wamid from messages where id = $1::bigint', sent?.id);
  return row;
}
const optOuts = () =>
  sql(
    'select phone_e164 as phone, whatsapp_user_id as "user", scope, source, lifted_at is null as holds from opt_outs order by id',
  );
const deadLetters = () =>
  sql(
    `select errors -> -1 ->> 'message' as why, payload from jobqueue.finished_jobs where type = 'whatsapp_event' and status = 'DEAD_LETTER' order by id`,
  );
const resultOf = async () =>
  (await sql("select result from jobqueue.finished_jobs where type = 'whatsapp_event' order by id desc limit 1"))[0]
    ?.result;

describe('a person with a username', () => {
  test('is heard: STOP opts out, is confirmed to the id, and nothing else goes out', async () => {
    const user = meta.identify(person, { username: 'amira' });
    await say('STOP');
    expect(await optOuts()).toEqual([{ phone: null, user, scope: 'all', source: 'keyword', holds: true }]);
    await arrive(['message_send']);
    expect(meta.deliveries().get(person)).toBe(1);
    expect(await reply('But wait')).toMatchObject({ status: 'cancelled', error: 'the person has opted out' });
    await say('start');
    expect(await optOuts()).toMatchObject([{ holds: false }]);
  });

  test('is answered by the id, and receipts move the answer on', async () => {
    const user = meta.identify(person, { username: 'amira' });
    await say('Is it available?');
    expect(await sql('select phone_e164, whatsapp_user_id from conversations')).toEqual([
      { phone_e164: null, whatsapp_user_id: user },
    ]);
    expect(await sql('select username from whatsapp_users')).toEqual([{ username: 'amira' }]);
    expect(await sql("select from jobqueue.jobs where type = 'ai_generation'")).toHaveLength(1);
    expect(await reply('It is.')).toMatchObject({ status: 'accepted' });
    await arrive();
    expect(await sql("select status from messages where body = 'It is.'")).toEqual([{ status: 'read' }]);
  });

  test('who was opted out under the id is opted out under the number that comes later', async () => {
    await sql("insert into leads (company_id, phone_e164) values ('acme', $1)", `+${person}`);
    const user = meta.identify(person, { username: 'amira' });
    await say('STOP');
    meta.identify(person, { username: 'amira', isHidden: false });
    await say('Hello again');
    expect(await optOuts()).toEqual([{ phone: `+${person}`, user, scope: 'all', source: 'keyword', holds: true }]);
    expect(await sql('select lead_id is not null as "isLead", phone_e164 from conversations')).toEqual([
      { isLead: true, phone_e164: `+${person}` },
    ]);
    expect(await reply('Hi')).toMatchObject({ status: 'cancelled' });
  });

  test('whose number was known before is opted out under it', async () => {
    meta.identify(person);
    await say('Hello');
    meta.identify(person, { username: 'amira' });
    await say('STOP');
    expect(await optOuts()).toMatchObject([{ phone: `+${person}`, holds: true }]);
    expect(await sql('select from conversations')).toHaveLength(1);
  });

  describe('who is linked to a number in the same moment', () => {
    const learn = (executor: Executor, seen: object) =>
      executor.execute({ text: "select learn_whatsapp_users('acme', $1::jsonb)", params: [JSON.stringify([seen])] });
    const stop = (executor: Executor, userId: string) =>
      storeInbound(executor, {
        ...{ companyId: 'acme', phone: null, userId, wamid: `wamid.${userId}`, atMs: Date.now(), kind: 'text' },
        ...{ text: 'STOP', replyTo: null, isOptOut: true, isOptIn: false, wantsReply: true },
      });
    const isWaiting = () =>
      expect
        .poll(() => sql("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"))
        .toHaveLength(1);

    test.each([
      ['before STOP', learn, stop],
      ['after STOP', stop, learn],
    ] as const)('%s is opted out under it, in one conversation', async (_, first, second) => {
      const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
      const userId = `AE.${person}`;
      const [phone, about] = [`+${person}`, { userId, phone: `+${person}` }];
      const run = (what: typeof learn | typeof stop, executor: Executor) =>
        what === learn ? learn(executor, about) : stop(executor, userId);
      await learn(database(), { userId });
      let done: Promise<unknown> | undefined;
      await database().transaction(async (tx) => {
        await run(first, tx);
        done = run(second, database());
        await isWaiting();
      });
      await done;
      expect(await optOuts()).toMatchObject([{ phone, user: userId, holds: true }]);
      expect(await sql('select phone_e164 from conversations')).toEqual(
        await sql('select phone_e164 from whatsapp_users'),
      );
    });
  });

  test('is linked by the receipt of a message that went to the number, and by an answer to it', async () => {
    await say('Hello');
    const user = meta.identify(person, { username: 'amira' });
    await reply('Hi');
    await arrive();
    expect(await sql('select user_id, phone_e164 from whatsapp_users')).toEqual([
      { user_id: user, phone_e164: `+${person}` },
    ]);
    await sql(emptied('whatsapp_users'));
    const [{ wamid } = {}] = await sql("select wamid from messages where body = 'Hi'");
    await say({ type: 'button', button: { text: 'Non merci', payload: 'STOP' }, context: { from: '1', id: wamid } });
    expect(await optOuts()).toMatchObject([{ phone: `+${person}`, user, holds: true }]);
  });

  test('who stops marketing in WhatsApp itself is opted out of it under the id', async () => {
    const user = meta.identify(person, { username: 'amira' });
    await sql('update company_settings set whatsapp_phone_number_id = $1', '1555');
    meta.prefer(person, 'stop');
    await arrive();
    expect(await optOuts()).toEqual([
      { phone: null, user, scope: 'marketing', source: 'user_preferences', holds: true },
    ]);
    meta.prefer(person, 'resume');
    await arrive();
    expect(await optOuts()).toMatchObject([{ holds: false }]);
  });

  test('who refuses marketing when we write is opted out of it under the id', async () => {
    const user = meta.identify(person, { username: 'amira' });
    await say('Hello');
    meta.fail(person, 131050);
    await reply('Our offer');
    await arrive();
    meta.fail(person, null);
    expect(await optOuts()).toEqual([{ phone: null, user, scope: 'marketing', source: 'delivery_error', holds: true }]);
  });
});

describe('buttons and captions', () => {
  test('the opt-out button of a template opts out in any language, and is said in the reason', async () => {
    await say({ type: 'button', button: { text: 'إيقاف العروض لي', payload: 'STOP' } });
    expect(await optOuts()).toMatchObject([{ phone: `+${person}`, holds: true }]);
    expect(await sql('select reason from opt_outs')).toEqual([{ reason: 'إيقاف العروض لي' }]);
    expect(await sql("select from jobqueue.jobs where type = 'ai_generation'")).toEqual([]);
  });

  test('a reply button with the id STOP opts out, and «Cancel» does not', async () => {
    const tap = (title: string, id: string) => ({
      type: 'interactive',
      interactive: { type: 'button_reply', button_reply: { id, title } },
    });
    await say(tap('Cancel', 'cancel'));
    expect(await optOuts()).toEqual([]);
    await say(tap('No more', 'STOP'));
    expect(await optOuts()).toMatchObject([{ holds: true }]);
  });

  test.each<[string, object, string]>([
    ['a tapped button', { type: 'button', button: { text: 'Yes, call me', payload: 'YES' } }, 'Yes, call me'],
    [
      'a caption',
      { type: 'image', image: { id: '1', mime_type: 'image/jpeg', caption: 'Is it this one?' } },
      'Is it this one?',
    ],
    [
      'an edit',
      { type: 'edit', edit: { original_message_id: 'wamid.0', message: { type: 'text', text: { body: 'At six' } } } },
      'At six',
    ],
    [
      'a list',
      { type: 'interactive', interactive: { type: 'list_reply', list_reply: { id: 'r1', title: 'Two rooms' } } },
      'Two rooms',
    ],
  ])('%s is text, and gets an answer', async (_, message, body) => {
    await say(message);
    expect(await sql('select body from messages')).toEqual([{ body }]);
    expect(await sql("select from jobqueue.jobs where type = 'ai_generation'")).toHaveLength(1);
  });

  test.each([
    { type: 'video', video: { id: '1', caption: 'Stop!' } },
    { type: 'edit', edit: { original_message_id: 'wamid.0', message: { type: 'text', text: { body: 'stop' } } } },
  ])('STOP opts out as $type', async (message) => {
    await say(message);
    expect(await optOuts()).toMatchObject([{ holds: true }]);
  });

  test('a picture alone is stored and gets no answer, a deleted message loses its text', async () => {
    await say({ type: 'image', image: { id: '1' } });
    const id = await say('my secret');
    await say({ type: 'revoke', revoke: { original_message_id: id } });
    expect(await sql('select kind, body from messages order by id')).toEqual([
      { kind: 'image', body: null },
      { kind: 'revoked', body: null },
    ]);
    expect(await resultOf()).toMatchObject({ revoked: 1 });
  });
});

describe('system messages', () => {
  test('of a new number open no window, are noted, and carry the opt-out and the id over', async () => {
    const old = meta.identify(person);
    const next = `${person.slice(0, -1)}9${tests}`;
    await say('STOP');
    await sql("update conversations set last_inbound_at = now() - interval '2 days'");
    meta.changeNumber(person, next, number);
    await arrive();
    const [note] = await sql(
      "select kind, author, body from messages where author = 'system' and direction = 'inbound'",
    );
    expect(note).toMatchObject({ kind: 'user_changed_number', body: expect.stringContaining(`+${next}`) });
    expect(note?.body).toContain(`+${person}, ${old}`);
    expect(await sql("select from conversations where last_inbound_at > now() - interval '1 day'")).toEqual([]);
    expect((await optOuts()).map(({ phone, holds }) => [phone, holds])).toEqual([
      [`+${person}`, true],
      [`+${next}`, true],
    ]);
    expect(await resultOf()).toMatchObject({ stored: 0, noted: 1 });
  });

  test('of an id that changed carry the opt-out over, once however often they come', async () => {
    const user = meta.identify(person, { username: 'amira' });
    await say('STOP');
    const system = { type: 'user_changed_user_id', body: 'changed', user_id: 'AE.77', previous_user_id: user };
    await say({ from: undefined, from_user_id: 'AE.77', id: 'wamid.sys', type: 'system', system });
    await say({ from: undefined, from_user_id: 'AE.77', id: 'wamid.sys', type: 'system', system });
    expect((await optOuts()).map(({ user: its }) => its)).toEqual([user, 'AE.77']);
    expect(await sql("select from messages where author = 'system' and direction = 'inbound'")).toHaveLength(1);
  });

  test('of a new device are noted', async () => {
    await say({
      type: 'system',
      system: { type: 'customer_identity_changed', body: 'x', identity: 'h', wa_id: person },
    });
    expect(await sql('select kind, author from messages')).toEqual([
      { kind: 'customer_identity_changed', author: 'system' },
    ]);
    expect(await sql('select last_inbound_at from conversations')).toEqual([{ last_inbound_at: null }]);
  });
});

describe('what is not understood', () => {
  test('is a dead letter of its own, beside nine that are stored, and can be replayed', async () => {
    for (let n = 0; n < 9; n++) meta.say(person, `message ${n}\ud83d`, number);
    meta.say(person, { type: 'hologram', hologram: {} }, number);
    await arrive();
    expect(await sql('select count(*)::int as n from messages')).toEqual([{ n: 9 }]);
    expect(await sql("select from messages where body like '%\u{FFFD}'")).toHaveLength(9);
    const [dead, ...rest] = await deadLetters();
    expect(rest).toEqual([]);
    expect(dead?.why).toContain("expected a kind of message that is known, got 'hologram'");
    expect(dead?.payload).toMatchObject({ value: { messages: [{ type: 'hologram' }] } });
  });

  test.each<[string, string, object]>([
    ['a field', 'brand_new_field', { any: 1 }],
    ['a value of another shape', 'messages', { metadata: { phone_number_id: '' } }],
    [
      'a change with nothing in it',
      'messages',
      { messaging_product: 'whatsapp', metadata: { phone_number_id: '1555' } },
    ],
  ])('%s is a dead letter after one attempt', async (_, field, value) => {
    await sql('update company_settings set whatsapp_phone_number_id = $1', '1555');
    meta.announce(field, value);
    await arrive();
    expect(await deadLetters()).toHaveLength(1);
    expect(await sql('select from jobqueue.jobs')).toEqual([]);
  });

  test('noise that is known completes and says so', async () => {
    await say({ type: 'reaction', reaction: { message_id: 'wamid.1', emoji: '👍' } });
    expect(await resultOf()).toMatchObject({ ignored: { reaction: 1 } });
    meta.announce('history', { metadata: {}, history: [] });
    await arrive();
    expect(await resultOf()).toEqual({ ignored: { history: 1 } });
    expect(await sql('select from conversations')).toEqual([]);
  });
});

test('whatever stands beside them in a webhook, good messages are stored: the endpoint answers 200 and the database takes it', async () => {
  const hostile = fc.oneof(
    fc.object({ withNullPrototype: false }),
    fc.jsonValue(),
    fc.record({
      id: fc.string({ unit: anyCharacter, minLength: 1, maxLength: 600 }),
      from: fc.constantFrom('971501234567', '0123456', '99999999999999999', 'AE.1', '', null),
      timestamp: fc.constantFrom('1749416383', '99999999999', 1749416383, 'x', 1e300),
      type: fc.constantFrom('text', 'system', 'edit', 'image', 'button', 'interactive', 'revoke', 'x'),
      text: fc.record({ body: fc.string({ unit: anyCharacter, maxLength: 40 }).map((text) => `${text}\ud83d\0`) }),
      button: fc.object({ key: fc.constantFrom('text', 'payload') }),
      image: fc.object({ key: fc.constantFrom('caption', 'id') }),
      context: fc.object({ key: fc.constantFrom('id') }),
      system: fc.record({
        type: fc.constantFrom('user_changed_number', 'x'),
        wa_id: fc.constantFrom('0', '971509999999'),
        user_id: fc.string(),
      }),
    }),
  );
  const { seed = Math.trunc(Math.random() * 2 ** 31) } = fc.readConfigureGlobal();
  const webhook = fc.tuple(fc.array(hostile, { minLength: 1, maxLength: 8 }), fc.array(hostile, { maxLength: 3 }));
  const rounds = fc.sample(webhook, { numRuns: 30, seed });
  for (const [round, [beside, contacts]] of rounds.entries()) {
    const good = [1, 2, 3].map((n) => ({
      from: person,
      id: `wamid.good.${round}.${n}`,
      timestamp: '1749416383',
      type: 'text',
      text: { body: `good ${n}` },
    }));
    const messages = [good[0], ...beside, good[1], ...beside, good[2]];
    const value = { metadata: { phone_number_id: number }, contacts, messages, statuses: beside };
    const body = Buffer.from(
      JSON.stringify({
        object: 'whatsapp_business_account',
        entry: [{ id: '1', changes: [...beside, { field: 'messages', value }] }],
      }),
    );
    const answer = await fetch(`http://127.0.0.1:${(webhooks.address() as AddressInfo).port}`, {
      method: 'POST',
      headers: { 'x-hub-signature-256': signatureOf(body, APP_SECRET) },
      body,
    });
    expect(answer.status, `seed ${seed}, webhook ${round}`).toBe(200);
  }
  await queue.drain({ types: ['whatsapp_event'], budgetMs: 20_000 });
  const stored = await sql("select split_part(wamid, '.', 3) as round from messages where wamid like 'wamid.good.%'");
  for (const round of rounds.keys())
    expect(
      stored.filter((message) => message.round === String(round)),
      `seed ${seed}, webhook ${round}`,
    ).toHaveLength(3);
  const waiting = await sql(
    "select attempt from jobqueue.jobs where type = 'whatsapp_event' and attempt > 0 and due_at < now() + interval '1 second'",
  );
  expect(waiting).toEqual([]);
});

test('the stand-in sends authentication templates to numbers alone, as Meta does', async () => {
  const user = meta.identify(person, { username: 'amira' });
  const send = (who: object) =>
    fetch(`${meta.origin}/v25.0/1555/messages`, {
      method: 'POST',
      headers: { authorization: 'Bearer EAAG-test', 'content-type': 'application/json' },
      body: JSON.stringify({
        messaging_product: 'whatsapp',
        ...who,
        type: 'template',
        template: { name: 'code', language: { code: 'en' } },
      }),
    }).then((answer) => answer.json());
  expect(await send({ recipient: user })).toMatchObject({ error: { code: 131062 } });
  expect(await send({ recipient: 'AE.1' })).toMatchObject({ error: { code: 131009 } });
  expect(await send({ to: person, recipient: user })).toMatchObject({ contacts: [{ wa_id: person }] });
});
