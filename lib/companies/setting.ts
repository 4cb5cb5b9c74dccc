/** Kinds of settings: how one is checked, how a form writes it as text, and what Postgres calls its type. Pure. */
import { z } from 'zod';
import { text as storable } from '../fields.ts';

export interface Setting {
  readonly label: string;
  readonly hint?: string;
  readonly column: string;
  /** The default of the column: what a company without a row of its own has. */
  readonly initial: Value;
  readonly type: 'text' | 'text[]' | 'boolean' | 'int' | 'bigint' | 'real' | 'numeric';
  /** The schema of the JSON value; null if it is not set. */
  readonly schema: z.ZodType<Value>;
  readonly control: 'line' | 'area' | 'list' | 'check' | readonly (readonly [value: string, words: string])[];
}

export type Value = string | number | boolean | null | readonly string[];
export type Values = Readonly<Record<string, Value>>;

type Named = Pick<Setting, 'label' | 'column'> & { readonly hint?: string; readonly initial?: Value };

const orNull = <Schema extends z.ZodType>(schema: Schema, isOptional: boolean) =>
  isOptional ? schema.nullable() : schema;

export interface TextRule {
  readonly most: number;
  readonly pattern?: RegExp;
  /** Completes «expected …». */
  readonly words?: string;
  readonly optional?: boolean;
  readonly area?: boolean;
  readonly check?: (text: string) => boolean;
}

export function text(
  { initial = null, ...named }: Named,
  { most, pattern, words, optional = false, area = false, check }: TextRule,
): Setting {
  const expected = `expected ${words ?? `1 to ${most} characters`}`;
  const schema = storable(most)
    .min(1, expected)
    .refine((given) => pattern?.test(given) !== false && check?.(given) !== false, expected);
  return { ...named, initial, type: 'text', schema: orNull(schema, optional), control: area ? 'area' : 'line' };
}

export interface NumberRule {
  readonly type: 'int' | 'bigint' | 'real' | 'numeric';
  readonly from: number;
  readonly to: number;
  readonly optional?: boolean;
}

export function number({ initial = null, ...named }: Named, { type, from, to, optional = false }: NumberRule): Setting {
  const isWhole = type === 'int' || type === 'bigint';
  const expected = `expected ${isWhole ? 'a whole number' : 'a number'} from ${from} to ${to}`;
  const schema = z.number(expected).min(from, expected).max(to, expected);
  const whole = schema.refine((given) => !isWhole || Number.isInteger(given), expected);
  return { ...named, initial, type, schema: orNull(whole, optional), control: 'line' };
}

export function list(
  { initial = [], ...named }: Named,
  rule: TextRule & { readonly entries: number; readonly least?: number },
): Setting {
  const { most, entries, least = 0, pattern, words, optional = false } = rule;
  const expected = `expected lines of ${words ?? `1 to ${most} characters`}`;
  const entry = storable(most)
    .min(1, expected)
    .refine((given) => pattern?.test(given) !== false, expected);
  const schema = z
    .array(entry)
    .min(least, `expected at least ${least}`)
    .max(entries, `expected at most ${entries} lines`);
  return { ...named, initial, type: 'text[]', schema: orNull(schema, optional), control: 'list' };
}

export function flag({ initial = false, ...named }: Named): Setting {
  return { ...named, initial, type: 'boolean', schema: z.boolean(), control: 'check' };
}

export function choice(
  { initial = null, ...named }: Named,
  choices: readonly (readonly [value: string, words: string])[],
  { optional = null }: { readonly optional?: string | null } = {},
): Setting {
  const values = choices.map(([value]) => value);
  const schema = z.enum(values, `expected one of ${values.join(', ')}`);
  const empty = optional === null ? [] : ([['', optional]] as const);
  return {
    ...named,
    initial,
    type: 'text',
    schema: orNull(schema, optional !== null),
    control: [...empty, ...choices],
  };
}

/** A value as the field of a form shows it. */
export function asText(value: Value | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'object' ? value.join('\n') : String(value);
}

/**
 * Reads typed text into the setting's JSON value. Text that cannot be read stays a text, so the schema's message says what was
 * expected.
 */
export function fromText({ control, type }: Setting, typed: string): Value {
  if (control === 'check') return typed === '1';
  if (control === 'list') {
    const lines = typed.split(/\r?\n/).map((line) => line.trim());
    return [...new Set(lines.filter((line) => line !== ''))];
  }
  const text = typed.replaceAll('\r\n', '\n').trim();
  if (text === '') return null;
  const isNumber = type !== 'text' && /^-?\d{1,15}([.,]\d{1,6})?$/.test(text);
  return isNumber ? Number(text.replace(',', '.')) : text;
}
