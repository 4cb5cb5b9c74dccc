/** The SQL that rows become leads by: shared by what writes, what only reckons, and what a preview shows. */
import { MERGED, type Rules } from './options.ts';

/** A slice's or a preview's leads, as `jsonb_to_recordset` reads them. */
export const LEAD_RECORD = `
  i(row int, phone text, name text, "givenName" text, "familyName" text, email text, source text, organisation text, notes text, tags text[])`;

/** Its columns by the names that they have in `leads`. */
export const LEAD_COLUMNS = `
  i.row, i.phone, i.name, i."givenName" as given_name, i."familyName" as family_name, i.email, i.source, i.organisation, i.notes,
  coalesce(i.tags, '{}') as tags`;

/** In the order in which `merged` numbers their parameters. */
export function ruleValues(rules: Rules): string[] {
  return MERGED.map((field) => rules[field]);
}

/** SQL for the new value of each field of `known`. The rules are the parameters from `firstRule` on. */
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

/** First and last name go with the name: they become the row's where its name is the one that is kept, and it has them apart. */
export function mergedParts(known: string, given: string, firstRule: number): readonly string[] {
  const name = merged(known, given, firstRule).find(([column]) => column === 'name')?.[1];
  const isGiven = `${given}.family_name is not null and ${given}.name = ${name}`;
  return ['given_name', 'family_name'].map(
    (part) => `${part} = case when ${isGiven} then ${given}.${part} else ${known}.${part} end`,
  );
}

/** SQL that is true if the row would change a field of `known`. */
export function differs(known: string, given: string, firstRule: number): string {
  const values = merged(known, given, firstRule);
  const before = values.map(([column]) => `${known}.${column}`).join(', ');
  return `(${before}) is distinct from (${values.map(([, sql]) => sql).join(', ')})`;
}
