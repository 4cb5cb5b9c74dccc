/** The meaning of a file's columns, by their headers, and by their values where a header alone does not say. */
import { readCountry } from '../../phone/index.ts';
import { type Meaning, meaningOf } from './headers.ts';
import { FIELDS, type Field, type Merged } from './options.ts';
import { cleanLine } from './text.ts';

/** Per field the indexes of its columns, best first. */
export type Columns = { readonly [field in Field]: readonly number[] };

/** Per field. Nobody has more; a header that says Phone 9,000 times would make every look at its import take seconds. */
const MAX_COLUMNS = 20;

/** The most columns whose headers are read: more are chosen by hand. 30,000 headers would hold the process for 0.3 s. */
const MOST_READ = 2_000;

/** `rows` are the first ones below the header: they decide about headers that mean different things in different files. */
export function mapColumns(header: readonly string[], rows: readonly (readonly string[])[] = []): Columns {
  const found = header.slice(0, MOST_READ).map((name, index) => settled(meaningOf(name), valuesOf(rows, index)));
  const hasHalves = found.some((meaning) => meaning?.field === 'firstName' || meaning?.field === 'lastName');
  const isUsed = (meaning: Meaning) => !(meaning.isTitle && hasHalves);
  const ranked = found
    .flatMap((meaning, index) => (meaning !== null && isUsed(meaning) ? [{ meaning, index }] : []))
    .sort((a, b) => a.meaning.rank - b.meaning.rank || a.index - b.index);
  return columnsOf((field) => ranked.flatMap(({ meaning, index }) => (meaning.field === field ? [index] : [])));
}

/** A header that may mean several things, decided by the values below it: `Contact` is a number in some lists, a name in others. */
function settled(meaning: Meaning | null, values: readonly string[]): Meaning | null {
  if (!meaning?.isMaybe) return meaning;
  switch (meaning.field) {
    case 'phone':
      return most(values, meaning.isCounted ? isDialled : looksLikePhone) ? meaning : null;
    case 'name':
      return most(values, looksLikePhone) ? { field: 'phone', rank: LAST, kind: 'plain' } : meaning;
    case 'country':
      return most(values, (value) => 'country' in readCountry(value)) && !(meaning.isCounted && countsUp(values))
        ? meaning
        : null;
    default:
      return meaning;
  }
}

/** Digits alone, each another: calling codes repeat. */
function countsUp(values: readonly string[]): boolean {
  return values.every((value) => /^[1-9]/.test(value)) && new Set(values).size === values.length;
}

/** Behind every column whose header says that it holds numbers. */
const LAST = 10_000;

/** Digits alone may be the number of an order, a row or a street. */
function isDialled(value: string): boolean {
  return looksLikePhone(value) && /^\(?[+0٠]/.test(value);
}

function valuesOf(rows: readonly (readonly string[])[], index: number): string[] {
  return rows.map((cells) => cleanLine(cells[index] ?? '')).filter((value) => value !== '');
}

function most(values: readonly string[], is: (value: string) => boolean): boolean {
  return values.length > 0 && values.filter(is).length > values.length / 2;
}

/** Digits as a number is written, and enough of them; no date. Whether there is such a number is not asked. */
export function looksLikePhone(value: string): boolean {
  const digits = value.replace(/\P{Nd}/gu, '').length;
  return (
    digits >= 8 &&
    digits <= 15 &&
    /^[\p{Nd}+().\-\s/]+$/u.test(value) &&
    !/^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}/.test(value)
  );
}

/** Makes columns of what `indexesOf` says for each field. */
export function columnsOf(indexesOf: (field: Field) => readonly number[]): Columns {
  const entries = FIELDS.map((field): [Field, readonly number[]] => [field, indexesOf(field).slice(0, MAX_COLUMNS)]);
  return Object.fromEntries(entries) as Record<Field, readonly number[]>;
}

/** The field of each column of a header; `null` for a column that is ignored. */
export function fieldsOf(columns: Columns, width: number): (Field | null)[] {
  const fields: (Field | null)[] = Array(width).fill(null);
  for (const field of FIELDS) for (const index of columns[field]) fields[index] = field;
  return fields;
}

/** True if some column feeds this field of a lead. A name may come in two halves. */
export function isMapped(columns: Columns, field: Merged): boolean {
  const from = field === 'name' ? (['name', 'firstName', 'lastName'] as const) : [field];
  return from.some((column) => columns[column].length > 0);
}

/** Column names for a file without a header. People see them and choose columns by them. */
export function inventedHeader(width: number): string[] {
  return Array.from({ length: width }, (_, n) => `Column ${n + 1}`);
}

/** True for names that `inventedHeader` made, in their `canonical` form. Every file without a header has them, so they identify nothing. */
export function isInvented(names: readonly string[]): boolean {
  return names.every((name) => /^column \d+$/.test(name));
}

/** `E-mail_Address*` and `e mail address` are one name: how saved mappings and choices find their columns. */
export function canonical(name: string): string {
  return cleanLine(name)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
