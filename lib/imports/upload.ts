/** Takes a file that came in one request: stored and enqueued by one statement, so that nothing can be left in between. */
import { createHash } from 'node:crypto';
import type { Executor } from '@conversure/jobqueue/postgres';
import { unknownCompany } from '../companies/unknown.ts';
import { choicesDiffer, chosenIn, standingOf } from './choices-differ.ts';
import { enqueuedJob } from './enqueued-job.ts';
import type { NewImport } from './new-import.ts';

export interface Enqueued {
  readonly importId: string;
  readonly jobId: string;
  /** A warning: the import for which this company sent the same file before. */
  readonly repeats?: string;
}

/** Throws 409 `choices_differ` if the id stands for another file, company or other choices, 404 `company_unknown`. */
export async function uploadFile(database: Executor, upload: NewImport, bytes: Uint8Array): Promise<Enqueued> {
  const { importId, companyId, fileName, country, delimiter, encoding, dryRun, options, createCompany } = upload;
  const sha256 = sha256Of(bytes);
  const data = Buffer.from(bytes).toString('base64');
  const job = enqueuedJob(upload);
  const chosen = [encoding ?? null, dryRun ?? false, JSON.stringify(options ?? {}), JSON.stringify(chosenIn(upload))];
  const file = [importId, companyId, fileName, country, delimiter, bytes.length, sha256, data, job];
  const params = [...file, ...chosen, createCompany ?? false];
  const [stored] = await database.execute<{ job_id: string; repeats: string | null }>({ text: UPLOAD, params });
  if (stored) return enqueued(importId, stored);
  const before = await standingOf(database, importId);
  if (before === null)
    throw (await unknownCompany(database, companyId)) ?? new Error(`import ${importId} was not stored`);
  const differs = choicesDiffer(upload, sha256, before);
  if (differs !== null || before.jobId === null) throw differs ?? new Error(`import ${importId} has no job`);
  return { importId, jobId: before.jobId };
}

/** The answer to an upload. `warning` is set only if there is one. */
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

/**
 * SQL of two common table expressions: `company` is the one that is meant, made where `create` says so and the import is new: an upload that
 * is refused leaves no company behind. The update of a known company changes nothing: it is how `on conflict` answers a row that this
 * snapshot may not see.
 */
export const meantCompany = (id: string, create: string, importId: string): string => `
made as (
  insert into companies (id, name)
  select ${id}, ${id} where ${create}::boolean and not exists (select from imports where id = ${importId})
  on conflict (id) do update set name = companies.name
  returning id, default_country
), company as (
  select id, default_country from made
  union all
  select id, default_country from companies where id = ${id} and not ${create}::boolean
)`;

/** `fresh` is materialized: all of its row that the job needs is a parameter, and a plan that knows it enqueues before it looks whether there is a row. */
const UPLOAD = `
with ${meantCompany('$2', '$14', '$1')}, fresh as materialized (
  select $1::text as import_id, company.id as company_id, coalesce($4, company.default_country) as country
  from company
  where not exists (select from imports where id = $1)
), enqueued as (
  select fresh.*, job.id as job_id
  from fresh
  cross join lateral jobqueue.add_jobs(jsonb_build_array($9::jsonb || jsonb_build_object('idempotency_key',
    'lead_import:' || fresh.import_id))) as job
), stored as (
  insert into imports (id, company_id, file_name, country, delimiter, size_bytes, sha256, job_id, encoding, dry_run, options, chosen)
  select import_id, company_id, $3, country, $5, $6::bigint, $7, job_id, $10, $11::boolean, $12::jsonb, $13::jsonb
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
