/** Payloads for the eyes of people: what a schema marks as secret is hidden, and comes back where somebody edited the rest. Pure. */
import type { z } from 'zod';

/** Stands where something is hidden. */
export const HIDDEN = '•••';

/** Marks what people must not read on screens: `secret(z.string())`. The payload is stored and handled as it is. */
export function secret<Schema extends z.ZodType>(schema: Schema): Schema {
  return schema.meta({ ...schema.meta(), secret: true });
}

/** A copy with all secrets hidden; without a schema nobody knows which they are, so all of it. */
export function shownPayload(schema: z.ZodType | undefined, payload: unknown): unknown {
  return schema === undefined ? HIDDEN : mapped(schema, payload, [], () => HIDDEN);
}

/** Of an edited copy: secrets that were left hidden are again what they were. */
export function restored(schema: z.ZodType, edited: unknown, original: unknown): unknown {
  return mapped(schema, edited, [], (value, path) => (value === HIDDEN ? at(original, path) : value));
}

type Path = readonly (string | number)[];
type Change = (value: unknown, path: Path) => unknown;

/** What of zod's definitions is read here; a kind that holds no others has none of it. */
interface Definition {
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly catchall?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly items?: readonly z.ZodType[];
  readonly rest?: z.ZodType | null;
  readonly left?: z.ZodType;
  readonly right?: z.ZodType;
  readonly in?: z.ZodType;
  readonly getter?: () => z.ZodType;
}

/** `value` with `change` made to each secret in it. Of a union every member counts: rather too much hidden than too little. */
function mapped(schema: z.ZodType, value: unknown, path: Path, change: Change): unknown {
  if (value === null || value === undefined) return value;
  if (schema.meta()?.secret === true) return change(value, path);
  const def = schema._zod.def as Definition;
  const through = [...(def.options ?? []), def.innerType, def.left, def.right, def.in, def.getter?.()].filter(isSchema);
  if (through.length > 0)
    return through.reduce<unknown>((changed, inner) => mapped(inner, changed, path, change), value);
  if (Array.isArray(value))
    return value.map((entry, n) => inPart(def.element ?? def.items?.[n] ?? def.rest, entry, [...path, n], change));
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => {
      const part = def.shape && Object.hasOwn(def.shape, key) ? def.shape[key] : (def.valueType ?? def.catchall);
      return [key, inPart(part, entry, [...path, key], change)];
    }),
  );
}

function inPart(schema: z.ZodType | null | undefined, value: unknown, path: Path, change: Change): unknown {
  return schema ? mapped(schema, value, path, change) : value;
}

function isSchema(schema: z.ZodType | undefined): schema is z.ZodType {
  return schema !== undefined;
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner as Record<string | number, unknown> | null | undefined)?.[key],
    value,
  );
}
