/** What people see of a payload: everything but what its schema marks as secret, wherever that stands. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { HIDDEN, secret } from '../../lib/jobqueue/index.ts';
import { restored, shownPayload } from '../../lib/jobqueue/redact.ts';

const pin = secret(z.string().min(1));
const CASES: readonly (readonly [where: string, schema: z.ZodType, value: unknown, shown: unknown])[] = [
  ['a field', z.object({ a: pin, b: z.string() }), { a: 's', b: 'x' }, { a: HIDDEN, b: 'x' }],
  ['an optional field', z.object({ a: pin.optional() }), { a: 's' }, { a: HIDDEN }],
  ['a nullable field with a default', z.object({ a: pin.nullable().default('d') }), { a: 's' }, { a: HIDDEN }],
  ['an array', z.array(z.object({ a: pin })), [{ a: 's' }, { a: 't' }], [{ a: HIDDEN }, { a: HIDDEN }]],
  ['a tuple and what follows', z.tuple([z.string()], pin), ['x', 's'], ['x', HIDDEN]],
  ['a record', z.record(z.string(), pin), { x: 's' }, { x: HIDDEN }],
  ['a member of a union', z.union([z.string(), z.object({ a: pin })]), { a: 's' }, { a: HIDDEN }],
  [
    'a member of a discriminated union',
    z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('a'), a: pin }),
      z.object({ kind: z.literal('b'), a: z.string() }),
    ]),
    { kind: 'a', a: 's' },
    { kind: 'a', a: HIDDEN },
  ],
  [
    'an intersection',
    z.intersection(z.object({ a: pin }), z.object({ b: z.string() })),
    { a: 's', b: 'x' },
    { a: HIDDEN, b: 'x' },
  ],
  ['what is transformed', z.object({ a: pin.transform(Number) }), { a: 's' }, { a: HIDDEN }],
  ['a whole object', z.object({ a: secret(z.object({ b: z.string() })) }), { a: { b: 's' } }, { a: HIDDEN }],
  ['what a loose object brings', z.object({ a: z.string() }).catchall(pin), { a: 'x', b: 's' }, { a: 'x', b: HIDDEN }],
  ['a schema that names itself', z.lazy(() => z.object({ a: pin })), { a: 's' }, { a: HIDDEN }],
  ['everything', pin, 's', HIDDEN],
];

describe.each(CASES)('in %s', (_, schema, value, shown) => {
  test('is hidden, and is what it was once nobody changed it', () => {
    expect(shownPayload(schema, value)).toEqual(shown);
    expect(restored(schema, shown, value)).toEqual(value);
  });
});

test('what is no secret is shown as it is, also where it does not fit the schema', () => {
  const schema = z.object({ a: pin, b: z.array(z.number()) });
  const odd = { b: 'not a list', c: [1, { a: 'another a' }], __proto__: null };
  expect(shownPayload(schema, odd)).toEqual({ b: 'not a list', c: [1, { a: 'another a' }] });
  expect(shownPayload(schema, null)).toBeNull();
  expect(shownPayload(undefined, { a: 1 })).toBe(HIDDEN);
});

test('a mark outlives what is chained behind it, and leaves other marks alone', () => {
  const marked = secret(z.string().describe('a token')).min(3).optional();
  expect(shownPayload(z.object({ a: marked }), { a: 'abc' })).toEqual({ a: HIDDEN });
  expect(secret(z.string().describe('a token')).meta()).toMatchObject({ description: 'a token', secret: true });
});

test('a secret that was typed anew counts', () => {
  expect(restored(z.object({ a: pin }), { a: 'new' }, { a: 'old' })).toEqual({ a: 'new' });
  expect(restored(z.object({ a: pin }), { a: HIDDEN, extra: HIDDEN }, {})).toEqual({ a: undefined, extra: HIDDEN });
});
