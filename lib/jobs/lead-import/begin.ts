/** Opens an import for a run, or says why there is nothing to run. */
import type { CountryCode } from 'libphonenumber-js/max';
import type { imports } from '../../../db/app/schema.ts';
import type { Executor } from '../../../db/database.ts';
import type { Layout } from './check.ts';
import type { Delimiter } from './dialect.ts';

/** An import that runs, as it stood when this was read. */
export interface OpenImport {
  readonly importId: string;
  readonly country: CountryCode;
  /** What the uploader chose. */
  readonly delimiter: Delimiter | null;
  readonly sizeBytes: number;
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
  | { readonly status: 'completed' | 'failed'; readonly summary: object }
  | { readonly status: 'cancelled' | 'unfinished' | 'unknown' };

/**
 * Marks it as running, by this job: one that was enqueued anew after a dead letter is the import's job from then on. The company
 * is compared as well: a job must not reach another company's file.
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
    case 'cancelled':
      return { status: 'cancelled' };
    case 'completed':
    case 'failed':
      return { status: row.status, summary: row.summary };
    case 'running': {
      const { country, delimiter, size_bytes: sizeBytes, checked } = row;
      return { status: 'running', importId, country, delimiter, sizeBytes, checked };
    }
  }
}

interface Row {
  status: (typeof imports.$inferSelect)['status'];
  country: CountryCode;
  delimiter: Delimiter | null;
  size_bytes: number;
  checked: Checked | null;
  summary: object;
}

const BEGIN = `
with begun as (
  update imports
  set status = 'running', started_at = coalesce(started_at, now()), job_id = $3::bigint
  where id = $1 and company_id = $2 and status in ('pending', 'running') and size_bytes is not null
  returning *
), found as (
  select * from begun
  union all
  select * from imports where id = $1 and company_id = $2 and not exists (select from begun)
)
select status, country, delimiter, size_bytes::float8 as size_bytes,
       case when layout is not null then jsonb_build_object(
         'layout', layout, 'nextOffset', next_offset, 'nextRow', next_row, 'rows', rows_total) end as checked,
       jsonb_strip_nulls(jsonb_build_object(
         'rows', rows_total, 'created', rows_created, 'updated', rows_updated, 'unchanged', rows_unchanged,
         'duplicates', rows_duplicate, 'errors', rows_refused, 'failure', failure)) as summary
from found
`;
