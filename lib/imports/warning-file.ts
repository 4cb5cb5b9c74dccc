/** A CSV of all that an import left out of the rows that it took, and why. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { BYTE_ORDER_MARK, csvLine, streamOf } from '../csv/csv.ts';
import type { RowWarning } from './lead-import/lead.ts';

/** The rows of one read: some 100 KB. */
const ROWS_PER_READ = 500;

/** `null` if there is no such import. */
export async function warningFile(database: Executor, importId: string): Promise<ReadableStream<Uint8Array> | null> {
  const found = await database.execute({ text: 'select from imports where id = $1', params: [importId] });
  return found.length === 0 ? null : streamOf(warningLines(database, importId));
}

async function* warningLines(database: Executor, importId: string): AsyncGenerator<string> {
  yield `${BYTE_ORDER_MARK}${csvLine(['_row', 'phone', 'column', 'value', '_warning_code', '_warning'], ',')}`;
  for (let after = 0; ; ) {
    const rows = await database.execute<{ row: number; phone: string; warnings: RowWarning[] }>({
      text: `
        select row, phone_e164 as phone, warnings
        from import_rows
        where import_id = $1 and warnings is not null and row > $2::int
        order by row
        limit $3::int`,
      params: [importId, after, ROWS_PER_READ],
    });
    if (rows.length === 0) return;
    const lines = rows.flatMap(({ row, phone, warnings }) =>
      warnings.map(({ code, column, value, message }) => csvLine([`${row}`, phone, column, value, code, message], ',')),
    );
    yield lines.join('');
    after = rows.at(-1)?.row ?? after;
  }
}
