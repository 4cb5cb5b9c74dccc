/** The SQL that rows become leads by: shared by what writes, what only reckons, and what a preview shows. */
import { MERGED, type Rules } from './options.ts';

/** A slice's or a preview's leads, as `jsonb_to_recordset` reads them. */
export const LEAD_RECORD = `i(row int, phone text, name text, email text, source text, organisation text, notes text, tags text[])`;

/** In the order in which `merged` numbers their parameters. */
export function ruleValues(rules: Rules): string[] {
  return MERGED.map((field) => rules[field]);
}

/** What each field of `known` becomes; the rules are the parameters from `firstRule` on. */
export function merged(
  known: string,
  given: string,
  firstRule: number,
): readonly (readonly [column: string, sql: string])[] {
  return MERGED.map((field, n) => [
    field,
    `merge_${field === 'tags' ? 'tags' : 'value'}(${known}.${field}, ${given}.${field}, $${firstRule + n})`,
  ]);
}

/** Whether a row would change anything about `known`. */
export function differs(known: string, given: string, firstRule: number): string {
  const values = merged(known, given, firstRule);
  const before = values.map(([column]) => `${known}.${column}`).join(', ');
  return `(${before}) is distinct from (${values.map(([, sql]) => sql).join(', ')})`;
}
