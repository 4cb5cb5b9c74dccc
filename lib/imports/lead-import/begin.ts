/** Opens an import for a run, or says why there is nothing to run. */

import type { Executor } from '@conversure/jobqueue/postgres';
import type { imports } from '../../../db/schema/leads-and-imports.ts';
import type { Country } from '../../phone/index.ts';
import type { Layout } from './check.ts';
import type { Delimiter } from './dialect.ts';
import type { Encoding } from './encoding.ts';
import { HOLD_DAYS } from './hold.ts';
import { type ImportOptions, importOptions } from './options.ts';

/** An import that runs, as it stood when this was read. */
export interface OpenImport {
  readonly importId: string;
  readonly companyId: string;
  readonly country: Country;
  /** The uploader's choice; null lets the import find it. */
  readonly delimiter: Delimiter | null;
  /** As it was chosen, or declared by the file; `null`: UTF-8, or else it has to be asked about. */
  readonly encoding: Encoding | null;
  readonly sizeBytes: number;
  /** The part of the file that is already stored as UTF-8; only for files in another encoding. */
  readonly decoded: { readonly upTo: number; readonly textBytes: number };
  readonly dryRun: boolean;
  readonly options: ImportOptions;
  /** `null` until the file was checked. */
  readonly checked: Checked | null;
}

interface Checked {
  readonly layout: Layout;
  readonly nextOffset: number;
  readonly nextRow: number;
  readonly rows: number;
}

export type Begun =
  | ({ readonly status: 'running' } & OpenImport)
  | { readonly status: 'completed' | 'failed' | 'undoing' | 'undone'; readonly summary: object }
  | { readonly status: 'waiting' | 'paused' | 'cancelled' | 'unfinished' | 'unknown' };

/**
 * Marks it as running, by this job: one that was enqueued anew after a dead letter is the import's job from then on. The company
 * is compared as well: a job must not reach another company's file. One that was held for longer than `HOLD_DAYS` is cancelled.
 */
export async function beginImport(
  database: Executor,
  { importId, companyId, jobId }: { importId: string; companyId: string; jobId: string },
): Promise<Begun> {
  const [row] = await database.execute<Row>({ text: BEGIN, params: [importId, companyId, jobId] });
  if (row === undefined) return { status: 'unknown' };
  switch (row.status) {
    case 'pending':
      return { status: 'unfinished' };
    case 'waiting':
    case 'paused':
    case 'cancelled':
      return { status: row.status };
    case 'completed':
    case 'failed':
    case 'undoing':
    case 'undone':
      return { status: row.status, summary: row.summary };
    case 'running': {
      const { country, delimiter, encoding, size_bytes: sizeBytes, decoded, dry_run: dryRun, checked } = row;
      const options = importOptions.parse(row.options);
      const chosen = { country, delimiter, encoding, dryRun, options };
      return { status: 'running', importId, companyId, ...chosen, sizeBytes, decoded, checked };
    }
  }
}

interface Row {
  status: (typeof imports.$inferSelect)['status'];
  country: Country;
  delimiter: Delimiter | null;
  encoding: Encoding | null;
  size_bytes: number;
  decoded: { upTo: number; textBytes: number };
  dry_run: boolean;
  options: unknown;
  checked: Checked | null;
  summary: object;
}

/** The lock comes first and everything joins it: what an operator cancels meanwhile is found cancelled, not as it was before. */
const BEGIN = `
with locked as (
  select * from imports where id = $1 and company_id = $2 for no key update
), expired as (
  update imports i
  set status = 'cancelled', finished_at = now(), question = null, held_at = null
  from locked
  where i.id = locked.id and locked.held_at < now() - interval '${HOLD_DAYS} days'
  returning i.*
), begun as (
  update imports i
  set status = 'running', started_at = coalesce(i.started_at, now()), job_id = $3::bigint
  from locked
  where i.id = locked.id and locked.status in ('pending', 'running') and locked.size_bytes is not null
  returning i.*
), found as (
  select * from begun
  union all
  select * from expired
  union all
  select * from locked where not exists (select from begun) and not exists (select from expired)
)
select status, country, delimiter, encoding, size_bytes::float8 as size_bytes, dry_run, options,
       jsonb_build_object('upTo', coalesce(decoded_offset, 0), 'textBytes', coalesce(text_bytes, 0)) as decoded,
       case when layout is not null then jsonb_build_object(
         'layout', layout, 'nextOffset', next_offset, 'nextRow', next_row, 'rows', rows_total) end as checked,
       jsonb_strip_nulls(jsonb_build_object(
         'rows', rows_total, 'created', rows_created, 'updated', rows_updated, 'unchanged', rows_unchanged,
         'duplicates', rows_duplicate, 'skipped', nullif(rows_skipped, 0), 'errors', rows_refused,
         'dryRun', nullif(dry_run, false), 'failure', failure)) as summary
from found
`;
