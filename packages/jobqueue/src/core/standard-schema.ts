/** Standard Schema v1 (standardschema.dev): the contract by which zod, valibot, arktype and others hand out their schemas. Pure. */

/** A schema that validates one value. `Input` is the type that it takes, `Output` the type that it makes of it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** Types for the compiler; no value at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One mistake. A part of the path is a key, or an object that holds one. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  /** Its kind, such as zod's 'invalid_type'. */
  readonly code?: string | undefined;
}

/** The type that the schema takes. */
export type InputOf<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['input'];

/** The type that the schema makes of what it takes. */
export type OutputOf<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output'];

/** True for a schema of any library that speaks version 1. Some libraries' schemas are functions. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard = (value as Partial<StandardSchema>)['~standard'];
  return standard?.version === 1 && typeof standard.validate === 'function';
}

/** The keys to the value that an issue is about. */
export function pathOf({ path = [] }: StandardIssue): readonly PropertyKey[] {
  return path.map((part) => (typeof part === 'object' ? part.key : part));
}

/** Validates at once. Throws TypeError for a schema that answers with a promise. */
export function validateNow<Output>(schema: StandardSchema<unknown, Output>, value: unknown): StandardResult<Output> {
  const result = schema['~standard'].validate(value);
  if (!(result instanceof Promise)) return result;
  result.catch(() => undefined); // nobody waits for it: its failure must not end the process
  throw new TypeError(
    `expected a schema of '${schema['~standard'].vendor}' without asynchronous checks and transforms`,
  );
}
