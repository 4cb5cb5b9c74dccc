/** The ways in which the file itself moves on: its encoding known, found sound, refused, completed, its bytes dropped. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Sound } from './check.ts';
import type { Encoding } from './encoding.ts';
import type { SavedMapping } from './mapping.ts';
import type { UnreadableFile } from './unreadable.ts';

/** The file declares its own encoding: nobody has to be asked. */
export async function noteEncoding(database: Executor, importId: string, encoding: Encoding): Promise<void> {
  await database.execute({
    text: "update imports set encoding = $2 where id = $1 and status = 'running' and encoding is null",
    params: [importId, encoding],
  });
}

/**
 * Keeps what the check found, and its columns under a name if one was chosen; from here on slices are imported. Of two runs that
 * checked at once the second changes nothing.
 */
export async function acceptFile(
  database: Executor,
  importId: string,
  { layout, mapping, firstRow, rows }: Sound,
  toSave: SavedMapping | null,
): Promise<void> {
  const saved = toSave && [JSON.stringify(toSave.header), JSON.stringify(toSave.columns)];
  await database.execute({
    text: ACCEPT,
    params: [
      importId,
      JSON.stringify(layout),
      firstRow.offset,
      firstRow.row,
      rows,
      toSave?.name ?? mapping,
      saved?.[0] ?? null,
      saved?.[1] ?? null,
    ],
  });
}

const ACCEPT = `
with accepted as (
  update imports
  set layout = $2::jsonb, next_offset = $3::bigint, next_row = $4::int, rows_total = $5::int, mapping = $6
  where id = $1 and status = 'running' and layout is null
  returning company_id
)
insert into import_mappings (company_id, name, header, columns)
select company_id, $6, $7::jsonb, $8::jsonb from accepted where $7 is not null
on conflict (company_id, name) do update
set header = excluded.header, columns = excluded.columns, updated_at = now()
`;

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
      with ended as (
        select id from imports where id = $1 and status not in ('pending', 'waiting', 'running', 'paused')
      ), texts as (
        delete from import_texts t using ended where t.import_id = ended.id
      )
      delete from import_parts p using ended where p.import_id = ended.id`,
    params: [importId],
  });
}
