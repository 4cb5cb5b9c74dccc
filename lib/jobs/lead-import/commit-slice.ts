/** Commits one slice: leads, row outcomes, counters and the new offset together, in one statement, or nothing at all. */
import type { Executor } from '../../../db/database.ts';
import type { Lead, RowError } from './lead.ts';

export interface Slice {
  readonly importId: string;
  /** Where it starts: if the import is not exactly there any more, another run has committed it and this one changes nothing. */
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly nextRow: number;
  readonly leads: readonly (Lead & { readonly row: number })[];
  readonly errors: readonly (RowError & { readonly row: number; readonly cells: readonly string[] })[];
}

/** Whether the slice was committed; `false` means that the import moved on, or ended, without this run. */
export async function commitSlice(database: Executor, slice: Slice, timeoutMs: number): Promise<boolean> {
  const committed = await database.execute(
    {
      text: COMMIT,
      params: [
        slice.importId,
        slice.fromOffset,
        slice.toOffset,
        slice.nextRow,
        JSON.stringify(slice.leads),
        JSON.stringify(slice.errors),
      ],
    },
    { timeoutMs },
  );
  return committed.length === 1;
}

/**
 * The lock on the import comes first and everything else joins it: without it no row is written. Leads are written in the
 * order of their numbers, so that two imports of one company never wait for each other. The first row of a number counts,
 * an earlier slice's before this one's. Empty cells change nothing; a lead that would not change is not written.
 */
const COMMIT = `
with slice as (
  select id, company_id
  from imports
  where id = $1 and status = 'running' and next_offset = $2::bigint
  for update
), input as (
  select i.*, slice.company_id, coalesce(seen.row, min(i.row) over (partition by i.phone)) as first_row
  from slice
  cross join jsonb_to_recordset($5::jsonb)
    as i(row int, phone text, name text, email text, source text, organisation text, notes text)
  left join import_rows seen
    on seen.import_id = $1 and seen.phone_e164 = i.phone and seen.outcome in ('created', 'updated', 'unchanged')
), written as (
  insert into leads as l (company_id, phone_e164, name, email, source, organisation, notes, import_id)
  select company_id, phone, name, email, source, organisation, notes, $1
  from input
  where row = first_row
  order by phone
  on conflict (company_id, phone_e164) do update
  set name         = coalesce(excluded.name, l.name),
      email        = coalesce(excluded.email, l.email),
      source       = coalesce(excluded.source, l.source),
      organisation = coalesce(excluded.organisation, l.organisation),
      notes        = coalesce(excluded.notes, l.notes),
      updated_at   = now()
  where (excluded.name is not null         and excluded.name         is distinct from l.name)
     or (excluded.email is not null        and excluded.email        is distinct from l.email)
     or (excluded.source is not null       and excluded.source       is distinct from l.source)
     or (excluded.organisation is not null and excluded.organisation is distinct from l.organisation)
     or (excluded.notes is not null        and excluded.notes        is distinct from l.notes)
  returning phone_e164, xmax = 0 as created
), recorded as (
  insert into import_rows (import_id, row, outcome, phone_e164, code, message)
  select $1, i.row,
         case when i.row <> i.first_row then 'duplicate'
              when w.created            then 'created'
              when w.created is null    then 'unchanged'
              else 'updated'
         end,
         i.phone,
         case when i.row <> i.first_row then 'duplicate_in_file' end,
         case when i.row <> i.first_row then 'row ' || i.first_row || ' has the same number' end
  from input i
  left join written w on w.phone_e164 = i.phone
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
    rows_refused   = rows_refused + counted.refused
from counted, slice
where imports.id = slice.id
returning imports.id
`;
