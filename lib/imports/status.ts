/** The status of an import for its owner: the import's own status, or its job's if the job died first. */

import type { Status } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import type { imports } from '../../db/schema/leads-and-imports.ts';
import type { Question } from './lead-import/hold.ts';
import type { ImportOptions } from './lead-import/options.ts';

export type ImportStatus = (typeof imports.$inferSelect)['status'];

export interface ImportView {
  readonly importId: string;
  readonly companyId: string;
  readonly fileName: string | null;
  readonly status: ImportStatus;
  /** Progress in bytes. `totalBytes` is null while parts are still being uploaded. */
  readonly progress: { readonly doneBytes: number; readonly totalBytes: number | null; readonly percent: number };
  /** `rows` is known once the file was checked; the others grow with every slice. */
  readonly counts: {
    readonly rows: number | null;
    readonly created: number;
    readonly updated: number;
    readonly unchanged: number;
    readonly duplicates: number;
    /** Passed over by the import's mode. */
    readonly skipped: number;
    readonly errors: number;
    /** Imported rows of which something was left out, as a bad e-mail address. */
    readonly warnings: number;
    /** Opt-outs that it added. */
    readonly optOuts: number;
  };
  readonly countries: Countries;
  /** Everything is as it would be, but no lead is written. */
  readonly dryRun: boolean;
  readonly mode: ImportOptions['mode'];
  /** As it was chosen or declared; `null` is UTF-8. */
  readonly encoding: string | null;
  /** The question that a `waiting` import needs answered. */
  readonly question: Question | null;
  /** The saved mapping that its columns came from, or were saved as. */
  readonly mapping: string | null;
  /** An earlier import of the same file with the same columns, as far as they are known. */
  readonly repeats: string | null;
  /** The result of an undo, counted over the leads that this import created; `kept` by reason. */
  readonly undo: { readonly removed: number; readonly kept: Readonly<Record<string, number>> } | null;
  /** Why a failed import failed. */
  readonly failure: { readonly code: string; readonly message: string; readonly line?: number } | null;
  /** The headers that feed each field, best first; `null` until the file has been checked. */
  readonly columns: Readonly<Record<string, readonly string[]>> | null;
  readonly jobId: string | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** The counts of numbers by country and by who said so. */
export interface Countries {
  /** The import's country: nothing else was said. */
  readonly default: Readonly<Record<string, number>>;
  /** A column of the row. */
  readonly row: Readonly<Record<string, number>>;
  /** The number itself, by its country code. */
  readonly number: number;
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
  if (row.jobId === null || !isUnderWay(row)) return row;
  const job = await getJob(row.jobId);
  if (job?.status === 'PENDING' || job?.status === 'PROCESSING') return row;
  const now = await readRow(database, row.importId); // it may have ended between the two reads
  if (now === null || !isUnderWay(now)) return now ?? row;
  if (now.status === 'undoing') return { ...now, failure: UNDO_GIVEN_UP };
  if (job?.status === 'CANCELLED') return { ...now, status: 'cancelled' };
  return { ...now, status: 'failed', failure: job?.status === 'DEAD_LETTER' ? GIVEN_UP : JOB_LOST };
}

/** True if a job has to finish the import. An import that waits or is paused has no job. */
export function isUnderWay({ status }: Pick<ImportView, 'status'>): boolean {
  return status === 'pending' || status === 'running' || status === 'undoing';
}

const GIVEN_UP = {
  code: 'given_up',
  message:
    'the import failed on our side and was given up; what it has imported stays, and an operator can let it go on',
};
const UNDO_GIVEN_UP = { code: 'given_up', message: 'the undo failed on our side: request it again, and it continues' };
const JOB_LOST = {
  code: 'job_lost',
  message: 'the import did not finish and its job is no longer known: upload the file again, rows are never doubled',
};

const instant = (column: string) => `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/**
 * Finds earlier uploads of the same content and column meaning. Files sent by two people are compared by hash alone until they
 * are checked.
 */
const REPEATS = `(
  select e.id from imports e
  where e.company_id = imports.company_id and e.sha256 = imports.sha256 and not e.dry_run
    and e.created_at < imports.created_at and e.status in ('pending', 'waiting', 'running', 'paused', 'completed')
    and (e.layout is null or imports.layout is null or e.layout->'columns' = imports.layout->'columns')
  order by e.created_at desc
  limit 1)`;

const COMPLETE = "status in ('completed', 'undoing', 'undone')";
/** The length of the decoded text once it exists, because that is what the import reads then. */
const TOTAL = 'case when layout is null then size_bytes else coalesce(text_bytes, size_bytes) end';

const dialledBy = (who: string) => `coalesce((
    select jsonb_object_agg(split_part(d.key, ' ', 2), d.value) from jsonb_each(dialled) d where d.key like '${who} %'), '{}')`;
const COUNTRIES = `jsonb_build_object('default', ${dialledBy('default')}, 'row', ${dialledBy('beside')},
         'number', coalesce(dialled->'number', '0'))`;

const SELECT = `
select id as "importId", company_id as "companyId", file_name as "fileName", status,
       jsonb_build_object(
         'doneBytes', case when ${COMPLETE} then ${TOTAL} else coalesce(next_offset, 0) end,
         'totalBytes', ${TOTAL},
         'percent', case when ${COMPLETE} then 100
                         else floor(100 * coalesce(next_offset, 0) / greatest(${TOTAL}, 1)::float8) end) as progress,
       jsonb_build_object(
         'rows', rows_total, 'created', rows_created, 'updated', rows_updated, 'unchanged', rows_unchanged,
         'duplicates', rows_duplicate, 'skipped', rows_skipped, 'errors', rows_refused,
         'warnings', rows_warned, 'optOuts', opt_outs) as counts,
       ${COUNTRIES} as countries,
       dry_run as "dryRun", coalesce(options->>'mode', 'upsert') as mode, encoding, question, mapping,
       ${REPEATS} as repeats,
       case when status in ('undoing', 'undone') then jsonb_build_object('removed', rows_removed, 'kept', kept) end as undo,
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
