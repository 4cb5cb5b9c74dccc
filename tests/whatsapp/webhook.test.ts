/** Turns a webhook's body into jobs: no part of it may affect its neighbours. Pure, with properties. */
import { describe, expect, test } from 'vitest';
import { batchesOf, piecesOf } from '../../lib/messaging/webhook.ts';
import { readMessage } from '../../lib/providers/whatsapp/incoming.ts';
import { contactsOf } from '../../lib/providers/whatsapp/person.ts';
import { isStorableText } from '../../packages/jobqueue/src/core/serialize.ts';
import fc, { anyCharacter } from '../support/property.ts';

const NUMBER = '106540352242922';
const message = (n: number, more: object = {}) => ({
  from: `97150${1_000_000 + n}`,
  id: `wamid.${n}`,
  timestamp: '1749416383',
  type: 'text',
  text: { body: `message ${n}` },
  ...more,
});
const contact = (n: number) => ({ profile: { name: `P${n}` }, wa_id: `97150${1_000_000 + n}` });
const change = (lists: object, field = 'messages') => ({
  field,
  value: { messaging_product: 'whatsapp', metadata: { phone_number_id: NUMBER }, ...lists },
});
const bodyOf = (...changes: unknown[]) => jsonBody({ entry: [{ id: '900', changes }] });
const jsonBody = (rest: object) => Buffer.from(JSON.stringify({ object: 'whatsapp_business_account', ...rest }));
const payloads = (body: Uint8Array) => piecesOf(body).map(({ payload }) => payload);
type Lists = Record<string, Record<string, unknown>[] | undefined>;
const listOf = (payload: { value: Record<string, unknown> }, name: string) => (payload.value as Lists)[name] ?? [];

test('a change that one job holds is stored as it came', () => {
  const one = change({ contacts: [contact(1)], messages: [message(1)] });
  expect(payloads(bodyOf(one))).toEqual([{ accountId: '900', field: 'messages', value: one.value }]);
});

describe('text that Postgres cannot store', () => {
  test.each([
    ['half a character', 'a\ud83d', 'a\u{FFFD}'],
    ['the other half', '\udc00b', '\u{FFFD}b'],
    ['NUL', 'a\0b', 'a\u{FFFD}b'],
  ])('%s is replaced where it stands, and said', (_, text, stored) => {
    const people = [{ ...contact(1), profile: { name: text } }, contact(2)];
    const [only, ...rest] = payloads(
      bodyOf(change({ contacts: people, messages: [message(1, { text: { body: text } }), message(2)] })),
    );
    expect(rest).toEqual([]);
    expect(only?.repairs).toBe(2);
    expect(listOf(only as never, 'messages').map((one) => one.text)).toEqual([{ body: stored }, { body: 'message 2' }]);
  });

  test('in a field nobody reads, as a key, or as a number that jsonb writes with hundreds of digits, costs nothing', () => {
    const strange = { 'k\0ey': 1e300, deep: { text: '\ud800' }, __proto__x: -1e-300 };
    const [only] = payloads(bodyOf(change({ messages: [message(1, { referral: strange })] })));
    expect(only?.repairs).toBe(4);
    expect(listOf(only as never, 'messages')[0]?.referral).toEqual({
      'k\u{FFFD}ey': '1e+300',
      deep: { text: '\u{FFFD}' },
      __proto__x: '-1e-300',
    });
  });

  test('nested a million deep, the part that is too deep goes, and the text stays', () => {
    const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`;
    const text = JSON.stringify({
      object: 'whatsapp_business_account',
      entry: [
        { id: '900', changes: [change({ messages: [message(1), message(2, { text: { body: 'STOP' }, x: 'DEEP' })] })] },
      ],
    });
    const [only] = payloads(Buffer.from(text.replace('"DEEP"', deep)));
    expect(only?.repairs).toBe(1);
    expect(listOf(only as never, 'messages').map(({ id }) => id)).toEqual(['wamid.1', 'wamid.2']);
  });

  test('bytes that are no UTF-8 are replaced too', () => {
    const body = bodyOf(change({ messages: [message(1, { text: { body: 'xQx' } })] }));
    body[body.indexOf('xQx') + 1] = 0xff;
    expect(listOf(payloads(body)[0] as never, 'messages')[0]?.text).toEqual({ body: 'x\u{FFFD}x' });
  });
});

describe('what is not understood gets a job of its own', () => {
  test.each<[string, object]>([
    ['a kind that nobody knows', { type: 'hologram' }],
    ['no sender', { from: undefined }],
    ['no id', { id: undefined }],
    ['an id of a kilobyte', { id: 'w'.repeat(1_024) }],
    ['a time that is none', { timestamp: 'yesterday' }],
    ['a text that is none', { text: 5 }],
    ['a group', { group_id: 'g' }],
    ['a system message that nobody knows', { type: 'system', system: { type: 'user_changed_planet' } }],
  ])('a message with %s', (_, more) => {
    const all = payloads(
      bodyOf(change({ contacts: [contact(2), contact(1)], messages: [message(1), message(2, more), message(3)] })),
    );
    expect(all.map((payload) => listOf(payload, 'messages').length)).toEqual([2, 1]);
    expect(all.map((payload) => listOf(payload, 'contacts').length)).toEqual([
      1,
      (more as { from?: string }).from === undefined && 'from' in more ? 0 : 1,
    ]);
    expect(all.map(({ value }) => value.metadata)).toEqual(Array(2).fill({ phone_number_id: NUMBER }));
  });

  test('entries, changes and values of no shape do not touch the others', () => {
    const good = change({ messages: [message(1)] });
    const entry = [
      null,
      7,
      { id: 1 },
      { id: 'x', changes: [good, 'x', { field: 'messages', value: 'x' }, { field: 5 }] },
    ];
    const all = payloads(jsonBody({ entry }));
    expect(all.filter(({ unread }) => unread === undefined)).toMatchObject([{ accountId: 'x', value: good.value }]);
    expect(all.map(({ unread }) => unread?.json).filter((json) => json !== undefined)).toEqual([
      'null',
      '7',
      '{"id":1}',
      '"x"',
      '{"field":"messages","value":"x"}',
      '{"field":5}',
    ]);
  });

  test('a list that is none does not cost the list beside it', () => {
    const status = { id: 'wamid.s', status: 'read', timestamp: '1749416383', recipient_id: '971501000001' };
    const all = payloads(bodyOf(change({ messages: 'none', statuses: [status] })));
    expect(all.map(({ value }) => Object.keys(value).filter((key) => key.endsWith('s')))).toEqual([
      ['statuses'],
      ['messages'],
    ]);
  });

  test('a message that no job could carry is shown as far as it fits', () => {
    const huge = Array.from({ length: 40 }, () => 'x'.repeat(8_000));
    const all = payloads(bodyOf(change({ messages: [message(1), message(2, { huge })] })));
    expect(all).toHaveLength(2);
    expect(all[0]).toMatchObject({ value: { messages: [{ id: 'wamid.1' }] } });
    expect(all[1]?.unread).toMatchObject({
      why: expect.stringContaining('expected at most 131072 bytes'),
      json: expect.stringContaining('wamid.2'),
    });
  });
});

test('a person is who the contact says that names them, whatever its place', () => {
  const userId = 'AE.13491208655302741918';
  const named = { profile: { name: 'P', username: 'amira' }, wa_id: '971501000002', user_id: userId };
  const people = contactsOf([contact(1), 'x', named, { wa_id: 5 }]);
  const person = { phone: '+971501000002', userId, username: 'amira' };
  expect(readMessage(message(2), people)).toMatchObject({ person });
  expect(readMessage(message(2, { from: undefined, from_user_id: userId }), people)).toMatchObject({ person });
  expect(readMessage(message(2, { from: userId }), people)).toMatchObject({ person });
  expect(readMessage(message(3, { from: '', from_user_id: 'AE.ENT.5' }), people)).toMatchObject({
    person: { phone: null, userId: 'AE.ENT.5', username: null },
  });
});

test('a change too large for one job is split, each part with the contacts it is about', () => {
  const many = Array.from({ length: 1_000 }, (_, n) => n);
  const all = payloads(
    bodyOf(
      change({
        contacts: many.toReversed().map(contact),
        messages: many.map((n) => message(n, { text: { body: 'x'.repeat(500) } })),
      }),
    ),
  );
  expect(all.length).toBeGreaterThan(3);
  expect(all.flatMap((payload) => listOf(payload, 'messages').map(({ id }) => id))).toEqual(
    many.map((n) => `wamid.${n}`),
  );
  for (const payload of all) {
    expect(listOf(payload, 'contacts').map(({ wa_id: id }) => id)).toEqual(
      listOf(payload, 'messages').map(({ from }) => from),
    );
    expect(Buffer.byteLength(JSON.stringify(payload))).toBeLessThan(256 * 1024);
  }
});

test('a thousand entries are stored in batches that one enqueue takes', () => {
  const entry = Array.from({ length: 3_000 }, (_, n) => ({ id: '900', changes: [change({ messages: [message(n)] })] }));
  const batches = batchesOf(piecesOf(jsonBody({ entry })));
  expect(batches.map((batch) => batch.length)).toEqual([1_000, 1_000, 1_000]);
});

/** Every key and every text, however deep. */
const textsIn = (value: unknown): string[] => {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => [key, ...textsIn(entry)]);
};

test('whatever stands beside them, good messages come through, and all can be stored', () => {
  const hostile = fc.oneof(
    fc.jsonValue(),
    fc.object(),
    fc.record({
      id: fc.anything(),
      type: fc.constantFrom('text', 'system', 'edit', 'image', 'x', '__proto__'),
      from: fc.string(),
      text: fc.anything(),
    }),
    fc.string({ unit: anyCharacter }).map((body) => message(0, { text: { body } })),
    fc.constantFrom('\ud83d', '\0', '\udfff').map((part) => message(0, { id: `w${part}`, from: part, [part]: part })),
  );
  fc.assert(
    fc.property(
      fc.array(hostile, { maxLength: 5 }),
      fc.array(hostile, { maxLength: 3 }),
      fc.anything(),
      (beside, contacts, also) => {
        const good = [message(1), message(2), message(3)];
        const messages = [good[0], ...beside, good[1], ...beside, good[2]];
        const body = jsonBody({
          entry: [
            also ?? null,
            { id: '900', changes: [also ?? null, change({ contacts, messages, statuses: beside }), ...beside] },
          ],
        });
        const all = payloads(body);
        const stored = all.flatMap((payload) =>
          Array.isArray(payload.value.messages) ? listOf(payload, 'messages') : [],
        );
        for (const one of good) expect(stored).toContainEqual(one);
        expect(textsIn(all).filter((text) => text !== '' && !isStorableText(text))).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});
