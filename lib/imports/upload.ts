/** Takes a file that came in one request: stored and enqueued by one statement, so that nothing can be left in between. */
import { createHash } from 'node:crypto';
import type { Executor } from '../../db/database.ts';
import { HttpError } from '../http/errors.ts';
import type { Encoding } from '../jobs/lead-import/encoding.ts';
import type { ImportChoice } from '../jobs/lead-import/options.ts';
import { enqueuedJob } from './enqueued-job.ts';

export interface NewImport {
  /** The client's, or ours. An upload repeated under its id is the same upload. */
  readonly importId: string;
  readonly companyId: string;
  readonly fileName: string | null;
  /** Where numbers without country code are dialled from; `null` = the company's default. */
  readonly country: string | null;
  /** `null` = found in the file. */
  readonly delimiter: string | null;
  /** `null` = UTF-8, or what a byte order mark says, or asked about. */
  readonly encoding?: Encoding | null;
  readonly dryRun?: boolean;
  readonly options?: ImportChoice;
}

export interface Enqueued {
  readonly importId: string;
  readonly jobId: string;
  /** A warning: the import for which this company sent the same file before. */
  readonly repeats?: string;
}

/** Throws 409 `import_exists` if the id already stands for another file, or another company's. */
export async function uploadFile(database: Executor, upload: NewImport, bytes: Uint8Array): Promise<Enqueued> {
  const { importId, companyId, fileName, country, delimiter, encoding, dryRun, options } = upload;
  const sha256 = sha256Of(bytes);
  const data = Buffer.from(bytes).toString('base64');
  const job = enqueuedJob(upload);
  const chosen = [encoding ?? null, dryRun ?? false, JSON.stringify(options ?? {})];
  const params = [importId, companyId, fileName, country, delimiter, bytes.length, sha256, data, job, ...chosen];
  const [stored] = await database.execute<{ job_id: string; repeats: string | null }>({ text: UPLOAD, params });
  if (stored) return enqueued(importId, stored);
  const [same] = await database.execute<{ job_id: string }>({
    text: 'select job_id::text as job_id from imports where id = $1 and company_id = $2 and sha256 = $3',
    params: [importId, companyId, sha256],
  });
  if (same) return { importId, jobId: same.job_id };
  throw new HttpError(409, 'import_exists', `The id ${importId} already stands for another upload.`);
}

/** What an upload answers; the warning only where there is one. */
export function enqueued(importId: string, { job_id, repeats }: { job_id: string; repeats: string | null }): Enqueued {
  return { importId, jobId: job_id, ...(repeats === null ? {} : { repeats }) };
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The newest import that wrote, or is to write, the file with this hash for the company of `row`, an SQL name. */
export const repeatedBy = (row: string, sha256: string): string => `(
  select e.id from imports e
  where e.company_id = ${row}.company_id and e.sha256 = ${sha256} and not e.dry_run and e.id <> ${row}.id
    and e.status in ('pending', 'waiting', 'running', 'paused', 'completed')
  order by e.created_at desc
  limit 1)`;

/** The update of a known company changes nothing: it is how `on conflict` answers a row that this snapshot may not see. */
const UPLOAD = `
with company as (
  insert into companies (id, name)
  values ($2, $2)
  on conflict (id) do update set name = companies.name
  returning id, default_country
), fresh as (
  select $1::text as import_id, company.id as company_id, coalesce($4, company.default_country) as country
  from company
  where not exists (select from imports where id = $1)
), enqueued as (
  select fresh.*, job.id as job_id
  from fresh
  cross join lateral jobqueue.add_jobs(jsonb_build_array($9::jsonb || jsonb_build_object('idempotency_key',
    'lead_import:' || fresh.import_id))) as job
), stored as (
  insert into imports (id, company_id, file_name, country, delimiter, size_bytes, sha256, job_id, encoding, dry_run, options)
  select import_id, company_id, $3, country, $5, $6::bigint, $7, job_id, $10, $11::boolean, $12::jsonb
  from enqueued
  on conflict (id) do nothing
  returning id, company_id, job_id
), part as (
  insert into import_parts (import_id, part, start_offset, size_bytes, sha256, data)
  select id, 1, 0, $6::int, $7, decode($8, 'base64')
  from stored
)
select job_id::text as job_id, ${repeatedBy('stored', '$7')} as repeats from stored
`;
