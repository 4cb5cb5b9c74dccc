/** A small, strict parser for requests of strangers: bounded, and it never repeats a value that was sent. Each field is a Standard Schema. Pure. */
import { LIMITS } from './limits.ts';
import { nearest } from './nearest.ts';
import { isJobId } from './options.ts';
import { isStorableInstant, isStorableText } from './serialize.ts';
import type { InputOf, OutputOf, StandardIssue, StandardSchema } from './standard-schema.ts';

/** A JSON Schema of draft 2020-12, as far as this parser uses it. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** One value of a request. `jsonSchema` describes it to clients and to generators of test requests. */
export interface Field<Output, Input = Output> extends StandardSchema<Input, Output> {
  readonly jsonSchema: JsonSchema;
  /** The value as it is read; `undefined` once `refuse` was called. */
  readonly read: Read<Output>;
}

type Refuse = (message: string, path?: readonly PropertyKey[]) => undefined;
type Read<Output> = (given: unknown, refuse: Refuse) => Output | undefined;

/** An answer names at most so many mistakes: nobody reads more, and a list may be wrong 1,000 times. */
const MOST_ISSUES = 100;

/** A field by its own rule. `read` hands each mistake to `refuse`. */
export function field<Output, Input = Output>(jsonSchema: JsonSchema, read: Read<Output>): Field<Output, Input> {
  return {
    jsonSchema,
    read,
    '~standard': {
      version: 1,
      vendor: 'conversure-jobqueue',
      validate(given) {
        const issues: StandardIssue[] = [];
        const value = read(given, (message, path = []) => {
          if (issues.length < MOST_ISSUES) issues.push({ message, path });
        });
        return issues.length > 0 ? { issues } : { value: value as Output };
      },
    },
  };
}

/** Text of 1 to `most` UTF-16 units that Postgres can store. */
export function text(most: number): Field<string> {
  return field({ type: 'string', minLength: 1, maxLength: most }, (given, refuse) => {
    if (typeof given !== 'string') return refuse(expected('text', given));
    if (given.length < 1 || given.length > most)
      return refuse(`expected text of 1 to ${most} characters, got ${given.length}`);
    return isStorableText(given) ? given : refuse('expected text without NUL or half characters');
  });
}

/** One of a few texts. */
export function oneOf<const Text extends string>(...texts: readonly Text[]): Field<Text> {
  const words = texts.map((one) => `'${one}'`).join(', ');
  return field({ enum: texts }, (given, refuse) =>
    (texts as readonly unknown[]).includes(given) ? (given as Text) : refuse(expected(`one of ${words}`, given)),
  );
}

/** A whole number within the bounds, both included. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Field<number> {
  const words = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return field({ type: 'integer', minimum: min, maximum: max }, (given, refuse) =>
    typeof given === 'number' && Number.isSafeInteger(given) && given >= min && given <= max
      ? given
      : refuse(expected(`a whole number ${words}`, given)),
  );
}

/** A share: more than 0, at most 1. */
export const ratio: Field<number> = field({ type: 'number', exclusiveMinimum: 0, maximum: 1 }, (given, refuse) =>
  typeof given === 'number' && given > 0 && given <= 1 ? given : refuse(expected('a number above 0, at most 1', given)),
);

export const boolean: Field<boolean> = field({ type: 'boolean' }, (given, refuse) =>
  typeof given === 'boolean' ? given : refuse(expected('true or false', given)),
);

/** Any JSON, looked at no further. */
export const anything: Field<unknown> = field({}, (given) => given);

/** Any JSON object, looked at no further. */
export const anyObject: Field<Readonly<Record<string, unknown>>> = field({ type: 'object' }, (given, refuse) =>
  isObject(given) ? given : refuse(expected('an object', given)),
);

const ISO = /^(\d{4}-\d{2}-\d{2})T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** ISO 8601 with its offset, of the years 1 to 9999. It is read as a Date, because Postgres does not know every offset that the standard allows. */
export const instant: Field<Date, string> = field<Date, string>(
  { type: 'string', format: 'date-time' },
  (given, refuse) => {
    const day = typeof given === 'string' ? ISO.exec(given)?.[1] : undefined;
    if (typeof given !== 'string' || day === undefined || !isDay(day))
      return refuse(expected('an instant of ISO 8601 with its offset, such as 2026-12-01T09:00:00Z', given));
    const at = new Date(given);
    return isStorableInstant(at) ? at : refuse('expected an instant of the years 1 to 9999');
  },
);

/** Date makes the 2nd of March of a 30th of February. */
function isDay(day: string): boolean {
  const at = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}

/** The id of a job, or of any other numbered row: digits, below 2^63. */
export const rowId: Field<string> = field({ type: 'string', pattern: '^[1-9]\\d{0,18}$' }, (given, refuse) => {
  if (typeof given !== 'string' || !/^[1-9]\d{0,18}$/.test(given)) return refuse(expected('an id as digits', given));
  return isJobId(given) ? given : refuse('expected an id below 2^63');
});

/** The name of a type or a queue. */
export const name: Field<string> = field({ type: 'string', pattern: LIMITS.name.pattern.source }, (given, refuse) =>
  typeof given === 'string' && LIMITS.name.pattern.test(given)
    ? given
    : refuse(expected(`a name ${LIMITS.name.words}`, given)),
);

/** A list of 1 to `most` values. They are counted before any of them is read. */
export function list<Output, Input>(
  item: Field<Output, Input>,
  most: number,
  least = 1,
): Field<readonly Output[], readonly Input[]> {
  const jsonSchema = { type: 'array', items: item.jsonSchema, minItems: least, maxItems: most };
  return field(jsonSchema, (given, refuse) => {
    if (!Array.isArray(given)) return refuse(expected('a list', given));
    if (given.length < least || given.length > most)
      return refuse(`expected a list of ${least} to ${most}, got ${given.length}`);
    return given.map((entry, n) => item.read(entry, within(n, refuse)) as Output);
  });
}

/** Null, or what the field takes. */
export function nullable<Output, Input>(inner: Field<Output, Input>): Field<Output | null, Input | null> {
  return field({ anyOf: [inner.jsonSchema, { type: 'null' }] }, (given, refuse) =>
    given === null ? null : inner.read(given, refuse),
  );
}

/** The first of the fields that takes the value. `words` say what they take. */
export function either<Fields extends readonly AnyField[]>(
  words: string,
  ...fields: Fields
): Field<OutputOf<Fields[number]>, InputOf<Fields[number]>> {
  return field({ anyOf: fields.map(({ jsonSchema }) => jsonSchema) }, (given, refuse) => {
    for (const one of fields) {
      const result = one['~standard'].validate(given);
      if ('value' in result) return result.value;
    }
    return refuse(expected(words, given));
  });
}

/** A field that may be left out. With a `fallback` it is read as that. */
export interface Optional<Output, Input, Fallback> {
  readonly inner: Field<Output, Input>;
  readonly fallback: Fallback;
}

export function optional<Output, Input>(inner: Field<Output, Input>): Optional<Output, Input, undefined>;
export function optional<Output, Input>(
  inner: Field<Output, Input>,
  fallback: Output,
): Optional<Output, Input, NonNullable<Output>>;
export function optional(inner: Field<unknown>, fallback?: unknown): Optional<unknown, unknown, unknown> {
  return { inner, fallback };
}

// biome-ignore lint/suspicious/noExplicitAny: variance: a field of any type, either way
type AnyField = Field<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: variance: a field of any type, either way
type AnyOptional = Optional<any, any, unknown>;
/** The fields of an object by their names. */
export type Shape = Readonly<Record<string, AnyField | AnyOptional>>;

type Simple<T> = { [Key in keyof T]: T[Key] };
type Read1<Entry> = Entry extends AnyField
  ? OutputOf<Entry>
  : Entry extends AnyOptional
    ? OutputOf<Entry['inner']>
    : never;
type Sent1<Entry> = Entry extends AnyField
  ? InputOf<Entry>
  : Entry extends AnyOptional
    ? InputOf<Entry['inner']>
    : never;
/** Left out, and read as nothing. */
type Absent<Entry> = Entry extends Optional<infer _Output, infer _Input, undefined> ? true : false;
type ReadOf<Fields extends Shape> = Simple<
  { readonly [Key in keyof Fields as Absent<Fields[Key]> extends true ? never : Key]: Read1<Fields[Key]> } & {
    readonly [Key in keyof Fields as Absent<Fields[Key]> extends true ? Key : never]?: Read1<Fields[Key]>;
  }
>;
type SentOf<Fields extends Shape> = Simple<
  { readonly [Key in keyof Fields as Fields[Key] extends AnyField ? Key : never]: Sent1<Fields[Key]> } & {
    readonly [Key in keyof Fields as Fields[Key] extends AnyField ? never : Key]?: Sent1<Fields[Key]>;
  }
>;

/** An object with these fields and no others. */
export function object<Fields extends Shape>(fields: Fields): Field<ReadOf<Fields>, SentOf<Fields>> {
  const entries = Object.entries(fields).map(([key, one]) =>
    'inner' in one ? { key, field: one.inner, isOptional: true, fallback: one.fallback } : { key, field: one },
  );
  const names = Object.keys(fields);
  const jsonSchema = {
    type: 'object',
    properties: Object.fromEntries(entries.map(({ key, field }) => [key, field.jsonSchema])),
    required: entries.filter(({ isOptional }) => isOptional !== true).map(({ key }) => key),
    additionalProperties: false,
  };
  return field(jsonSchema, (given, refuse) => {
    if (!isObject(given)) return refuse(expected('an object', given));
    // One unknown field is enough: a stranger may send 100,000.
    const unknown = Object.keys(given).find((key) => !Object.hasOwn(fields, key));
    if (unknown !== undefined) refuse(noSuchField(unknown, names), [unknown.slice(0, MOST_NAME_CHARS)]);
    const read: Record<string, unknown> = {};
    for (const { key, field, isOptional, fallback } of entries) {
      if (Object.hasOwn(given, key)) read[key] = field.read(given[key], within(key, refuse));
      else if (!isOptional) refuse('expected a value, got none', [key]);
      else if (fallback !== undefined) read[key] = fallback;
    }
    return read as ReadOf<Fields>;
  });
}

const MOST_NAME_CHARS = 100;

function noSuchField(given: string, names: readonly string[]): string {
  const close = nearest(given.slice(0, MOST_NAME_CHARS), names);
  return `there is no such field${close.length > 0 ? `; the nearest: ${close.join(', ')}` : ''}`;
}

type Cases = Readonly<Record<string, Shape>>;
type Case<Tag extends string, Name> = { readonly [Key in Tag]: Name };
type ReadCase<Tag extends string, Fields extends Cases> = {
  [Name in keyof Fields]: Simple<Case<Tag, Name> & ReadOf<Fields[Name]>>;
}[keyof Fields];
type SentCase<Tag extends string, Fields extends Cases> = {
  [Name in keyof Fields]: Simple<Case<Tag, Name> & SentOf<Fields[Name]>>;
}[keyof Fields];

/** An object whose field `tag` tells which of the shapes it has. */
export function tagged<const Tag extends string, Fields extends Cases>(
  tag: Tag,
  cases: Fields,
): Field<ReadCase<Tag, Fields>, SentCase<Tag, Fields>> {
  const shapes = new Map(
    Object.entries(cases).map(([name, fields]) => [name, object({ [tag]: oneOf(name), ...fields })]),
  );
  const names = oneOf(...shapes.keys());
  return field({ oneOf: [...shapes.values()].map(({ jsonSchema }) => jsonSchema) }, (given, refuse) => {
    if (!isObject(given)) return refuse(expected('an object', given));
    const name = Object.hasOwn(given, tag) ? names.read(given[tag], within(tag, refuse)) : noTag(refuse);
    return name === undefined ? undefined : (shapes.get(name)?.read(given, refuse) as ReadCase<Tag, Fields>);
  });

  function noTag(refuse: Refuse): undefined {
    return refuse('expected a value, got none', [tag]);
  }
}

function within(key: PropertyKey, refuse: Refuse): Refuse {
  return (message, path = []) => refuse(message, [key, ...path]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Names the kind of the value, and a number itself; a text may be a customer's. */
function expected(what: string, got: unknown): string {
  return `expected ${what}, got ${kindOf(got)}`;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number') return String(value);
  if (Array.isArray(value)) return 'a list';
  return { string: 'another text', object: 'an object', boolean: 'a boolean' }[typeof value as string] ?? typeof value;
}
