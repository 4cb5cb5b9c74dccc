/** The client of Bitrix24 over real HTTP: what each error means, what batches hide, and that the secret shows nowhere. */
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { queryOf } from '../../lib/providers/bitrix24/query.ts';
import { batch, call, type Effect, effectOf, multifieldChanges, Portal } from '../../lib/providers/bitrix24.ts';
import { freePort } from '../../packages/jobqueue/src/embedded/port.ts';
import { type Bitrix24StandIn, startBitrix24 } from '../standins/bitrix24.ts';

const SECRET = 'secret-of-the-webhook';
let portal: Bitrix24StandIn;
beforeAll(async () => {
  portal = await startBitrix24({ secret: SECRET, perSecond: 1_000, burst: 1_000 });
});
afterAll(() => portal.close());
afterEach(() => portal.faults.clear());

const ask = (method = 'crm.item.fields', params: object = { entityTypeId: 1 }, webhookUrl = portal.webhookUrl) =>
  call(
    new Portal(webhookUrl),
    { method, params: params as Record<string, unknown> },
    { signal: AbortSignal.timeout(5_000) },
  );

const TABLE: readonly [status: number, code: string, effect: Effect][] = [
  [503, 'QUERY_LIMIT_EXCEEDED', 'throttled'],
  [429, 'OPERATION_TIME_LIMIT', 'blocked'],
  [503, 'OVERLOAD_LIMIT', 'pause'],
  [500, 'INTERNAL_SERVER_ERROR', 'ambiguous'],
  [500, 'ERROR_UNEXPECTED_ANSWER', 'ambiguous'],
  [502, '', 'ambiguous'],
  [504, '', 'ambiguous'],
  [500, 'PORTAL_DELETED', 'pause'],
  [401, 'NO_AUTH_FOUND', 'pause'],
  [401, 'expired_token', 'pause'],
  [403, 'ACCESS_DENIED', 'pause'],
  [403, 'INVALID_CREDENTIALS', 'pause'],
  [403, 'insufficient_scope', 'pause'],
  [403, 'user_access_error', 'pause'],
  [403, 'allowed_only_intranet_user', 'pause'],
  [400, 'NOT_FOUND', 'not_found'],
  [400, 'ACCESS_DENIED', 'permanent'],
  [400, 'CRM_FIELD_ERROR_VALUE_NOT_VALID', 'permanent'],
  [400, '100', 'permanent'],
  [400, 'INVALID_ARG_VALUE', 'permanent'],
  [400, 'CREATE_DYNAMIC_ITEM_RESTRICTED', 'permanent'],
  [400, 'ERROR_BATCH_LENGTH_EXCEEDED', 'permanent'],
  [400, '', 'permanent'],
  [402, 'PAYMENT_REQUIRED', 'pause'],
  [403, 'PAYMENT_REQUIRED', 'pause'],
  [405, 'ERROR_BATCH_METHOD_NOT_ALLOWED', 'permanent'],
  [400, 'INVALID_REQUEST', 'pause'],
  [408, '', 'ambiguous'],
];

test.each(TABLE)('HTTP %i with %j means %s', async (status, code, effect) => {
  expect(effectOf(code, status)).toBe(effect);
  portal.faults.add({ status, body: { error: code, error_description: 'words' } });
  const called = await ask();
  if (effect === 'ambiguous') expect(called).toMatchObject({ kind: 'unknown' });
  else expect(called).toMatchObject({ kind: 'refused', error: { code, effect } });
});

test('a block says until when, to the second; one that does not say lasts ten minutes', async () => {
  portal.faults.add({
    status: 429,
    body: { error: 'OPERATION_TIME_LIMIT', error_description: '', time: { operating_reset_at: 1_790_000_123 } },
  });
  expect(await ask()).toMatchObject({ error: { resetAtMs: 1_790_000_123_000 } });
  portal.faults.add({ status: 429, body: { error: 'OPERATION_TIME_LIMIT', error_description: '' } });
  const before = Date.now();
  const called = await ask();
  expect(called.kind === 'refused' && (called.error.resetAtMs ?? 0) - before).toBeGreaterThanOrEqual(600_000);
});

test('what has no answer may have been done, but where nobody listened', async () => {
  const kinds = [];
  for (const fault of [
    { reset: 'before' as const },
    { reset: 'after' as const },
    { truncate: true },
    { status: 500 },
    { status: 200, body: 'ok' },
  ]) {
    portal.faults.add(fault);
    kinds.push((await ask()).kind);
  }
  expect(kinds).toEqual(['unknown', 'unknown', 'unknown', 'unknown', 'unknown']);
  expect((await ask('crm.item.fields', {}, `http://127.0.0.1:${await freePort()}/rest/1/x`)).kind).toBe('unsent');
  portal.faults.add({ status: 503 });
  expect(await ask()).toMatchObject({ kind: 'refused', error: { effect: 'throttled' } });
});

test('the secret shows in no outcome, and plain HTTP is refused beyond this machine', async () => {
  const outcomes: unknown[] = [await ask('crm.item.fields', {}, `http://portal.example/rest/1/${SECRET}`)];
  for (const fault of [
    { reset: 'after' as const },
    { status: 500 },
    { status: 401, body: { error: 'NO_AUTH_FOUND', error_description: 'no' } },
  ]) {
    portal.faults.add(fault);
    outcomes.push(await ask());
  }
  outcomes.push(await ask('crm.item.fields', {}, `http://127.0.0.1:${await freePort()}/rest/1/${SECRET}`));
  expect(outcomes[0]).toMatchObject({ kind: 'refused', error: { code: 'INVALID_REQUEST', effect: 'pause' } });
  const told = outcomes.map((one) =>
    JSON.stringify(one, (_, value) =>
      value instanceof Error ? [value.message, value.stack, String(value.cause)] : value,
    ),
  );
  expect(told.join()).not.toContain(SECRET);
});

test('a batch answers command by command, whatever PHP makes of empty maps', async () => {
  const commands = [
    { method: 'crm.item.add', params: { entityTypeId: 1, fields: { title: 'A & B = [C]', comments: 'é\n%20' } } },
    { method: 'crm.item.get', params: { entityTypeId: 1, id: 999_999 } },
  ];
  const done = await batch(new Portal(portal.webhookUrl), commands, { signal: AbortSignal.timeout(5_000) });
  expect(done).toMatchObject({
    kind: 'done',
    answers: [
      { kind: 'done', result: { item: { title: 'A & B = [C]', comments: 'é\n%20' } } },
      { kind: 'refused', error: { code: 'NOT_FOUND', effect: 'not_found' } },
    ],
  });
  const all = await batch(new Portal(portal.webhookUrl), commands.slice(0, 1), { signal: AbortSignal.timeout(5_000) });
  expect(all).toMatchObject({ kind: 'done', answers: [{ kind: 'done' }] });
});

test('a block that hides in a batch that went well is found', async () => {
  portal.block('crm.item.fields');
  const done = await batch(
    new Portal(portal.webhookUrl),
    [{ method: 'crm.item.fields', params: { entityTypeId: 1 } }],
    {
      signal: AbortSignal.timeout(5_000),
    },
  );
  expect(done).toMatchObject({ kind: 'done', answers: [{ kind: 'refused', error: { effect: 'blocked' } }] });
  portal.clock.advance(600_001);
});

test('51 commands are refused before they are sent', async () => {
  const many = Array.from({ length: 51 }, () => ({ method: 'crm.item.fields', params: {} }));
  await expect(batch(new Portal(portal.webhookUrl), many, { signal: AbortSignal.timeout(5_000) })).rejects.toThrow(
    'expected at most 50 commands, got 51',
  );
});

test('nested values are written as PHP reads them', () => {
  expect(
    queryOf({
      id: 1,
      fields: { 'a b': 'c&d', fm: { n0: { value: '+1' } }, list: ['x', 'y'], none: null, not: undefined },
    }),
  ).toBe('id=1&fields[a%20b]=c%26d&fields[fm][n0][value]=%2B1&fields[list][0]=x&fields[list][1]=y&fields[none]=');
});

test.each([
  ['has it, typed with spaces', [{ id: '7', typeId: 'PHONE', valueType: 'WORK', value: '+971 50 111 11 11' }], null],
  ['has none', [], { n0: { typeId: 'PHONE', valueType: 'MOBILE', value: '+971501111111' } }],
  [
    'has another that somebody added',
    [{ id: '8', typeId: 'PHONE', valueType: 'WORK', value: '+12025550100' }],
    { n0: { typeId: 'PHONE', valueType: 'MOBILE', value: '+971501111111' } },
  ],
])('a phone is added once: the item %s', (_, has, changes) => {
  expect(multifieldChanges(has, [{ typeId: 'PHONE', was: null, value: '+971501111111' }])).toEqual(changes);
});

const OURS = { id: '7', typeId: 'PHONE', valueType: 'WORK', value: '+971501111111' };
const THEIRS = { id: '8', typeId: 'PHONE', valueType: 'HOME', value: '+971502222222' };
test.each([
  ['is changed under its id', [OURS], '+971502222222', { 7: { ...OURS, id: undefined, value: '+971502222222' } }],
  ['is removed under its id', [OURS], null, { 7: { ...OURS, id: undefined, value: '' } }],
  [
    'goes where somebody wrote the new one already',
    [OURS, THEIRS],
    THEIRS.value,
    { 7: { ...OURS, id: undefined, value: '' } },
  ],
  ['is left alone once somebody changed it', [THEIRS], null, null],
])('a phone that we wrote and that changes here %s', (_, has, value, changes) => {
  expect(multifieldChanges(has, [{ typeId: 'PHONE', was: OURS.value, value }])).toEqual(changes);
});

test('a portal shows its secret in no text, no JSON and no dump, not even where it repeats it', () => {
  const shown = new Portal(`https://name.bitrix24.example/rest/1/${SECRET}/`);
  const told = [
    String(shown),
    JSON.stringify({ shown }),
    inspect({ shown }, { depth: 9, showHidden: true }),
    `${shown}`,
  ];
  expect(told.join()).not.toContain(SECRET);
  expect(told[0]).toContain('name.bitrix24.example');
  expect(shown.urlOf('crm.item.get')).toBe(`https://name.bitrix24.example/rest/1/${SECRET}/crm.item.get`);
  expect(shown.redact(`no access for https://name.bitrix24.example/rest/1/${SECRET}/batch`)).not.toContain(SECRET);
});
