/** The rows that an import refused, as a CSV to correct and import again: the columns of the file, then why. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { BYTE_ORDER_MARK, csvLine, streamOf } from '../csv/csv.ts';
import { unguard } from '../csv/formula-guard.ts';

/**
 * Columns that the error file adds. An import ignores columns of these names; a file that already has them gets new ones in their
 * place.
 */
const ADDED = ['_row', '_error_code', '_error'];

/** Rows per read, some 5 KB; 7 MB at most, as a row of 64 KiB may be 65,000 empty cells. */
const ROWS_PER_READ = 25;
/** Characters of the file at once: 1,000 such cells take 0.2 ms. */
const CHUNK_CHARACTERS = 64 * 1024;

/**
 * UTF-8 with a byte order mark, without which Excel reads it in a Windows encoding. `null` if there is no such import; one whose
 * file could not be read has no rows here.
 */
export async function errorFile(database: Executor, importId: string): Promise<ReadableStream<Uint8Array> | null> {
  const [found] = await database.execute<{ layout: { header: string[]; delimiter: string } | null }>({
    text: 'select layout from imports where id = $1',
    params: [importId],
  });
  if (found === undefined) return null;
  return streamOf(errorLines(database, importId, found.layout ?? { header: [], delimiter: ',' }));
}

async function* errorLines(
  database: Executor,
  importId: string,
  { header, delimiter }: { header: readonly string[]; delimiter: string },
): AsyncGenerator<string> {
  const line = (cells: readonly string[]) => csvLine(cells, delimiter);
  const kept = [...header.keys()].filter((index) => !ADDED.includes(header[index]?.trim() ?? ''));
  yield `${BYTE_ORDER_MARK}${line([...kept.map((index) => unguard(header[index] ?? '')), ...ADDED])}`;
  for (let after = 0; ; ) {
    const rows = await readErrors(database, importId, after);
    if (rows.length === 0) return;
    let chunk = '';
    for (const { row, code, message, cells } of rows) {
      const beyondHeader = cells.slice(header.length); // behind ours, so that too many cells stay too many
      chunk += line([...kept.map((index) => cells[index] ?? ''), `${row}`, code, message, ...beyondHeader]);
      if (chunk.length < CHUNK_CHARACTERS) continue;
      yield chunk;
      chunk = '';
    }
    if (chunk !== '') yield chunk;
    after = rows.at(-1)?.row ?? after;
  }
}

interface RefusedRow {
  row: number;
  code: string;
  message: string;
  cells: string[];
}

function readErrors(database: Executor, importId: string, after: number): Promise<RefusedRow[]> {
  return database.execute<RefusedRow>({
    text: `
      select row, code, coalesce("column" || ': ', '') || message as message, cells
      from import_rows
      where import_id = $1 and outcome = 'error' and row > $2::int
      order by row
      limit $3::int`,
    params: [importId, after, ROWS_PER_READ],
  });
}
