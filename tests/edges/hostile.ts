/** Values that a zod schema accepts or nearly does, as a stranger would choose them: texts and instants that Postgres cannot store, numbers that it cannot hold. */
import { z } from 'zod';
import fc, { type Arbitrary } from '../support/property.ts';

const TEXTS = [
  '',
  ' ',
  '*',
  '\0',
  'a\0b',
  '\ud800',
  'x\udc00',
  '\u{10ffff}',
  '__proto__',
  'constructor',
  "'; select 1 --",
  '%00',
  '{}',
  '[null]',
  '"',
  'NaN',
  'infinity',
  '١٢',
  '9223372036854775807',
  '9223372036854775808',
  '9999999999999999999',
  'x'.repeat(300),
  'é'.repeat(3_000),
];
const INSTANTS = [
  '0000-01-01T00:00:00Z',
  '0000-12-31T23:59:59Z',
  '0001-01-01T00:00:00+15:00',
  '0001-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999999999Z',
  '9999-12-31T23:59:59-23:59',
  '2026-12-01T00:00:00+23:59',
  '2026-02-30T00:00:00Z',
  '2026-12-01T24:00:00Z',
  '+275760-09-13T00:00:00.000Z',
  '-006019-01-01T00:00:00.000Z',
  '294277-01-01T00:00:00Z',
];
const NUMBERS = [0, -0, -1, 0.5, 11, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 63, 1e300, 5e-324];

export const hostileText = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.constantFrom(...INSTANTS),
  fc.string({ unit: 'binary', maxLength: 30 }),
);
export const hostileValue = fc.oneof(
  hostileText,
  fc.constantFrom(...NUMBERS),
  fc.constantFrom(null, true, [], {}, [[]], { a: { b: [] } }),
  fc.json().map((text) => JSON.parse(text) as unknown),
);

export type Json = z.core.JSONSchema.BaseSchema;

/** Mostly what `schema` takes; at each place, now and then, something else. */
export function inputOf(schema: z.ZodType): Arbitrary<unknown> {
  return inputFor(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
}

/** The same by a JSON Schema. */
export function inputFor(schema: Json | boolean): Arbitrary<unknown> {
  return fc.oneof(
    { weight: 60, arbitrary: typeof schema === 'boolean' ? hostileValue : fitting(schema) },
    { weight: 1, arbitrary: hostileValue },
  );
}

function fitting(schema: Json): Arbitrary<unknown> {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map(inputFor));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'object':
      return objectOf(schema);
    case 'array':
      return fc.array(inputFor(Array.isArray(schema.items) ? true : (schema.items ?? true)), { maxLength: 4 });
    case 'string':
      return textOf(schema);
    case 'integer':
    case 'number': {
      const { minimum: min = -1_000, maximum: max = 1_000 } = schema;
      return fc.oneof(
        { weight: 12, arbitrary: fc.integer({ min: Math.ceil(min), max: Math.floor(max) }) },
        { weight: 2, arbitrary: fc.constantFrom(min, max) },
        { weight: 1, arbitrary: fc.constantFrom(...NUMBERS) },
      );
    }
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return hostileValue;
  }
}

function objectOf({ properties = {}, required = [], additionalProperties }: Json): Arbitrary<unknown> {
  const known = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, inputFor(schema)])),
    { requiredKeys: required },
  );
  const more = fc.dictionary(
    hostileText,
    typeof additionalProperties === 'object' ? inputFor(additionalProperties) : hostileValue,
    {
      maxKeys: 3,
      noNullPrototype: true,
    },
  );
  const isRecord = typeof additionalProperties === 'object' && Object.keys(properties).length === 0;
  return isRecord
    ? more
    : fc.oneof(
        { weight: 30, arbitrary: known },
        { weight: 1, arbitrary: fc.tuple(known, more).map(([a, b]) => ({ ...b, ...a })) },
      );
}

function textOf({ pattern, format, minLength = 0, maxLength = 40 }: Json): Arbitrary<unknown> {
  const mostly = (arbitrary: Arbitrary<string>, odd: Arbitrary<string>) =>
    fc.oneof({ weight: 12, arbitrary }, { weight: 1, arbitrary: odd });
  if (format === 'date-time') return mostly(someInstant, fc.constantFrom(...INSTANTS));
  if (pattern !== undefined) return mostly(matching(pattern), hostileText);
  return mostly(
    fc.string({ unit: 'grapheme', minLength, maxLength: Math.max(minLength, Math.min(maxLength, 40)) }),
    hostileText,
  );
}

const someInstant = fc
  .date({ noInvalidDate: true, min: new Date(0), max: new Date('2035-01-01') })
  .map((at) => at.toISOString());

function matching(pattern: string): Arbitrary<string> {
  try {
    return fc.stringMatching(new RegExp(pattern, 'u'));
  } catch {
    return hostileText; // look-aheads and classes of Unicode that fast-check does not know
  }
}
