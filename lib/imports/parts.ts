/** Takes a file that comes in parts, in any order and repeated at will, and finishes it once all of it is there. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { unknownCompany } from '../companies/unknown.ts';
import { HttpError } from '../http/errors.ts';
import { choicesDiffer, chosenIn, standingOf } from './choices-differ.ts';
import { enqueuedJob } from './enqueued-job.ts';
import type { NewImport } from './new-import.ts';
import { type Enqueued, enqueued, meantCompany, repeatedBy, sha256Of } from './upload.ts';

/** The largest file, in bytes: some half a million rows. Postgres hashes it in memory when the upload is finished. */
export const MAX_FILE_BYTES = 50 * 1024 * 1024;
/** The largest file in parts of 50 KiB; the table has the same bound. */
export const MAX_PARTS = 1_000;

/**
 * Opens an upload in parts. Opening it again changes nothing; throws 409 `choices_differ` if the id is another company's or what this part
 * chooses is not what was chosen, 404 `company_unknown`.
 */
export async function openUpload(database: Executor, upload: NewImport): Promise<void> {
  const { importId, companyId, fileName, country, delimiter, encoding, dryRun, options, createCompany } = upload;
  const opened = await database.execute({
    text: OPEN,
    params: [
      importId,
      companyId,
      fileName,
      country,
      delimiter,
      encoding ?? null,
      dryRun ?? false,
      JSON.stringify(options ?? {}),
      JSON.stringify(chosenIn(upload)),
      createCompany ?? false,
    ],
  });
  if (opened.length === 1) return;
  const before = await standingOf(database, importId);
  if (before === null)
    throw (await unknownCompany(database, companyId)) ?? new Error(`import ${importId} was not opened`);
  const differs = choicesDiffer(upload, null, before);
  if (differs !== null) throw differs;
}

const OPEN = `
with ${meantCompany('$2', '$10', '$1')}
insert into imports (id, company_id, file_name, country, delimiter, encoding, dry_run, options, chosen)
select $1, company.id, $3, coalesce($4, company.default_country), $5, $6, $7::boolean, $8::jsonb, $9::jsonb
from company
on conflict (id) do nothing
returning company_id
`;

/**
 * Stores part `part`, counted from 1; a part sent again replaces the first. Throws 404 for an unknown upload, 409 once it is
 * finished, unless the same part is only repeated, and 413 beyond `MAX_FILE_BYTES`.
 */
export async function storePart(
  database: Executor,
  { importId, part }: { importId: string; part: number },
  bytes: Uint8Array,
): Promise<void> {
  const [answer] = await database.execute<{ outcome: 'stored' | 'same' | 'unknown' | 'finished' | 'too_large' }>({
    text: STORE_PART,
    params: [importId, part, bytes.length, sha256Of(bytes), Buffer.from(bytes).toString('base64'), MAX_FILE_BYTES],
  });
  switch (answer?.outcome) {
    case 'stored':
    case 'same':
      return;
    case 'finished':
      throw new HttpError(409, 'upload_finished', 'This upload was finished or cancelled: start another.');
    case 'too_large':
      throw new HttpError(
        413,
        'file_too_large',
        `Expected a file of at most ${MAX_FILE_BYTES} bytes in all its parts.`,
      );
    case 'unknown':
    case undefined:
      throw unknownImport(importId);
  }
}

/**
 * Ends the upload and enqueues its import. Throws 409 `upload_incomplete`, with what is stored, unless that is exactly the file
 * that `size` and `sha256` describe. Finishing it again answers the same.
 */
export async function finishUpload(
  database: Executor,
  importId: string,
  { size, sha256 }: { size: number; sha256: string },
): Promise<Enqueued> {
  const [before] = await database.execute<{ company_id: string }>({
    text: 'select company_id from imports where id = $1',
    params: [importId],
  });
  if (before === undefined) throw unknownImport(importId);
  const [finished] = await database.execute<{ job_id: string; repeats: string | null }>({
    text: FINISH,
    params: [importId, size, sha256, enqueuedJob({ importId, companyId: before.company_id })],
  });
  if (finished) return enqueued(importId, finished);
  const [same] = await database.execute<{ job_id: string }>({
    text: 'select job_id::text as job_id from imports where id = $1 and size_bytes = $2::bigint and sha256 = $3',
    params: [importId, size, sha256],
  });
  if (same) return { importId, jobId: same.job_id };
  throw await incomplete(database, importId, { size, sha256 });
}

function unknownImport(importId: string): HttpError {
  return new HttpError(404, 'not_found', `There is no upload ${importId}; name its companyId with the first part.`);
}

async function incomplete(
  database: Executor,
  importId: string,
  expected: { size: number; sha256: string },
): Promise<HttpError> {
  const [stored] = await database.execute<{
    status: string;
    finished: boolean;
    parts: number;
    last: number;
    size: number;
  }>({
    text: `
      select i.status, i.size_bytes is not null as finished, count(p)::int as parts, coalesce(max(p.part), 0) as last,
             coalesce(sum(p.size_bytes), 0)::float8 as size
      from imports i
      left join import_parts p on p.import_id = i.id
      where i.id = $1
      group by i.id`,
    params: [importId],
  });
  if (stored === undefined) return unknownImport(importId);
  if (stored.finished || stored.status !== 'pending')
    return new HttpError(409, 'upload_finished', 'This upload is finished, with other contents, or was cancelled.');
  const { parts, last, size } = stored;
  if (parts === 0) return new HttpError(409, 'upload_incomplete', 'Expected at least one part, got none.');
  if (parts < last)
    return new HttpError(409, 'upload_incomplete', `Expected the parts 1 to ${last}, got only ${parts} of them.`);
  if (size !== expected.size)
    return new HttpError(409, 'upload_incomplete', `Expected ${expected.size} bytes in all parts, got ${size}.`);
  return new HttpError(
    409,
    'upload_damaged',
    `Expected the SHA-256 ${expected.sha256}, the parts have another: send them again.`,
  );
}

const STORE_PART = `
with upload as (
  select id, size_bytes is null and status = 'pending' as open
  from imports
  where id = $1
  for update
), others as (
  select coalesce(sum(size_bytes), 0) as size from import_parts where import_id = $1 and part <> $2::int
), stored as (
  insert into import_parts as p (import_id, part, size_bytes, sha256, data)
  select upload.id, $2::int, $3::int, $4, decode($5, 'base64')
  from upload, others
  where upload.open and others.size + $3::int <= $6::bigint
  on conflict (import_id, part) do update
  set size_bytes = excluded.size_bytes, sha256 = excluded.sha256, data = excluded.data
  where p.sha256 <> excluded.sha256
  returning import_id
), counted as (
  update imports set part_changes = part_changes + 1 from stored where imports.id = stored.import_id
)
select case
         when exists (select from stored) then 'stored'
         when exists (select from import_parts where import_id = $1 and part = $2::int and sha256 = $4) then 'same'
         when upload.id is null then 'unknown'
         when not upload.open then 'finished'
         else 'too_large'
       end as outcome
from others
left join upload on true
`;

/**
 * `upload` is the row as it is once we hold its lock, `seen` as this statement's snapshot has it: where they differ, a part was
 * stored in between, and what was hashed here is no longer what is there.
 */
const FINISH = `
with upload as (
  select id, part_changes from imports where id = $1 and status = 'pending' and size_bytes is null for update
), seen as (
  select part_changes from imports where id = $1
), stored as (
  select count(*) as parts, max(part) as last, sum(size_bytes) as size,
         encode(sha256(string_agg(data, ''::bytea order by part)), 'hex') as sha256
  from import_parts
  where import_id = $1
), whole as (
  select upload.id
  from upload
  join seen using (part_changes)
  join stored on stored.parts = stored.last and stored.size = $2::bigint and stored.sha256 = $3
), placed as (
  update import_parts p
  set start_offset = o.start_offset
  from (select import_id, part, sum(size_bytes) over (order by part) - size_bytes as start_offset
        from import_parts where import_id = $1) o
  join whole on whole.id = o.import_id
  where p.import_id = o.import_id and p.part = o.part
), enqueued as (
  select whole.id, job.id as job_id
  from whole
  cross join lateral jobqueue.add_jobs(jsonb_build_array($4::jsonb || jsonb_build_object('idempotency_key',
    'lead_import:' || whole.id))) as job
)
update imports
set size_bytes = $2::bigint, sha256 = $3, job_id = enqueued.job_id
from enqueued
where imports.id = enqueued.id
returning enqueued.job_id::text as job_id, ${repeatedBy('imports', '$3')} as repeats
`;
