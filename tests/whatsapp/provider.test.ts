/** The Cloud API client against a stand-in over real HTTP: what every code means, and when a message may be sent again. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  checkCredentials,
  type Effect,
  effectOf,
  isSigned,
  sendMessage,
  throttleMs,
  type WhatsAppAccount,
  type WhatsAppMessage,
  wordsOf,
} from '../../lib/providers/whatsapp.ts';
import { freePort } from '../../packages/jobqueue/src/embedded/port.ts';
import { refusal } from '../standins/whatsapp/graph.ts';
import { startWhatsApp, type WhatsAppStandIn } from '../standins/whatsapp.ts';

const TOKEN = 'EAAG-a-token-that-must-never-show';
let meta: WhatsAppStandIn;
let account: WhatsAppAccount;
/** Nobody listens there. */
let closed: string;

beforeAll(async () => {
  closed = `http://127.0.0.1:${await freePort()}`;
  meta = await startWhatsApp({
    accessToken: TOKEN,
    phoneNumberId: '1555000',
    templates: [
      { name: 'viewing', language: 'en', category: 'MARKETING', status: 'APPROVED', parameters: 1 },
      { name: 'resting', language: 'en', category: 'MARKETING', status: 'PAUSED', parameters: 0 },
      { name: 'gone', language: 'en', category: 'MARKETING', status: 'DISABLED', parameters: 0 },
    ],
    pair: { perSecond: 1 / 6, burst: 1_000 },
    perSecond: 1_000,
  });
  account = { baseUrl: meta.origin, version: 'v25.0', phoneNumberId: '1555000', accessToken: TOKEN };
});
afterAll(() => meta.close());
afterEach(() => meta.faults.clear());

const hello: WhatsAppMessage = { kind: 'text', to: '+971501111111', body: 'Hello' };
const send = (message: WhatsAppMessage = hello, with_: Partial<WhatsAppAccount> = {}, opaqueId = 'cvr_1') =>
  sendMessage({ ...account, ...with_ }, message, { opaqueId, signal: AbortSignal.timeout(10_000) });

const TABLE: readonly [effect: Effect, codes: readonly number[]][] = [
  ['pause_channel', [0, 3, 10, 190, 200, 294, 299, 368, 131005, 131031, 131037, 131042, 131044, 131045, 133010]],
  ['throttle_app', [4]],
  ['throttle_account', [80007, 80008]],
  ['throttle_number', [130429]],
  ['throttle_pair', [131056]],
  ['retry', [1, 2, 131016, 131057, 133004]],
  ['ambiguous', [131000]],
  ['fail_message', [33, 100, 130472, 130497, 131021, 131030, 131051, 131052, 131053, 131062, 132068, 132069, 135000]],
  ['unreachable', [131026]],
  ['window_closed', [131047]],
  ['capped', [131049]],
  ['opted_out', [131050]],
  ['pause_campaign', [131048, 131063, 131064]],
  ['fail_campaign', [132001, 132007]],
  ['pause_template', [132015, 132016]],
  ['fail_parameters', [131008, 131009, 132000, 132005, 132008, 132012, 132018]],
];

describe.each(TABLE)('codes that mean %s', (effect, codes) => {
  test.each(codes)('%i, whatever the HTTP status says', async (code) => {
    expect(effectOf(code, { status: 400 })).toBe(effect);
    expect(wordsOf(code)).toMatch(/\w/);
    meta.faults.add({ ...refusal(400, code, 'title', 'the details'), status: 400 });
    const outcome = await send();
    if (effect === 'ambiguous') expect(outcome).toMatchObject({ kind: 'unknown' });
    else expect(outcome).toMatchObject({ kind: 'refused', error: { code, effect, details: 'the details' } });
  });
});

test('codes 1 and 2 with a 5xx may have been processed, media codes with one may be tried again', () => {
  expect(effectOf(1, { status: 500 })).toBe('ambiguous');
  expect(effectOf(2, { status: 503 })).toBe('ambiguous');
  expect(effectOf(131053, { status: 500 })).toBe('retry');
});

test('is_transient decides the codes that nobody knows, and no others', () => {
  expect(effectOf(999999, { status: 400, isTransient: true })).toBe('retry');
  expect(effectOf(999999, { status: 400 })).toBe('fail_message');
  expect(effectOf(999999, { status: 500, isTransient: true })).toBe('ambiguous');
  expect(effectOf(999999, { status: 401 })).toBe('pause_channel');
  expect(effectOf(132001, { status: 400, isTransient: true })).toBe('fail_campaign');
});

test('a message that Meta takes answers with its id, and carries ours', async () => {
  const before = meta.messages.length;
  const outcome = await send(hello, {}, 'cvr_hello');
  expect(outcome).toMatchObject({ kind: 'accepted', waId: '971501111111', state: 'accepted' });
  expect(meta.messages.slice(before)).toMatchObject([{ to: '971501111111', text: 'Hello', opaqueId: 'cvr_hello' }]);
  expect(meta.calls.at(-1)?.path).toBe('/v25.0/1555000/messages');
});

test('a template goes out with its parameters, positional and named', async () => {
  const text = { type: 'text', text: 'Amira', name: 'first_name' } as const;
  const template = { kind: 'template', to: '+971501111111', name: 'viewing', language: 'en' } as const;
  expect(await send({ ...template, components: [{ type: 'body', parameters: [text] }] })).toMatchObject({
    kind: 'accepted',
  });
  expect(JSON.parse(meta.calls.at(-1)?.body ?? '')).toMatchObject({
    to: '971501111111',
    template: {
      components: [{ type: 'body', parameters: [{ type: 'text', parameter_name: 'first_name', text: 'Amira' }] }],
    },
  });
  const codes = [];
  for (const [name, parameters] of [
    ['viewing', []],
    ['unknown', []],
    ['resting', []],
    ['gone', []],
  ] as const) {
    const outcome = await send({ ...template, name, components: [{ type: 'body', parameters: [...parameters] }] });
    codes.push(outcome.kind === 'refused' ? outcome.error.code : outcome.kind);
  }
  expect(codes).toEqual([132000, 132001, 132015, 132016]);
});

describe('what can be known of a call without an answer', () => {
  test('nobody listens: it never left', async () => {
    expect(await send(hello, { baseUrl: closed })).toMatchObject({ kind: 'unsent' });
    expect(await send(hello, { baseUrl: 'http://no-such-host.invalid' })).toMatchObject({ kind: 'unsent' });
  });

  test.each([
    ['a reset before processing', { reset: 'before' as const }],
    ['a reset after processing', { reset: 'after' as const }],
    ['an answer that breaks off', { truncate: true }],
    ['a page of a proxy', { status: 502 }],
    ['a 4xx page of a proxy', { status: 403 }],
    ['a 200 that is no answer', { status: 200, body: { hello: 'world' } }],
    ['a 500 of Meta itself', { ...refusal(500, 131000, 'Something went wrong', ''), status: 500 }],
  ])('%s: it may have been sent', async (_, fault) => {
    meta.faults.add(fault);
    expect(await send()).toMatchObject({ kind: 'unknown' });
  });

  test('a job that is told to end while Meta thinks: it may have been sent; before the call: it was not', async () => {
    meta.faults.add({ delayMs: 5_000 });
    const ending = new AbortController();
    const outcome = sendMessage(account, hello, { opaqueId: 'cvr_1', signal: ending.signal });
    setTimeout(() => ending.abort(), 100);
    expect(await outcome).toMatchObject({ kind: 'unknown' });
    const calls = meta.calls.length;
    expect(await sendMessage(account, hello, { opaqueId: 'cvr_1', signal: AbortSignal.abort() })).toMatchObject({
      kind: 'unsent',
    });
    expect(meta.calls).toHaveLength(calls);
  });
});

test.each<[string, WhatsAppMessage]>([
  ['an empty text', { ...hello, body: ' ' } as WhatsAppMessage],
  ['a text of 4,097 characters', { ...hello, body: 'x'.repeat(4_097) } as WhatsAppMessage],
  ['a number that is not E.164', { ...hello, to: '0501111111' } as WhatsAppMessage],
  ...['', 'two\nlines', 'a\ttab', 'five     spaces', 'x'.repeat(1_025)].map((text): [string, WhatsAppMessage] => [
    `a parameter like ${JSON.stringify(text.slice(0, 12))}`,
    {
      kind: 'template',
      to: '+971501111111',
      name: 'viewing',
      language: 'en',
      components: [{ type: 'body', parameters: [{ type: 'text', text }] }],
    },
  ]),
])('%s is refused before a call is made', async (_, message) => {
  const calls = meta.calls.length;
  expect(await send(message)).toMatchObject({ kind: 'refused', error: { effect: 'fail_message' } });
  expect(meta.calls).toHaveLength(calls);
});

test('the token shows in no outcome, and a redirect does not carry it away', async () => {
  const outcomes = [await send(hello, { accessToken: 'EAAG-wrong' }), await send(hello, { baseUrl: closed })];
  meta.faults.add({ status: 302, headers: { location: `${closed}/` }, body: 'elsewhere' });
  outcomes.push(await send());
  expect(outcomes.map(({ kind }) => kind)).toEqual(['refused', 'unsent', 'unknown']);
  expect(JSON.stringify(outcomes.map((one) => ('error' in one ? [one.error, String(one.error)] : one)))).not.toContain(
    'EAAG',
  );
});

test('a version that is none never reaches a URL', async () => {
  expect(await send(hello, { version: 'v25.0/../x' })).toMatchObject({ kind: 'unsent' });
});

test('the cheapest check of the credentials says what is wrong', async () => {
  const signal = AbortSignal.timeout(5_000);
  expect(await checkCredentials(account, signal)).toBeNull();
  expect(await checkCredentials({ ...account, accessToken: 'x' }, signal)).toContain('WhatsApp error 190');
});

test('throttled calls wait 4^x seconds, five minutes at most', () => {
  expect([0, 1, 2, 3, 4, 5, 60].map(throttleMs)).toEqual([1_000, 4_000, 16_000, 64_000, 256_000, 300_000, 300_000]);
});

/** A real delivery; its author published it with the secret, which is reset. */
test('the published vector verifies, and nothing that differs by a byte does', () => {
  const body = readFileSync('fixtures/whatsapp-signed-webhook.json');
  const secret = '1222e786b144d0e85b9f365372d93676';
  const signature = 'sha256=54edfa1d7259e0eb13c677cc7d73d1b5c86cfa12433d19156e058ab9251bc441';
  expect(isSigned(body, signature, secret)).toBe(true);
  expect(isSigned(Buffer.from(JSON.stringify(JSON.parse(body.toString()), null, 1)), signature, secret)).toBe(false);
  expect(isSigned(body, signature.replace('54', '55'), secret)).toBe(false);
  expect(isSigned(body, signature.slice(7), secret)).toBe(false);
  expect(isSigned(body, null, secret)).toBe(false);
});
