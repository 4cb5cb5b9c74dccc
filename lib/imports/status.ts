/** What became of an import, as its owner may know it: the import's own word, and its job's where that died on the way. */
import type { imports } from '../../db/app/schema.ts';
import type { Executor } from '../../db/database.ts';
import type { Status } from '../jobqueue/job.ts';

export type ImportStatus = (typeof imports.$inferSelect)['status'];

export interface ImportView {
  readonly importId: string;
  readonly companyId: string;
  readonly fileName: string | null;
  readonly status: ImportStatus;
  /** By bytes. `null` total: parts are still being uploaded. */
  readonly progress: { readonly doneBytes: number; readonly totalBytes: number | null; readonly percent: number };
  /** `rows` is known once the file was checked; the others grow with every slice. */
  readonly counts: {
    readonly rows: number | null;
    readonly created: number;
    readonly updated: number;
    readonly unchanged: number;
    readonly duplicates: number;
    readonly errors: number;
  };
  /** Why a failed import failed. */
  readonly failure: { readonly code: string; readonly message: string; readonly line?: number } | null;
  /** Which headers feed which field, best first; `null` until the file was checked. */
  readonly columns: Readonly<Record<string, readonly string[]>> | null;
  readonly jobId: string | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** The state of a job, `null` for one that history no longer has. */
export type JobLookup = (jobId: string) => Promise<{ readonly status: Status } | null>;

/** `null` if there is none. */
export async function readImport(database: Executor, getJob: JobLookup, importId: string): Promise<ImportView | null> {
  const row = await readRow(database, importId);
  return row === null ? null : withItsJob(database, getJob, row);
}

/** The newest first, of one company or of all. */
export async function listImports(
  database: Executor,
  getJob: JobLookup,
  { companyId = null, limit = 50 }: { companyId?: string | null; limit?: number } = {},
): Promise<ImportView[]> {
  const rows = await database.execute<ImportView>({
    text: `${SELECT} where $1::text is null or company_id = $1 order by imports.created_at desc, id limit $2::int`,
    params: [companyId, Math.min(limit, MAX_LISTED)],
  });
  return Promise.all(rows.map((row) => withItsJob(database, getJob, row)));
}

/** One page. Each import on it that has not ended costs a look at its job. */
const MAX_LISTED = 200;

async function readRow(database: Executor, importId: string): Promise<ImportView | null> {
  const [row] = await database.execute<ImportView>({ text: `${SELECT} where id = $1`, params: [importId] });
  return row ?? null;
}

/** Only its own run ends an import: where the job ended without that, the job's word is the truth, until it is replayed. */
async function withItsJob(database: Executor, getJob: JobLookup, row: ImportView): Promise<ImportView> {
  if (row.jobId === null || hasEnded(row)) return row;
  const job = await getJob(row.jobId);
  if (job?.status === 'PENDING' || job?.status === 'PROCESSING') return row;
  const now = await readRow(database, row.importId); // it may have ended between the two reads
  if (now === null || hasEnded(now)) return now ?? row;
  if (job?.status === 'CANCELLED') return { ...now, status: 'cancelled' };
  return { ...now, status: 'failed', failure: job?.status === 'DEAD_LETTER' ? GIVEN_UP : JOB_LOST };
}

function hasEnded({ status }: ImportView): boolean {
  return status !== 'pending' && status !== 'running';
}

const GIVEN_UP = {
  code: 'given_up',
  message:
    'the import failed on our side and was given up; what it has imported stays, and an operator can let it go on',
};
const JOB_LOST = {
  code: 'job_lost',
  message: 'the import did not finish and its job is no longer known: upload the file again, rows are never doubled',
};

const instant = (column: string) => `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const SELECT = `
select id as "importId", company_id as "companyId", file_name as "fileName", status,
       jsonb_build_object(
         'doneBytes', case when status = 'completed' then size_bytes else coalesce(next_offset, 0) end,
         'totalBytes', size_bytes,
         'percent', case when status = 'completed' then 100
                         else floor(100 * coalesce(next_offset, 0) / greatest(size_bytes, 1)::float8) end) as progress,
       jsonb_build_object(
         'rows', rows_total, 'created', rows_created, 'updated', rows_updated, 'unchanged', rows_unchanged,
         'duplicates', rows_duplicate, 'errors', rows_refused) as counts,
       failure,
       (select jsonb_object_agg(field, headers)
        from (select c.key as field, jsonb_agg(layout->'header'->(i.value::int) order by i.ordinality) as headers
              from jsonb_each(layout->'columns') c,
                   jsonb_array_elements_text(c.value) with ordinality i
              group by c.key) mapped) as columns,
       job_id::text as "jobId",
       ${instant('created_at')} as "createdAt", ${instant('started_at')} as "startedAt",
       ${instant('finished_at')} as "finishedAt"
from imports
`;
