/** Walks the parts of a schema of zod 4 before any value comes, by its structure: zod itself is not loaded. Pure. */

/** Zod's definition of a schema or of a check: its kind, and its parts under the names that the kind gives them. */
export interface Definition {
  readonly type?: string;
  readonly [part: string]: unknown;
}

/** A schema or a check of zod 4, classic or mini. */
export interface ZodSchema {
  readonly _zod: { readonly def: Definition };
}

/** False for zod 3 and for other libraries: their schemas have no parts that could be told here. */
export function isZod(value: unknown): value is ZodSchema {
  return typeof value === 'object' && value !== null && '_zod' in value;
}

/** Values of the schema's author, made anew at each look where he gave a function: no parts. */
const VALUES: ReadonlySet<string> = new Set(['defaultValue', 'catchValue']);

/**
 * True if the schema, or any schema or check in it, passes the test. One that contains itself is asked once. Calls what z.lazy()
 * was given and the getters of shapes, so not before all modules are loaded.
 */
export function someSchema(schema: ZodSchema, test: (definition: Definition, schema: ZodSchema) => boolean): boolean {
  const seen = new Set<unknown>();
  const found = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return false;
    seen.add(value);
    if (!isZod(value)) return isContainer(value) && Object.values(value).some(found);
    const definition = value._zod.def;
    if (test(definition, value)) return true;
    if (definition.type === 'lazy') return found((definition as { getter(): unknown }).getter());
    return Object.keys(definition).some((name) => !VALUES.has(name) && found(definition[name]));
  };
  return found(schema);
}

/** A list of parts, or a shape. */
function isContainer(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
