/** A CSV of the leads that an undo left in place, each with the reason. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { BYTE_ORDER_MARK, csvLine, streamOf } from '../csv/csv.ts';

/** Rows per read, some 50 KB. */
const ROWS_PER_READ = 500;

const WHY = {
  changed: 'it was changed since',
  conversation: 'there is a conversation with this number',
  campaign: 'it is in a campaign',
  crm: 'it is linked to the CRM',
};

/** `null` if there is no such import; one that was not undone kept nothing. */
export async function keptFile(database: Executor, importId: string): Promise<ReadableStream<Uint8Array> | null> {
  const found = await database.execute({ text: 'select from imports where id = $1', params: [importId] });
  return found.length === 0 ? null : streamOf(keptLines(database, importId));
}

async function* keptLines(database: Executor, importId: string): AsyncGenerator<string> {
  yield `${BYTE_ORDER_MARK}${csvLine(['_row', 'phone', '_kept', '_reason'], ',')}`;
  for (let after = 0; ; ) {
    const rows = await database.execute<{ row: number; phone: string; undone: keyof typeof WHY }>({
      text: `
        select row, phone_e164 as phone, undone
        from import_rows
        where import_id = $1 and undone not in ('removed', 'gone') and row > $2::int
        order by row
        limit $3::int`,
      params: [importId, after, ROWS_PER_READ],
    });
    if (rows.length === 0) return;
    yield rows.map(({ row, phone, undone }) => csvLine([`${row}`, phone, undone, WHY[undone]], ',')).join('');
    after = rows.at(-1)?.row ?? after;
  }
}
