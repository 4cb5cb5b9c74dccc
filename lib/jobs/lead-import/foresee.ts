/** What rows would do to the leads of a company as they are now. Reads only. */
import type { Executor } from '../../../db/database.ts';
import type { Lead } from './lead.ts';
import { differs, LEAD_RECORD, merged, ruleValues } from './merge.ts';
import type { ImportOptions, Merged, Rules } from './options.ts';

export interface Foreseen {
  readonly outcome: 'created' | 'updated' | 'unchanged' | 'duplicate' | 'skipped';
  /** The fields of a known lead that would change. */
  readonly changes: readonly Merged[];
}

/** By row. Of rows with one number the first counts, as in an import. */
export async function foresee(
  database: Executor,
  companyId: string,
  leads: readonly (Lead & { readonly row: number })[],
  { mode, rules }: { mode: ImportOptions['mode']; rules: Rules },
): Promise<ReadonlyMap<number, Foreseen>> {
  if (leads.length === 0) return new Map();
  const rows = await database.execute<Foreseen & { row: number }>({
    text: FORESEE,
    params: [companyId, JSON.stringify(leads), mode, ...ruleValues(rules)],
  });
  return new Map(rows.map(({ row, outcome, changes }) => [row, { outcome, changes }]));
}

/** `$3` is the mode, the rules follow. */
const FIRST_RULE = 4;

const FORESEE = `
with given as (
  select i.row, i.phone, i.name, i.email, i.source, i.organisation, i.notes, coalesce(i.tags, '{}') as tags,
         min(i.row) over (partition by i.phone) as first_row
  from jsonb_to_recordset($2::jsonb) as ${LEAD_RECORD}
), judged as (
  select g.row,
         case when g.row <> g.first_row                         then 'duplicate'
              when l.id is null and $3 = 'update_only'          then 'skipped'
              when l.id is null                                 then 'created'
              when $3 = 'create_only'                           then 'skipped'
              when ${differs('l', 'g', FIRST_RULE)} then 'updated'
              else 'unchanged' end as outcome,
         array_remove(array[
           ${merged('l', 'g', FIRST_RULE)
             .map(([column, sql]) => `case when l.${column} is distinct from ${sql} then '${column}' end`)
             .join(',\n           ')}], null) as changes
  from given g
  left join leads l on l.company_id = $1 and l.phone_e164 = g.phone
)
select row, outcome, to_jsonb(case when outcome = 'updated' then changes else '{}' end) as changes from judged
`;
