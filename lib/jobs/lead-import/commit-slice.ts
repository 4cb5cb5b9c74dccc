/** Commits one slice: leads, row outcomes, counters and the new offset together, in one statement, or nothing at all. */
import type { Executor } from '../../../db/database.ts';
import { syncRequest } from '../../crm/request.ts';
import type { Lead, RowError } from './lead.ts';
import { differs, LEAD_RECORD, merged, ruleValues } from './merge.ts';
import type { ImportOptions, Rules } from './options.ts';

export interface Slice {
  readonly importId: string;
  /** Where it starts: if the import is not exactly there any more, another run has committed it and this one changes nothing. */
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly nextRow: number;
  readonly leads: readonly (Lead & { readonly row: number })[];
  readonly errors: readonly (RowError & { readonly row: number; readonly cells: readonly string[] })[];
}

export interface Merging {
  readonly mode: ImportOptions['mode'];
  readonly rules: Rules;
  /** Everything as it would be, and no lead is written. */
  readonly dryRun: boolean;
}

/** Whether the slice was committed; `false` means that the import moved on, or ended, without this run. */
export async function commitSlice(
  database: Executor,
  slice: Slice,
  { mode, rules, dryRun }: Merging,
  timeoutMs: number,
): Promise<boolean> {
  const committed = await database.execute(
    {
      text: dryRun ? RECKON : COMMIT,
      params: [
        slice.importId,
        slice.fromOffset,
        slice.toOffset,
        slice.nextRow,
        JSON.stringify(slice.leads),
        JSON.stringify(slice.errors),
        mode,
        ...ruleValues(rules),
      ],
    },
    { timeoutMs },
  );
  return committed.length === 1;
}

/** `$7` is the mode, the rules follow. */
const FIRST_RULE = 8;

/**
 * The lock on the import comes first and everything else joins it: without it no row is written. The first row of a number
 * counts, an earlier slice's before this one's.
 */
const INPUT = `
with slice as (
  select id, company_id
  from imports
  where id = $1 and status = 'running' and next_offset = $2::bigint
  for update
), input as (
  select i.row, i.phone, i.name, i.email, i.source, i.organisation, i.notes, coalesce(i.tags, '{}') as tags, slice.company_id,
         coalesce(seen.row, min(i.row) over (partition by i.phone)) as first_row
  from slice
  cross join jsonb_to_recordset($5::jsonb) as ${LEAD_RECORD}
  left join import_rows seen
    on seen.import_id = $1 and seen.phone_e164 = i.phone
   and seen.outcome in ('created', 'updated', 'unchanged', 'skipped')
)`;

/**
 * Leads are written in the order of their numbers, so that two imports of one company never wait for each other. Where only known
 * leads may change they are locked first: none can vanish in between and be created anew. A lead that would not change is not
 * written.
 */
const WRITE = `, known as (
  select l.phone_e164
  from leads l
  join input i on i.company_id = l.company_id and i.phone = l.phone_e164 and i.row = i.first_row
  where $7 = 'update_only'
  order by l.phone_e164
  for update of l
), written as (
  insert into leads as l (company_id, phone_e164, name, email, source, organisation, notes, tags, import_id)
  select company_id, phone, name, email, source, organisation, notes, tags, $1
  from input
  where row = first_row and ($7 <> 'update_only' or phone in (select phone_e164 from known))
  order by phone
  on conflict (company_id, phone_e164) do update
  set ${merged('l', 'excluded', FIRST_RULE)
    .map(([column, sql]) => `${column} = ${sql}`)
    .join(',\n      ')},
      updated_at = now()
  where $7 <> 'create_only' and ${differs('l', 'excluded', FIRST_RULE)}
  returning company_id, id, version, phone_e164, xmax = 0 as created
)`;

/** For companies that want it, what was written is asked to be in their CRM in the same statement. */
const SYNC = `, ${syncRequest(`
  select w.company_id, w.id, w.version from written w
  where exists (select from crm_settings s where s.company_id = w.company_id and s.sync_imports)`)}`;

/** The same answers from the leads as they are, for a dry run. */
const FORESEE = `, known as (
  select l.*
  from leads l
  join input i on i.company_id = l.company_id and i.phone = l.phone_e164 and i.row = i.first_row
), written as (
  select i.phone as phone_e164, known.id is null as created
  from input i
  left join known on known.phone_e164 = i.phone
  where i.row = i.first_row
    and case when known.id is null then $7 <> 'update_only'
             else $7 <> 'create_only' and ${differs('known', 'i', FIRST_RULE)} end
), asked as (
  select 0 as added
)`;

const RECORD = `, judged as (
  select i.row, i.phone, i.first_row,
         case when i.row <> i.first_row then 'duplicate'
              when w.created            then 'created'
              when not w.created        then 'updated'
              when $7 = 'create_only'   then 'skipped'
              when $7 = 'update_only' and not exists (select from known k where k.phone_e164 = i.phone) then 'skipped'
              else 'unchanged'
         end as outcome
  from input i
  left join written w on w.phone_e164 = i.phone
), recorded as (
  insert into import_rows (import_id, row, outcome, phone_e164, code, message)
  select $1, row, outcome, phone,
         case outcome when 'duplicate' then 'duplicate_in_file'
                      when 'skipped'   then case $7 when 'create_only' then 'lead_exists' else 'lead_unknown' end end,
         case outcome when 'duplicate' then 'row ' || first_row || ' has the same number'
                      when 'skipped'   then case $7 when 'create_only' then 'there is a lead with this number already'
                                                    else 'there is no lead with this number' end end
  from judged
  returning outcome
), refused as (
  insert into import_rows (import_id, row, outcome, code, "column", value, message, cells)
  select $1, e.row, 'error', e.code, e."column", e.value, e.message, e.cells
  from slice
  cross join jsonb_to_recordset($6::jsonb)
    as e(row int, code text, "column" text, value text, message text, cells jsonb)
  returning 1
), counted as (
  select count(*) filter (where outcome = 'created')   as created,
         count(*) filter (where outcome = 'updated')   as updated,
         count(*) filter (where outcome = 'unchanged') as unchanged,
         count(*) filter (where outcome = 'duplicate') as duplicate,
         count(*) filter (where outcome = 'skipped')   as skipped,
         (select count(*) from refused)                as refused
  from recorded
)
update imports
set next_offset    = $3::bigint,
    next_row       = $4::int,
    rows_created   = rows_created + counted.created,
    rows_updated   = rows_updated + counted.updated,
    rows_unchanged = rows_unchanged + counted.unchanged,
    rows_duplicate = rows_duplicate + counted.duplicate,
    rows_skipped   = rows_skipped + counted.skipped,
    rows_refused   = rows_refused + counted.refused
from counted, slice, asked
where imports.id = slice.id
returning imports.id
`;

const COMMIT = `${INPUT}${WRITE}${SYNC}${RECORD}`;
const RECKON = `${INPUT}${FORESEE}${RECORD}`;
