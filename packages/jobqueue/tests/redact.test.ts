/** Payloads as people see them: everything except values that the schema marks as secret, anywhere. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import fc from '../../../tests/support/property.ts';
import { redactIssues, redactPayload, restored } from '../src/core/redact.ts';
import { HIDDEN, secret } from '../src/index.ts';

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
  [
    'what a preprocess makes',
    z.object({ a: z.preprocess((v) => v, z.object({ t: pin })) }),
    { a: { x: 's' } },
    { a: HIDDEN },
  ],
  ['what is piped', z.object({ a: z.string().pipe(pin), b: z.string() }), { a: 's', b: 'x' }, { a: HIDDEN, b: 'x' }],
  [
    'what a codec decodes',
    z.object({ a: z.codec(z.string(), z.object({ t: pin }), { decode: (t) => ({ t }), encode: ({ t }) => t }) }),
    { a: 's' },
    { a: HIDDEN },
  ],
  ['the keys of a record', z.object({ a: z.record(pin, z.string()) }), { a: { s: 'x' } }, { a: HIDDEN }],
  ['a part of a text', z.object({ a: z.templateLiteral(['key-', pin]) }), { a: 'key-s' }, { a: HIDDEN }],
  ['a map', z.object({ a: z.map(z.string(), pin) }), { a: {} }, { a: HIDDEN }],
  ['what only a check names', z.looseObject({}).check(z.property('a', pin)), { a: 's' }, HIDDEN],
  ['what has another form than its schema', z.object({ a: z.object({ t: pin }) }), { a: 's' }, { a: HIDDEN }],
  ['an object among texts', z.union([z.string(), z.object({ a: pin }).optional()]), 'x', 'x'],
];

describe.each(CASES)('in %s', (_, schema, value, shown) => {
  test('is hidden, and is what it was once nobody changed it', () => {
    expect(redactPayload(schema, value)).toEqual(shown);
    expect(restored(schema, shown, value)).toEqual(value);
  });
});

test('what is no secret is shown as it is, also where it does not fit the schema', () => {
  const schema = z.object({ a: pin, b: z.array(z.number()) });
  const odd = { b: 'not a list', c: [1, { a: 'another a' }], __proto__: null };
  expect(redactPayload(schema, odd)).toEqual({ b: 'not a list', c: [1, { a: 'another a' }] });
  expect(redactPayload(schema, null)).toBeNull();
  expect(redactPayload(undefined, { a: 1 })).toBe(HIDDEN);
});

test('a mark outlives what is chained behind it, and leaves other marks alone', () => {
  const marked = secret(z.string().describe('a token')).min(3).optional();
  expect(redactPayload(z.object({ a: marked }), { a: 'abc' })).toEqual({ a: HIDDEN });
  expect(secret(z.string().describe('a token')).meta()).toMatchObject({ description: 'a token', secret: true });
});

test('a marked object stays marked in what is derived from it', () => {
  const marked = secret(z.object({ a: z.string() }));
  const derived = [marked.extend({ b: z.number() }), marked.partial(), marked.pick({ a: true }), marked.strict()];
  for (const schema of derived) expect(redactPayload(schema, { a: 's' })).toBe(HIDDEN);
});

test('a kind of schema that nobody knows is hidden whole', () => {
  const unknown = z.string();
  Object.assign(unknown._zod.def, { type: 'of tomorrow' });
  expect(redactPayload(z.object({ a: unknown, b: z.string() }), { a: 's', b: 'x' })).toEqual({ a: HIDDEN, b: 'x' });
});

test('an issue does not quote a secret, neither in its message nor in its path', () => {
  const quoting = z.string().refine(() => false, { error: ({ input }) => `not ${input}` });
  const schema = z.object({
    open: quoting,
    token: secret(quoting),
    by: z.record(secret(z.string().min(9)), z.string()),
  });
  const payload = { open: 'x', token: 's', by: { key: 'x' } };
  expect(redactIssues(schema, payload, schema.safeParse(payload).error?.issues ?? [])).toEqual([
    { path: 'open', message: 'not x' },
    { path: 'token', message: 'custom, of a value that is secret' },
    { path: 'by', message: 'invalid_key, of a value that is secret' },
  ]);
});

describe('in any schema', () => {
  interface Case {
    readonly schema: z.ZodType;
    /** As it is stored; each secret in it begins with `s-`. */
    readonly value: unknown;
  }
  const leaf = fc.constantFrom<Case>(
    { schema: z.string(), value: 'open' },
    { schema: secret(z.string()), value: 's-leaf' },
    { schema: z.record(secret(z.string()), z.number()), value: { 's-key': 1 } },
    { schema: z.templateLiteral(['a', secret(z.string())]), value: 'as-text' },
  );
  type Wrap = (inner: Case) => Case;
  const same =
    (wrap: (schema: z.ZodType) => z.ZodType): Wrap =>
    (inner) => ({ schema: wrap(inner.schema), value: inner.value });
  const asText = z.string().transform((text) => JSON.parse(text) as unknown);
  const wraps = fc.constantFrom<Wrap>(
    same((schema) => schema.optional()),
    same((schema) => schema.nullable().readonly()),
    same((schema) => schema.default('d').brand<'b'>()),
    same((schema) => schema.prefault('d').catch('c')),
    same((schema) => schema.transform(() => 'other').pipe(z.string())),
    same((schema) => z.lazy(() => schema)),
    same((schema) => z.union([z.number(), z.array(z.number()), schema])),
    same((schema) => z.union([schema, z.object({ other: z.string() })])),
    same((schema) => z.codec(schema, z.any(), { decode: String, encode: String })),
    same((schema) => z.any().pipe(schema)),
    same((schema) => z.promise(schema)),
    ({ schema, value }) => ({ schema: z.array(schema), value: [value, value] }),
    ({ schema, value }) => ({ schema: z.tuple([z.string(), schema], schema), value: ['open', value, value] }),
    ({ schema, value }) => ({ schema: z.object({ open: z.string(), at: schema }), value: { open: 'x', at: value } }),
    ({ schema, value }) => ({ schema: z.object({}).catchall(schema), value: { at: value } }),
    ({ schema, value }) => ({ schema: z.record(z.string(), schema), value: { at: value } }),
    ({ schema, value }) => ({
      schema: z.intersection(z.object({ open: z.string() }), z.object({ at: schema })),
      value: { open: 'x', at: value },
    }),
    ({ schema, value }) => ({ schema: z.preprocess((one: unknown) => ({ at: one }), z.object({ at: schema })), value }),
    ({ schema, value }) => ({ schema: asText.pipe(z.object({ at: schema })), value: JSON.stringify({ at: value }) }),
    ({ schema, value }) => ({ schema: z.map(z.string(), schema), value: [['at', value]] }),
    ({ schema, value }) => ({ schema: z.set(schema), value: [value] }),
  );
  const cases = fc
    .tuple(leaf, fc.array(wraps, { maxLength: 6 }))
    .map(([inner, around]) => around.reduce((built, wrap) => wrap(built), inner));

  test('no secret is shown, and all come back where nobody changed them', () => {
    fc.assert(
      fc.property(cases, ({ schema, value }) => {
        const shown = redactPayload(schema, value);
        expect(JSON.stringify(shown)).not.toContain('s-');
        expect(restored(schema, shown, value)).toEqual(value);
      }),
      { numRuns: 2_000 },
    );
  });
});

test('a secret that was typed anew counts', () => {
  expect(restored(z.object({ a: pin }), { a: 'new' }, { a: 'old' })).toEqual({ a: 'new' });
  expect(restored(z.object({ a: pin }), { a: HIDDEN, extra: HIDDEN }, {})).toEqual({ a: undefined, extra: HIDDEN });
});
