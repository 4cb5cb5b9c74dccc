/** Answers what an import asked: what was chosen is kept, and it goes on with a job of its own, or neither. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';
import type { Country } from '../phone/index.ts';
import { nextJob } from './enqueued-job.ts';
import type { Delimiter } from './lead-import/dialect.ts';
import type { Encoding } from './lead-import/encoding.ts';
import type { ImportChoice } from './lead-import/options.ts';
import type { Enqueued } from './upload.ts';

/** The uploader's answers. A choice that is left out keeps the value from the upload. */
export interface Answer {
  readonly encoding?: Encoding | undefined;
  readonly delimiter?: Delimiter | undefined;
  readonly country?: Country | undefined;
  readonly dryRun?: boolean | undefined;
  readonly options?: ImportChoice;
}

/**
 * The file is checked again, as it may be another one to read now; then its import starts without another question, unless the
 * encoding was wrong or a cell swallows rows. Throws 404 for an unknown import, 409 `not_waiting` for one that asked nothing, 400 `encoding_missing` or
 * `quotes_missing` where that was asked for and not named.
 */
export async function confirmImport(database: Executor, importId: string, answer: Answer): Promise<Enqueued> {
  const { encoding, delimiter, country, dryRun, options } = answer;
  const [found] = await database.execute<{ status: string; code: string | null; job_id: string | null }>({
    text: CONFIRM,
    params: [
      importId,
      encoding ?? null,
      delimiter ?? null,
      country ?? null,
      dryRun ?? null,
      JSON.stringify({ ...options, preview: false }),
    ],
  });
  if (found === undefined) throw new HttpError(404, 'not_found', `There is no import ${importId}.`);
  if (found.job_id !== null) return { importId, jobId: found.job_id };
  if (found.status === 'waiting' && found.code === 'quotes')
    throw new HttpError(400, 'quotes_missing', 'Expected quotes, "lines" or "cells", which this import asked for.');
  if (found.status === 'waiting')
    throw new HttpError(400, 'encoding_missing', 'Expected an encoding: this import asked for one.');
  throw new HttpError(
    409,
    'not_waiting',
    `Expected an import that waits for an answer, got one that is ${found.status}.`,
  );
}

/**
 * Columns that answer a question count, not the saved mapping that the question was about. The text that was made in another encoding
 * goes; one that was made in this one stays, and need not be made again.
 */
const CONFIRM = `
with asked as (
  select id, company_id, goes, encoding, status, question->>'code' as code from imports where id = $1 for update
), answered as (
  select * from asked
  where status = 'waiting'
    and case code when 'encoding' then $2::text is not null when 'quotes' then $6::jsonb->>'quotes' is not null else true end
), outdated as (
  select id from answered where encoding is distinct from coalesce($2, encoding)
), dropped as (
  delete from import_texts t using outdated where t.import_id = outdated.id
), enqueued as (
  ${nextJob('answered')}
), confirmed as (
  update imports i
  set status = 'pending', question = null, held_at = null, goes = i.goes + 1, job_id = enqueued.job_id,
      encoding = coalesce($2, i.encoding), delimiter = coalesce($3, i.delimiter), country = coalesce($4, i.country),
      dry_run = coalesce($5::boolean, i.dry_run),
      options = case when exists (select from answered where code = 'columns') and $6::jsonb ? 'columns'
                     then i.options - 'mapping' else i.options end || $6::jsonb,
      layout = null, next_offset = null, next_row = null, rows_total = null, mapping = null,
      decoded_offset = case when exists (select from outdated) then null else i.decoded_offset end,
      text_bytes     = case when exists (select from outdated) then null else i.text_bytes end
  from enqueued
  where i.id = enqueued.id
  returning i.job_id
)
select asked.status, asked.code, (select job_id::text from confirmed) as job_id from asked
`;
