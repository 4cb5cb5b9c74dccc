/** Walks the parts of a zod schema before any value comes. Pure. */
import type { z } from 'zod';

/** Zod's definition of a schema or of a check: its kind, and its parts under the names that the kind gives them. */
export interface Definition {
  readonly type?: string;
  readonly [part: string]: unknown;
}

/** Values of the schema's author, made anew at each look where he gave a function: no parts. */
const VALUES: ReadonlySet<string> = new Set(['defaultValue', 'catchValue']);

/**
 * Whether the schema, or any schema or check in it, passes the test. One that contains itself is asked once. Calls what z.lazy()
 * was given and the getters of shapes, so not before all modules are loaded.
 */
export function someSchema(schema: z.ZodType, test: (definition: Definition, schema: z.ZodType) => boolean): boolean {
  const seen = new Set<unknown>();
  const found = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return false;
    seen.add(value);
    if (!isSchema(value)) return isContainer(value) && Object.values(value).some(found);
    const definition = value._zod.def as Definition;
    if (test(definition, value)) return true;
    if (definition.type === 'lazy') return found((definition as { getter(): unknown }).getter());
    return Object.keys(definition).some((name) => !VALUES.has(name) && found(definition[name]));
  };
  return found(schema);
}

/** Of a schema or a check. */
function isSchema(value: object): value is z.ZodType {
  return '_zod' in value;
}

/** A list of parts, or a shape. */
function isContainer(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
