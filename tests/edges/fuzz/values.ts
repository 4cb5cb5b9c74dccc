/** Values that a zod schema accepts or nearly does, as a stranger would choose them: texts and instants that Postgres cannot store, numbers that it cannot hold. */
import { z } from 'zod';
import fc, { type Arbitrary, anyCharacter } from '../../support/property.ts';

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

export const hostileText: Arbitrary<string> = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 20, arbitrary: fc.constantFrom(...INSTANTS) },
  { weight: 20, arbitrary: fc.string({ unit: anyCharacter, maxLength: 30 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('a', '0', ' ', ',', '%', 'a@', '١'), fc.nat(9_000))
      .map(([part, times]) => part.repeat(times)),
  },
);
export const hostileValue = fc.oneof(
  hostileText,
  fc.constantFrom(...NUMBERS),
  fc.constantFrom(null, true, [], {}, [[]], { a: { b: [] } }),
  fc.json().map((text) => JSON.parse(text) as unknown),
);

/** A text that asks for much work: one that a pattern goes over again and again, a number of many digits, very many lines. */
export const bulkyText = fc
  .tuple(
    fc.constantFrom(
      'a',
      '0',
      ' ',
      '\n',
      ',',
      '"',
      '%',
      '+',
      '(',
      '[',
      '{"a":',
      'é',
      '😀',
      'a@',
      '1;',
      '<b>',
      '/../',
      '\\',
    ),
    fc.integer({ min: 1_000, max: 60_000 }),
    fc.constantFrom('', '!', '"', '\0'),
  )
  .map(([part, length, end]) => part.repeat(Math.ceil(length / part.length)) + end);

/** A body that no schema knows, under a type that fits or does not. */
export const rawBody = fc.record({
  type: fc.oneof(
    { weight: 3, arbitrary: fc.constant('application/json') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'text/plain',
        'application/json; charset=utf-16',
        'multipart/form-data',
        'multipart/form-data; boundary=x',
        'application/x-www-form-urlencoded',
        'text/csv',
        'x',
      ),
    },
  ),
  body: fc.oneof(
    fc.constantFrom(
      '',
      '{',
      '[',
      'null',
      '{}',
      '[]',
      '{"__proto__":{"a":1}}',
      '\ufeff{}',
      '"\\ud800"',
      '--x--',
      'a=b&a=c',
    ),
    hostileText.map((text) => text.toWellFormed()),
    bulkyText,
    // Deeper than recursion goes.
    fc
      .tuple(fc.constantFrom(['[', ']'], ['{"a":', '1}']), fc.integer({ min: 1, max: 12_000 }))
      .map(
        ([[open = '', close = ''], depth]) =>
          `{"jobs":${open.repeat(depth)}${close.startsWith('1') ? `1${'}'.repeat(depth)}` : close.repeat(depth)}}`,
      ),
    // Wider than anybody means.
    fc.integer({ min: 1, max: 12_000 }).map((count) => `{"jobs":[${Array(count).fill('0').join()}]}`),
    fc
      .integer({ min: 1, max: 6_000 })
      .map((count) => `{${Array.from({ length: count }, (_, n) => `"k${n}":0`).join()}}`),
  ),
});

/** The bytes of a file, one character each: what a spreadsheet exports, and much that none does. */
export const csv: Arbitrary<string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(hostileText, hostileText).map(([a, b]) => `phone,name\n${a},${b}\n+971501234567,x`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom(',', ';', '\t', '|'),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.array(hostileText, { maxLength: 5 }), { maxLength: 6 }),
      )
      .map(([delimiter, end, rows]) => [`phone${delimiter}name`, ...rows.map((row) => row.join(delimiter))].join(end)),
  },
  { weight: 2, arbitrary: fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 200 }) },
  { weight: 1, arbitrary: bulkyText.map((text) => `phone,name\n${text}`) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 3_000 }).map((columns) => `${'a,'.repeat(columns)}\n${'1,'.repeat(columns)}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      'phone',
      '\xef\xbb\xbfphone\n0501234567',
      '\xff\xfep\0h\0o\0n\0e\0',
      'PK\x03\x04 a spreadsheet',
      'phone,name\n"0501234567,x',
      'phone\n=HYPERLINK("x")\n@SUM(1)',
    ),
  },
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

/** One arbitrary per pattern: each keeps maps of its characters. */
const matching = memoised((pattern: string): Arbitrary<string> => {
  try {
    return fc.stringMatching(new RegExp(withRanges(pattern), 'u'));
  } catch {
    return hostileText; // look-aheads and classes of Unicode that fast-check does not know
  }
});

/** Replaces classes of Unicode, which fast-check reads by trying a million characters, by their ranges. */
const withRanges = (pattern: string): string =>
  pattern
    .replace('\\P{Cc}', '[\\u0020-\\u007e\\u00a0-\\ud7ff\\ue000-\\u{10ffff}]')
    .replace('\\p{Cc}', '\\u0000-\\u001f\\u007f-\\u009f');

function memoised<Value>(make: (key: string) => Value): (key: string) => Value {
  const made = new Map<string, Value>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}
