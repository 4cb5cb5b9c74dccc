/** Payloads for the eyes of people: what a schema marks as secret is hidden, and comes back where somebody edited the rest. Pure. */
import type { Issue } from './errors.ts';
import { refused } from './options.ts';
import { type Definition, isZod, someSchema, type ZodSchema } from './schemas.ts';
import { pathOf, type StandardIssue, type StandardSchema } from './standard-schema.ts';

/** Stands where something is hidden. */
export const HIDDEN = '•••';

/** The part of a zod 4 schema that `secret` uses. */
interface Markable {
  readonly _zod: { readonly def: object };
  clone(definition: never, options: { parent: boolean }): unknown;
  meta(): object | undefined;
  meta(metadata: object): unknown;
}

/**
 * Marks what people must not read on screens: `secret(z.string())`. The payload is stored and handled as it is. Schemas of zod 4
 * alone can be marked; any other is a QueueError `option_invalid`. The mark is part of the definition too, because extend, pick, partial and their like hand on the definition
 * and no metadata.
 */
export function secret<Schema extends Markable>(schema: Schema): Schema {
  if (!isZod(schema) || typeof schema.meta !== 'function')
    throw refused('schema', 'a schema of zod 4, whose package is zod: npm install zod@4', schema, { call: 'secret' });
  const marked = { ...Object.getOwnPropertyDescriptors(schema._zod.def), secret: { value: true, enumerable: true } };
  const definition = Object.defineProperties({}, marked) as never;
  const clone = schema.clone(definition, { parent: true }) as Schema;
  return clone.meta({ ...schema.meta(), secret: true }) as Schema;
}

/**
 * A copy with all secrets hidden; without a schema nobody knows which they are, so all of it. Only schemas of zod 4 hold marks: by
 * any other one all is shown.
 */
export function redactPayload(schema: StandardSchema | undefined, payload: unknown): unknown {
  if (schema === undefined) return HIDDEN;
  return isZod(schema) ? mapped(schema, payload, [], () => HIDDEN) : payload;
}

/** Puts secrets that an edited copy left hidden back to their original values. */
export function restored(schema: StandardSchema, edited: unknown, original: unknown): unknown {
  if (!isZod(schema)) return edited;
  return mapped(schema, edited, [], (value, path) => (value === HIDDEN ? at(original, path) : value));
}

/** Issues of a refused payload, fit for people: an issue within something hidden names that, and what kind of mistake it is. */
export function redactIssues(
  schema: StandardSchema,
  payload: unknown,
  issues: readonly StandardIssue[],
): readonly Issue[] {
  const shown = redactPayload(schema, payload);
  return issues.map((issue) => {
    const path = pathOf(issue);
    const depth = path.findIndex((_, n) => at(shown, path.slice(0, n)) === HIDDEN);
    const isHidden = depth >= 0 || at(shown, path) === HIDDEN;
    return {
      path: (depth < 0 ? path : path.slice(0, depth)).map(String).join('.'),
      message: isHidden ? `${issue.code ?? 'it does not fit'}, of a value that is secret` : issue.message,
    };
  });
}

type Path = readonly PropertyKey[];
type Change = (value: unknown, path: Path) => unknown;

/** The kinds of schemas whose parts zod's definition names. In any other a secret could be anywhere. */
const KNOWN: ReadonlySet<string> = new Set(
  `any array bigint boolean catch custom date default enum file function intersection lazy literal map nan never nonoptional null
   nullable number object optional pipe prefault promise readonly record set string success symbol template_literal transform
   tuple undefined union unknown void`.split(/\s+/),
);

const secretive = new WeakMap<ZodSchema, boolean>();

/** True if anything in the schema is marked, or is of an unknown kind. */
function holdsSecret(schema: ZodSchema): boolean {
  let holds = secretive.get(schema);
  if (holds === undefined) {
    holds = someSchema(schema, (definition, part) => isMarked(part) || !isKnown(definition));
    secretive.set(schema, holds);
  }
  return holds;
}

/** A check has no type. */
function isKnown({ type, check }: Definition): boolean {
  return type === undefined ? check !== undefined : KNOWN.has(type);
}

/** A check has no metadata. */
function isMarked(schema: ZodSchema): boolean {
  const { secret: isSecret } = schema._zod.def as { secret?: boolean };
  if (isSecret === true) return true;
  const metadata: { readonly secret?: unknown } | undefined = (schema as Partial<Markable>).meta?.();
  return metadata?.secret === true;
}

/** A check may name schemas for parts of the value: which parts, only it knows. */
function isWhole(schema: ZodSchema): boolean {
  const { checks = [] } = schema._zod.def as { checks?: readonly unknown[] };
  return isMarked(schema) || checks.some((check) => holdsSecret(check as ZodSchema));
}

/**
 * `value` with `change` made to each secret in it: rather too much than too little. Where a schema holds a secret and the value
 * does not have its form, or is yet to be transformed into it, the whole value is changed.
 */
function mapped(schema: ZodSchema, value: unknown, path: Path, change: Change): unknown {
  if (value === null || value === undefined || !holdsSecret(schema)) return value;
  if (value === HIDDEN || isWhole(schema)) return change(value, path);
  const parts = schema._zod.def as unknown as Parts;
  const inPart = (part: ZodSchema | null | undefined, entry: unknown, key: PropertyKey) =>
    part ? mapped(part, entry, [...path, key], change) : entry;
  switch (parts.type) {
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'readonly':
    case 'default':
    case 'prefault':
    case 'catch':
      return mapped(parts.innerType, value, path, change);
    case 'lazy':
      return mapped(parts.getter(), value, path, change);
    case 'union': {
      // Every member that the value's form allows counts.
      const members = parts.options.filter((member) => mayHold(member, value));
      if (members.length === 0) return change(value, path);
      return members.reduce<unknown>((changed, member) => mapped(member, changed, path, change), value);
    }
    case 'intersection':
      return mapped(parts.right, mapped(parts.left, value, path, change), path, change);
    case 'pipe': // what its end marks is made of this value, nobody knows of which part
      return holdsSecret(parts.out) ? change(value, path) : mapped(parts.in, value, path, change);
    case 'array':
      if (!Array.isArray(value)) return change(value, path);
      return value.map((entry, n) => inPart(parts.element, entry, n));
    case 'tuple':
      if (!Array.isArray(value)) return change(value, path);
      return value.map((entry, n) => inPart(parts.items[n] ?? parts.rest, entry, n));
    case 'object': {
      if (!isObject(value)) return change(value, path);
      const { shape, catchall } = parts;
      return entriesMapped(value, (entry, key) =>
        inPart(Object.hasOwn(shape, key) ? shape[key] : catchall, entry, key),
      );
    }
    case 'record':
      if (!isObject(value) || holdsSecret(parts.keyType)) return change(value, path);
      return entriesMapped(value, (entry, key) => inPart(parts.valueType, entry, key));
    default:
      return change(value, path);
  }
}

/** The kinds of schemas that are looked into, with their parts. Any other kind that holds a secret is hidden whole. */
type Parts =
  | {
      readonly type: 'optional' | 'nullable' | 'nonoptional' | 'readonly' | 'default' | 'prefault' | 'catch';
      readonly innerType: ZodSchema;
    }
  | { readonly type: 'lazy'; getter(): ZodSchema }
  | { readonly type: 'union'; readonly options: readonly ZodSchema[] }
  | { readonly type: 'intersection'; readonly left: ZodSchema; readonly right: ZodSchema }
  | { readonly type: 'pipe'; readonly in: ZodSchema; readonly out: ZodSchema }
  | { readonly type: 'array'; readonly element: ZodSchema }
  | { readonly type: 'tuple'; readonly items: readonly ZodSchema[]; readonly rest: ZodSchema | null }
  | {
      readonly type: 'object';
      readonly shape: Readonly<Record<string, ZodSchema>>;
      readonly catchall?: ZodSchema;
    }
  | { readonly type: 'record'; readonly keyType: ZodSchema; readonly valueType: ZodSchema }
  | { readonly type: 'anything else' };

/** `false`: the value is an object, a list or neither, and the schema takes another of these. */
function mayHold(schema: ZodSchema, value: unknown): boolean {
  const parts = schema._zod.def as unknown as Parts;
  if ('innerType' in parts) return mayHold(parts.innerType, value);
  switch (parts.type) {
    case 'object':
    case 'record':
      return isObject(value);
    case 'array':
    case 'tuple':
      return Array.isArray(value);
    default:
      return true;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function entriesMapped(value: object, change: (entry: unknown, key: string) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, change(entry, key)]));
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}
