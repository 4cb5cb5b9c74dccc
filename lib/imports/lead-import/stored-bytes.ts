/** Reads a stored upload as a stream of ranges, from any byte on: memory holds one range, however large the file. */
import type { Executor } from '@conversure/jobqueue/postgres';

/** Some 2,500 records: few round trips for a large file, a few megabytes of heap once parsed. */
const RANGE_BYTES = 256 * 1024;

export interface StoredFile {
  readonly importId: string;
  readonly sizeBytes: number;
  /** As it was sent, or its text as we made it from another encoding. */
  readonly form: 'sent' | 'text';
}

/** The bytes are no longer stored: the import ended elsewhere while this run was reading. */
export class FileGone extends Error {
  override readonly name = 'FileGone';
}

/** The file's bytes from `offset` on. Throws `FileGone` once they have been dropped. */
export async function* storedBytes(database: Executor, file: StoredFile, offset: number): AsyncGenerator<Buffer> {
  for (let next = offset; next < file.sizeBytes; ) {
    const bytes = await readRange(database, file, next, RANGE_BYTES);
    if (bytes.length === 0) throw new FileGone(`import ${file.importId}: nothing is stored at byte ${next}`);
    yield bytes;
    next += bytes.length;
  }
}

/** At most `length` bytes from `offset` on; fewer at the end of a part, none behind the file. */
export async function readRange(
  database: Executor,
  { importId, form }: Pick<StoredFile, 'importId' | 'form'>,
  offset: number,
  length: number,
): Promise<Buffer> {
  const text = form === 'sent' ? RANGE_SENT : RANGE_OF_TEXT;
  const [row] = await database.execute<{ bytes: string }>({ text, params: [importId, offset, length] });
  return Buffer.from(row?.bytes ?? '', 'base64');
}

// base64 is a third smaller on the wire than the text form of bytea, which is hexadecimal.
const RANGE_SENT = `
select encode(substring(data from ($2::bigint - start_offset + 1)::int for $3::int), 'base64') as bytes
from import_parts
where import_id = $1 and start_offset <= $2::bigint and size_bytes > 0
order by start_offset desc
limit 1
`;

const RANGE_OF_TEXT = `
select encode(substring(data from ($2::bigint - start_offset + 1)::int for $3::int), 'base64') as bytes
from import_texts
where import_id = $1 and start_offset <= $2::bigint
order by start_offset desc
limit 1
`;
