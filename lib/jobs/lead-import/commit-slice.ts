/** Commits one slice: leads, row outcomes, counters and the new offset together, in one statement, or nothing at all. */
import type { Executor } from '../../../db/database.ts';
import { syncRequest } from '../../crm/request.ts';
import { unguard } from './formula-guard.ts';
import { LEAD_RECORD, ruleValues } from './merge.ts';
import type { ImportOptions, Rules } from './options.ts';
import type { SliceRow } from './slices.ts';
import { rehearsal, writeLeads } from './write-leads.ts';

/** Where an import stands. */
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

/** Whether the slice was committed; `false` means that the import moved on, or ended, without this run. */
export async function commitSlice(
  database: Executor,
  { importId, offset }: Standing,
  rows: readonly SliceRow[],
  { mode, rules, dryRun }: Merging,
  timeoutMs: number,
): Promise<boolean> {
  const next = rows.at(-1)?.next;
  if (next === undefined) return true;
  const leads = rows.flatMap(({ row, read }) => (read === null || 'code' in read ? [] : [{ row, ...read }]));
  // Without guards: else each round through the error file would add one.
  const errors = rows.flatMap(({ row, cells, read }) =>
    read !== null && 'code' in read ? [{ row, cells: cells.map(unguard), ...read }] : [],
  );
  const slice = [importId, offset, next.offset, next.row, JSON.stringify(leads), JSON.stringify(errors)];
  const params = [...slice, mode, ...ruleValues(rules)];
  const statement = dryRun ? { text: RECKON, params: [...params, WRITTEN] } : { text: COMMIT, params };
  const committed = await database.execute(statement, { timeoutMs });
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

const WRITE = `, ${writeLeads({ importId: '$1', mode: 7, firstRule: FIRST_RULE })}`;

/** For companies that want it, what was written is asked to be in their CRM in the same statement. */
const SYNC = `, ${syncRequest(`
  select w.company_id, w.id, w.version from written w
  where exists (select from crm_settings s where s.company_id = w.company_id and s.sync_imports)`)}`;

/** The same answers, and no lead is written: the statement above runs and is taken back. `$14` is its text. */
const REHEARSE = `, known as (
  select l.phone_e164
  from leads l
  join input i on i.company_id = l.company_id and i.phone = l.phone_e164 and i.row = i.first_row
), rehearsed as (
  select rehearse($14, jsonb_build_array($1::text, $2::bigint, null, null, $5::jsonb, null, $7::text,
    $8::text, $9::text, $10::text, $11::text, $12::text, $13::text)) as leads
  from slice
), written as (
  select w.phone as phone_e164, w.created
  from rehearsed
  cross join jsonb_to_recordset(rehearsed.leads) as w(phone text, created boolean)
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
const RECKON = `${INPUT}${REHEARSE}${RECORD}`;
const WRITTEN = rehearsal(`${INPUT}${WRITE}`);
