/** The ways in which the file itself moves on: found sound, refused, completed, its bytes dropped. */
import type { Executor } from '../../../db/database.ts';
import type { Checked } from './check.ts';
import type { UnreadableFile } from './unreadable.ts';

/** Keeps what the check found; from here on slices are imported. Of two runs that checked at once the second changes nothing. */
export async function acceptFile(
  database: Executor,
  importId: string,
  { layout, firstRow, rows }: Extract<Checked, { kind: 'sound' }>,
): Promise<void> {
  await database.execute({
    text: `
      update imports
      set layout = $2::jsonb, next_offset = $3::bigint, next_row = $4::int, rows_total = $5::int
      where id = $1 and status = 'running' and layout is null`,
    params: [importId, JSON.stringify(layout), firstRow.offset, firstRow.row, rows],
  });
}

/** The file cannot be imported, and its owner reads why. */
export async function refuseFile(database: Executor, importId: string, reason: UnreadableFile): Promise<void> {
  const { code, message, line } = reason;
  await database.execute({
    text: `
      update imports
      set status = 'failed', finished_at = now(), failure = $2::jsonb
      where id = $1 and status = 'running'`,
    params: [importId, JSON.stringify(line === null ? { code, message } : { code, message, line })],
  });
}

/** Once a run that stood at `offset` read on and met the end of the file. */
export async function completeImport(database: Executor, importId: string, offset: number): Promise<void> {
  await database.execute({
    text: `
      update imports
      set status = 'completed', finished_at = now()
      where id = $1 and status = 'running' and next_offset = $2::bigint`,
    params: [importId, offset],
  });
}

/** Personal data that nobody reads again: the rows that were refused are kept with their reasons. */
export async function dropFile(database: Executor, importId: string): Promise<void> {
  await database.execute({
    text: `
      delete from import_parts p
      using imports i
      where p.import_id = $1 and i.id = $1 and i.status in ('completed', 'failed', 'cancelled')`,
    params: [importId],
  });
}
