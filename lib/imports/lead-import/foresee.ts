/** The effect that rows would have on the leads of a company as they are now. Writes nothing that stays. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Lead } from './lead.ts';
import { LEAD_COLUMNS, LEAD_RECORD, merged, ruleValues } from './merge.ts';
import type { ImportOptions, Merged, Rules } from './options.ts';
import { rehearsal, writeLeads } from './write-leads.ts';

export interface Foreseen {
  readonly outcome: 'created' | 'updated' | 'unchanged' | 'duplicate' | 'skipped' | 'opted_out';
  /** The fields of a known lead that would change. */
  readonly changes: readonly Merged[];
}

/**
 * The outcome of each row, keyed by row. If rows share one number the first counts, as in an import. Writes the leads and rolls
 * back; rejects if Postgres refuses a row, as the import would.
 */
export async function foresee(
  database: Executor,
  companyId: string,
  leads: readonly (Lead & { readonly row: number })[],
  { mode, rules }: { mode: ImportOptions['mode']; rules: Rules },
): Promise<ReadonlyMap<number, Foreseen>> {
  if (leads.length === 0) return new Map();
  const rows = await database.execute<Foreseen & { row: number }>({
    text: FORESEE,
    params: [companyId, JSON.stringify(leads), mode, ...ruleValues(rules), WRITTEN],
  });
  return new Map(rows.map(({ row, outcome, changes }) => [row, { outcome, changes }]));
}

/** `$3` is the mode, the rules follow. */
const FIRST_RULE = 4;

const INPUT = `
with input as (
  select ${LEAD_COLUMNS}, $1 as company_id,
         min(i.row) over (partition by i.phone) as first_row
  from jsonb_to_recordset($2::jsonb) as ${LEAD_RECORD}
)`;

const WRITTEN = rehearsal(`${INPUT}, ${writeLeads({ importId: 'null', mode: 3, firstRule: FIRST_RULE })}`);

const FORESEE = `${INPUT}, rehearsed as (
  select rehearse($10, jsonb_build_array($1::text, $2::jsonb, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text)) as leads
), judged as (
  select i.row,
         case when i.row <> i.first_row                then 'duplicate'
              when $3 = 'opt_out'                      then
                case when has_opted_out($1, i.phone, null, 'all') then 'unchanged' else 'opted_out' end
              when w.created                           then 'created'
              when not w.created                       then 'updated'
              when l.id is null or $3 = 'create_only'  then 'skipped'
              else 'unchanged' end as outcome,
         array_remove(array[
           ${merged('l', 'i', FIRST_RULE)
             .map(([column, sql]) => `case when l.${column} is distinct from ${sql} then '${column}' end`)
             .join(',\n           ')}], null) as changes
  from input i
  cross join rehearsed
  left join jsonb_to_recordset(rehearsed.leads) as w(phone text, created boolean) on w.phone = i.phone
  left join leads l on l.company_id = $1 and l.phone_e164 = i.phone
)
select row, outcome, to_jsonb(case when outcome = 'updated' then changes else '{}' end) as changes from judged
`;
