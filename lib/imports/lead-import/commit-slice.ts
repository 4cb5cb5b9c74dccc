/** Commits one slice: leads, row outcomes, counters and the new offset together, in one statement, or nothing at all. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { syncRequest } from '../../crm/request.ts';
import { unguard } from '../../csv/formula-guard.ts';
import type { Reading } from './lead.ts';
import { LEAD_COLUMNS, LEAD_RECORD, ruleValues } from './merge.ts';
import type { ImportOptions, Rules } from './options.ts';
import type { SliceRow } from './slices.ts';
import { rehearsal, writeLeads } from './write-leads.ts';

/** The place where an import stands. */
export interface Standing {
  readonly importId: string;
  /** If the import is not exactly there any more, another run has committed the slice and this one changes nothing. */
  readonly offset: number;
}

export interface Merging {
  readonly mode: ImportOptions['mode'];
  readonly rules: Rules;
  /** Everything as it would be, and no lead is written. */
  readonly dryRun: boolean;
}

/** Commits one slice. `false`: another run moved the import on, or the import has ended, so nothing was written. */
export async function commitSlice(
  database: Executor,
  { importId, offset }: Standing,
  rows: readonly SliceRow[],
  { mode, rules, dryRun }: Merging,
  timeoutMs: number,
): Promise<boolean> {
  const next = rows.at(-1)?.next;
  if (next === undefined) return true;
  const reads = rows.flatMap(({ row, cells, read }) => (read === null ? [] : [{ row, cells, ...read }]));
  const leads = reads.flatMap(({ row, lead, warnings }) =>
    'code' in lead ? [] : [{ row, ...lead, ...(warnings.length > 0 && { warnings }) }],
  );
  // Without guards: else each round through the error file would add one.
  const errors = reads.flatMap(({ row, cells, lead }) =>
    'code' in lead ? [{ row, cells: cells.map(unguard), ...lead }] : [],
  );
  const stops = reads.flatMap((read) => read.stops);
  const slice = [importId, offset, next.offset, next.row, JSON.stringify(leads), JSON.stringify(errors)];
  const beside = [JSON.stringify(stops), JSON.stringify(countsOf(reads))];
  const params = [...slice, mode, ...ruleValues(rules), ...beside];
  const statement = dryRun ? { text: RECKON, params: [...params, WRITTEN] } : { text: COMMIT, params };
  const committed = await database.execute(statement, { timeoutMs });
  return committed.length === 1;
}

/** The numbers dialled from each country. */
function countsOf(reads: readonly Pick<Reading, 'dialledFrom'>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { dialledFrom } of reads) if (dialledFrom !== null) counts[dialledFrom] = (counts[dialledFrom] ?? 0) + 1;
  return counts;
}

/** `$7` is the mode, the rules follow, then the opt-outs and the countries. */
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
  select ${LEAD_COLUMNS}, slice.company_id,
         coalesce(seen.row, min(i.row) over (partition by i.phone)) as first_row
  from slice
  cross join jsonb_to_recordset($5::jsonb) as ${LEAD_RECORD}
  left join import_rows seen
    on seen.import_id = $1 and seen.phone_e164 = i.phone
   and seen.outcome in ('created', 'updated', 'unchanged', 'skipped', 'opted_out')
)`;

const WRITE = `, ${writeLeads({ importId: '$1', mode: 7, firstRule: FIRST_RULE })}`;

/** If the company has a CRM, requests the sync of each lead in the statement that writes it. */
const SYNC = `, ${syncRequest(`
  select w.company_id, w.id, w.version from written w
  where exists (select from crm_settings s where s.company_id = w.company_id and s.sync_imports)`)}`;

/** The same answers, and no lead is written: the statement above runs and is taken back. `$16` is its text. */
const REHEARSE = `, known as (
  select l.phone_e164
  from leads l
  join input i on i.company_id = l.company_id and i.phone = l.phone_e164 and i.row = i.first_row
), rehearsed as (
  select rehearse($16, jsonb_build_array($1::text, $2::bigint, null, null, $5::jsonb, null, $7::text,
    $8::text, $9::text, $10::text, $11::text, $12::text, $13::text)) as leads
  from slice
), written as (
  select w.phone as phone_e164, w.created
  from rehearsed
  cross join jsonb_to_recordset(rehearsed.leads) as w(phone text, created boolean)
), asked as (
  select 0 as added
)`;

const STOPS = `jsonb_to_recordset($14::jsonb) as s(phone text, scope text, reason text)`;

/** In the order of their numbers, so that two imports never wait for each other. An opt-out is never cleared. */
const STOP = `, stopped as materialized (
  select s.phone, s.scope, opt_out(s.company_id, s.phone, null, s.scope, 'import', s.reason) as is_new
  from (select distinct on (s.phone, s.scope) slice.company_id, s.* from slice cross join ${STOPS}
        order by s.phone, s.scope) s
)`;

const REHEARSE_STOP = `, stopped as (
  select distinct on (s.phone, s.scope) s.phone, s.scope,
         not has_opted_out(slice.company_id, s.phone, null, s.scope) as is_new
  from slice cross join ${STOPS}
)`;

const RECORD = `, judged as (
  select i.row, i.phone, i.first_row,
         case when i.row <> i.first_row then 'duplicate'
              when $7 = 'opt_out'       then case when s.is_new then 'opted_out' else 'unchanged' end
              when w.created            then 'created'
              when not w.created        then 'updated'
              when $7 = 'create_only'   then 'skipped'
              when $7 = 'update_only' and not exists (select from known k where k.phone_e164 = i.phone) then 'skipped'
              else 'unchanged'
         end as outcome
  from input i
  left join written w on w.phone_e164 = i.phone
  left join stopped s on s.phone = i.phone and s.scope = 'all'
), recorded as (
  insert into import_rows (import_id, row, outcome, phone_e164, warnings, code, message)
  select $1, judged.row, outcome, phone, warnings,
         case outcome when 'duplicate' then 'duplicate_in_file'
                      when 'skipped'   then case $7 when 'create_only' then 'lead_exists' else 'lead_unknown' end end,
         case outcome when 'duplicate' then 'row ' || first_row || ' has the same number'
                      when 'skipped'   then case $7 when 'create_only' then 'there is a lead with this number already'
                                                    else 'there is no lead with this number' end end
  from judged
  left join jsonb_to_recordset($5::jsonb) as w(row int, warnings jsonb) on w.row = judged.row
  returning outcome, warnings
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
         count(warnings)                               as warned,
         (select count(*) from refused)                as refused,
         (select count(*) from stopped where is_new)   as opted_out
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
    rows_refused   = rows_refused + counted.refused,
    rows_warned    = rows_warned + counted.warned,
    opt_outs       = opt_outs + counted.opted_out,
    dialled        = add_counts(dialled, $15::jsonb)
from counted, slice, asked
where imports.id = slice.id
returning imports.id
`;

const COMMIT = `${INPUT}${WRITE}${SYNC}${STOP}${RECORD}`;
const RECKON = `${INPUT}${REHEARSE}${REHEARSE_STOP}${RECORD}`;
const WRITTEN = rehearsal(`${INPUT}${WRITE}`);
