/** Tells values that survive JSON: types for the compiler, and a check at run time. Pure. */
import type { InputOf, StandardSchema } from './standard-schema.ts';

declare const LOST: unique symbol;
/** A value that JSON refuses or leaves out. Nothing else has this type, so no schema takes it back. */
interface Lost {
  readonly [LOST]: true;
}

/** `T` as JSON gives it back: a Date is text, `undefined` in a list is null. */
export type Jsonified<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends bigint | symbol | ((...args: never) => unknown)
      ? Lost
      : T extends { toJSON(): infer Json }
        ? Json
        : T extends readonly (infer Item)[]
          ? number extends T['length']
            ? Jsonified<NullForUndefined<Item>>[]
            : { [Index in keyof T]: Jsonified<T[Index]> }
          : { [Key in keyof T]: Jsonified<T[Key]> };

type NullForUndefined<T> = unknown extends T ? T : T extends undefined ? null : T;

/**
 * `unknown` if what a schema takes is still what it takes once JSON has carried it, else the sentence that the compiler shows.
 * `Date | string` passes: the Date comes back as the string.
 */
export type SurvivesJson<Schema extends StandardSchema> =
  Refusal<InputOf<Schema>> extends infer Sentence ? ([Sentence] extends [never] ? unknown : Sentence) : never;

type Refusal<Input> =
  Keeps<Input> extends true
    ? never
    : Input extends object
      ? `JSON cannot carry ${Changed<Input>}: let the schema take what JSON has, such as z.coerce.date() or z.iso.datetime() for a date`
      : 'JSON cannot carry this payload: let the schema take what JSON has';

type Keeps<T> = [T] extends [undefined] ? false : [Jsonified<T>] extends [T] ? true : false;

/** The fields that JSON changes, or the payload as a whole. */
type Changed<Input extends object> = Input extends readonly unknown[] | { toJSON(): unknown }
  ? 'this payload'
  : `payload.${{ [Key in keyof Input & string]: [Jsonified<Input[Key]>] extends [Input[Key]] ? never : Key }[keyof Input & string]}`;

/**
 * True if JSON returns the value unchanged: only text, finite numbers, booleans, null, and lists and plain objects of them. The
 * value must be finite, as everything that JSON.stringify accepts is.
 */
export function jsonKeeps(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (Array.isArray(value)) {
    for (const entry of value) if (!jsonKeeps(entry)) return false;
    return true;
  }
  const prototype = Object.getPrototypeOf(value);
  if ((prototype !== Object.prototype && prototype !== null) || 'toJSON' in value) return false;
  for (const key in value) if (!jsonKeeps((value as Record<string, unknown>)[key])) return false;
  return true;
}
