/** The stand-ins of WhatsApp and Bitrix24 keep to their vendors: what they answer and send has the shape of samples made from the documents. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PATIENT } from '../support/patient.ts';
import { type Bitrix24StandIn, startBitrix24 } from './bitrix24.ts';
import { unlike } from './kit/shape.ts';
import { startWhatsApp, type WhatsAppStandIn } from './whatsapp.ts';

/** Requests to our webhooks, oldest first. */
const sent: string[] = [];
let receiver: Server;
let meta: WhatsAppStandIn;
let portal: Bitrix24StandIn;

beforeAll(async () => {
  receiver = createServer(PATIENT, async (request, response) => {
    sent.push(await text(request));
    response.end();
  });
  await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  meta = await startWhatsApp({
    accessToken: 'token',
    phoneNumberId: '106540352242922',
    webhookUrl: url,
    templates: [{ name: 'offer', language: 'en', category: 'MARKETING', status: 'APPROVED', parameters: 1 }],
    pair: { perSecond: 1 / 6, burst: 2 },
  });
  portal = await startBitrix24({ secret: 'secret', perSecond: 1_000, burst: 1_000, outgoing: { url, token: 'proof' } });
});
afterAll(async () => {
  await meta.close();
  await portal.close();
  receiver.closeAllConnections();
  await new Promise((closed) => receiver.close(closed));
});

test('a shape is told apart by fields and by types', () => {
  expect(unlike({ a: [{ b: 1 }] }, { a: [{ b: 2, c: 3 }] })).toEqual([]);
  expect(unlike({ a: '1', d: 1 }, { a: 1 })).toEqual([
    '$.a: string, the vendor has number',
    '$.d: the vendor has no such field',
  ]);
  expect(unlike({ k9: { id: 'x' } }, { k1: { id: 1 } }, { maps: ['$'] })).toEqual([
    '$.*.id: string, the vendor has number',
  ]);
});

describe('WhatsApp', () => {
  const META = {
    accepted: {
      messaging_product: 'whatsapp',
      contacts: [{ input: '+16505551234', wa_id: '16505551234' }],
      messages: [{ id: 'wamid.HBgLMTY1MDU1NTEyMzQ', message_status: 'accepted' }],
    },
    error: {
      error: {
        message: '(#130429) Rate limit hit',
        type: 'OAuthException',
        code: 130429,
        error_data: { messaging_product: 'whatsapp', details: 'too many messages sent from this phone number' },
        error_subcode: 463,
        is_transient: false,
        fbtrace_id: 'Az8or2yhqkZfEZ',
      },
    },
    templates: {
      data: [
        {
          name: 'offer',
          parameter_format: 'POSITIONAL',
          components: [{ type: 'BODY', text: 'Hello {{1}}' }],
          language: 'en',
          status: 'APPROVED',
          category: 'MARKETING',
          quality_score: { score: 'UNKNOWN', date: 1698266945 },
          rejected_reason: 'NONE',
          id: '1689556908129832',
        },
      ],
      paging: { cursors: { before: 'MAZDZD', after: 'MjQZD' }, next: 'https://graph.facebook.com/' },
    },
    number: {
      verified_name: 'Jasper’s Market',
      code_verification_status: 'VERIFIED',
      display_phone_number: '+1 631-555-5555',
      quality_rating: 'GREEN',
      throughput: { level: 'STANDARD' },
      id: '106540352242922',
    },
  };
  const change = (value: object, field: string) => ({
    object: 'whatsapp_business_account',
    entry: [{ id: '102290129340398', changes: [{ field, value }] }],
  });
  const envelope = {
    messaging_product: 'whatsapp',
    metadata: { display_phone_number: '15550783881', phone_number_id: '106540352242922' },
    contacts: [{ profile: { name: 'Sheena' }, wa_id: '16505551234' }],
  };
  const status = {
    id: 'wamid.HBgL',
    status: 'sent',
    timestamp: '1698266945',
    recipient_id: '16505551234',
    biz_opaque_callback_data: 'ours',
    conversation: { id: 'c', expiration_timestamp: '1698353345', origin: { type: 'marketing' } },
    pricing: { billable: true, pricing_model: 'PMP', type: 'regular', category: 'marketing' },
    errors: [
      {
        code: 131049,
        title: 'Healthy ecosystem',
        message: 'Healthy ecosystem',
        error_data: { details: 'not delivered' },
        href: 'https://',
      },
    ],
  };
  const EVENTS = {
    statuses: change({ ...envelope, statuses: [status] }, 'messages'),
    messages: change(
      {
        ...envelope,
        messages: [
          { from: '16505551234', id: 'wamid.HBgL', timestamp: '1698266945', type: 'text', text: { body: 'Hi' } },
        ],
      },
      'messages',
    ),
    user_preferences: change(
      {
        ...envelope,
        user_preferences: [
          {
            wa_id: '16505551234',
            detail: 'User requested to stop',
            category: 'marketing_messages',
            value: 'stop',
            timestamp: 1698266945,
          },
        ],
      },
      'user_preferences',
    ),
    message_template_status_update: change(
      {
        event: 'PAUSED',
        message_template_id: 1,
        message_template_name: 'offer',
        message_template_language: 'en',
        reason: 'NONE',
        message_template_category: 'MARKETING',
      },
      'message_template_status_update',
    ),
    template_category_update: change(
      {
        message_template_id: 1689556908129832,
        message_template_name: 'offer',
        message_template_language: 'en',
        previous_category: 'UTILITY',
        new_category: 'MARKETING',
        correct_category: 'MARKETING',
        category_update_timestamp: 1760711433,
      },
      'template_category_update',
    ),
  };

  const ask = async (path: string, body?: object, token = 'token') => {
    const response = await fetch(`${meta.origin}/v23.0/${path}`, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  const template = (to: string, name = 'offer', texts = ['Ann']) => ({
    ...{
      messaging_product: 'whatsapp',
      recipient_type: 'individual',
      to,
      type: 'template',
      biz_opaque_callback_data: 'ours',
    },
    template: {
      name,
      language: { code: 'en' },
      components: [{ type: 'body', parameters: texts.map((one) => ({ type: 'text', text: one })) }],
    },
  });
  const messages = '106540352242922/messages';

  test('accepts, refuses and describes itself as Meta does', async () => {
    const accepted = await ask(messages, template('+16505551234'));
    expect([accepted.status, unlike(accepted.body, META.accepted)]).toEqual([200, []]);
    expect(unlike((await ask('106540352242922')).body, META.number)).toEqual([]);
    const listed = await ask(
      '100000000000001/message_templates?limit=1&fields=name,components,language,status,quality_score',
    );
    expect(unlike(listed.body, META.templates)).toEqual([]);
    for (const [code, refused] of [
      [132005, await ask(messages, template('16505551234', 'offer', ['x'.repeat(1_100)]))],
      [190, await ask(messages, template('16505551234'), 'another')],
      [100, await ask(messages, { messaging_product: 'whatsapp' })],
      [132001, await ask(messages, template('16505551234', 'unknown'))],
      [132000, await ask(messages, template('16505551234', 'offer', []))],
    ] as const) {
      expect(refused.body.error.code).toBe(code);
      expect(unlike(refused.body, META.error)).toEqual([]);
    }
    await ask(messages, template('+16505551234'));
    const pair = await ask(messages, template('+16505551234'));
    expect([pair.body.error.code, unlike(pair.body, META.error)]).toEqual([131056, []]);
  });

  test('tells of statuses, messages, preferences and templates as Meta does', async () => {
    meta.fail('16505559999', 131049);
    await ask(messages, template('+16505559999'));
    meta.say('16505551234', 'hello');
    meta.prefer('16505551234', 'stop');
    meta.setTemplate('offer', 'en', 'PAUSED');
    meta.recategorise('offer', 'en', 'UTILITY', true);
    meta.recategorise('offer', 'en', 'UTILITY');
    await meta.flush();
    const events = sent.filter((body) => body.startsWith('{')).map((body) => JSON.parse(body));
    const kinds = new Set<string>();
    for (const event of events) {
      const [{ field, value }] = event.entry[0].changes;
      const kind = field === 'messages' ? (value.statuses ? 'statuses' : 'messages') : field;
      kinds.add(kind);
      expect(unlike(event, EVENTS[kind as keyof typeof EVENTS])).toEqual([]);
    }
    expect([...kinds].sort()).toEqual(Object.keys(EVENTS).sort());
  });
});

describe('Bitrix24', () => {
  const time = {
    ...{ start: 1, finish: 1, duration: 0.1, processing: 0.1, date_start: '', date_finish: '' },
    ...{ operating_reset_at: 1_700_000_000, operating: 3.3 },
  };
  const fm = [{ id: 1, typeId: 'PHONE', valueType: 'MOBILE', value: '+79991234567' }];
  const item = {
    ...{
      id: 253,
      entityTypeId: 1,
      title: 'Lead',
      name: 'Ann',
      secondName: '',
      lastName: '',
      companyTitle: '',
      sourceId: 'CALL',
    },
    ...{
      sourceDescription: '',
      stageId: 'NEW',
      statusDescription: '',
      opportunity: 0,
      currencyId: 'EUR',
      comments: '',
      assignedById: 1,
    },
    ...{
      originatorId: 'x',
      originId: 'y',
      updatedTime: '2026-01-01T00:00:00+03:00',
      createdTime: '2026-01-01T00:00:00+03:00',
      fm,
    },
  };
  const VENDOR = {
    item: { result: { item }, time },
    list: { result: { items: [item] }, total: 1, next: 50, time },
    found: { result: { LEAD: [1, 2], CONTACT: [275] }, time },
    nobody: { result: [], time },
    error: { error: 'QUERY_LIMIT_EXCEEDED', error_description: 'Too many requests', time: { operating_reset_at: 1 } },
    batch: {
      result: {
        result: { add: { item } },
        result_error: { get: { error: 'NOT_FOUND', error_description: 'Item not found' } },
        result_total: [],
        result_next: [],
        result_time: { add: time },
      },
      time,
    },
  };

  const call = async (method: string, params: object = {}, url = portal.webhookUrl) => {
    const response = await fetch(`${url}/${method}`, { method: 'POST', body: JSON.stringify(params) });
    return response.json();
  };
  const lead = {
    entityTypeId: 1,
    fields: { title: 'Lead', name: 'Ann', fm: [{ typeId: 'PHONE', valueType: 'MOBILE', value: '+79991234567' }] },
  };

  test('answers calls as a portal does', async () => {
    const added = await call('crm.item.add', lead);
    expect(unlike(added, VENDOR.item)).toEqual([]);
    expect(unlike(await call('crm.item.get', { entityTypeId: 1, id: added.result.item.id }), VENDOR.item)).toEqual([]);
    expect(unlike(await call('crm.item.list', { entityTypeId: 1, filter: {} }), VENDOR.list)).toEqual([]);
    const search = { type: 'PHONE', values: ['+79991234567'] };
    expect(unlike(await call('crm.duplicate.findbycomm', search), VENDOR.found)).toEqual([]);
    expect(unlike(await call('crm.duplicate.findbycomm', { ...search, values: ['1'] }), VENDOR.nobody)).toEqual([]);
  });

  test('answers batches as a portal does, empty maps as lists and errors within a 200', async () => {
    const cmd = { add: 'crm.item.add?entityTypeId=1&fields[title]=Lead', get: 'crm.item.get?entityTypeId=1&id=999999' };
    const maps = ['$.result.result', '$.result.result_error', '$.result.result_time'];
    const both = await call('batch', { halt: 0, cmd });
    expect(unlike(both, VENDOR.batch, { maps })).toEqual([]);
    expect(both.result.result_error.get.error).toBe('NOT_FOUND');
    const good = await call('batch', { halt: 0, cmd: { add: cmd.add } });
    expect(good.result.result_error).toEqual([]);
  });

  test('refuses as a portal does', async () => {
    for (const [code, answer] of [
      ['NO_AUTH_FOUND', await call('crm.item.get', {}, `${portal.origin}/rest/1/wrong`)],
      ['ERROR_METHOD_NOT_FOUND', await call('crm.nothing')],
      ['NOT_FOUND', await call('crm.item.get', { entityTypeId: 1, id: 999_999 })],
    ] as const) {
      expect(answer.error).toBe(code);
      expect(unlike(answer, VENDOR.error)).toEqual([]);
    }
    portal.block('crm.item.update');
    const blocked = await call('crm.item.update', { entityTypeId: 1, id: 1, fields: {} });
    expect([blocked.error, unlike(blocked, VENDOR.error)]).toEqual(['OPERATION_TIME_LIMIT', []]);
  });

  test('sends events as a form with an id, a time and the token, and nothing of the item', async () => {
    portal.person.add({ title: 'By hand' }, ['+79990000000']);
    await portal.flush();
    const form = new URLSearchParams(sent.filter((body) => body.startsWith('event=')).at(-1));
    expect([...form.keys()].sort()).toEqual(
      ['event', 'data[FIELDS][ID]', 'ts', 'auth[domain]', 'auth[member_id]', 'auth[application_token]'].sort(),
    );
    expect([form.get('event'), form.get('auth[application_token]')]).toEqual(['ONCRMLEADADD', 'proof']);
  });
});
