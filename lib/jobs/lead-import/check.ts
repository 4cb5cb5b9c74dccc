/** Reads a file once from end to end before its first row is imported: what cannot be read whole is refused whole. */
import type { Executor } from '../../../db/database.ts';
import type { Columns } from './columns.ts';
import { type Delimiter, type Dialect, detectDialect } from './dialect.ts';
import type { MapHeader } from './mapping.ts';
import type { Pace } from './pace.ts';
import { type Position, readRecords, START } from './records.ts';
import { type StoredFile, storedBytes } from './stored-bytes.ts';
import { cleanLine, shorten } from './text.ts';
import { textOnly } from './text-only.ts';
import { UnreadableFile } from './unreadable.ts';

/** What the import needs to know of a file that can be read. */
export interface Layout extends Dialect {
  /** As it stands in the file. */
  readonly header: readonly string[];
  readonly columns: Columns;
}

export interface Sound {
  readonly kind: 'sound';
  readonly layout: Layout;
  /** The saved mapping that its columns came from. */
  readonly mapping: string | null;
  readonly firstRow: Position;
  readonly rows: number;
}

export type Checked = Sound | { readonly kind: 'paused'; readonly at: Position };

/** Holds a header and 20 rows of any file seen, and the longest record that is allowed. */
export const HEAD_BYTES = 64 * 1024;
/** Between two looks at the clock: some 15 ms of parsing. */
const RECORDS_PER_LOOK = 1_000;
/** As many as a spreadsheet holds: each row may leave a record of its own, so a file of line ends alone would fill a disk. */
const MAX_ROWS = 1_048_576;
/** Shown of a header that has no phone column. */
const SHOWN_HEADERS = 50;
/** Of each of them, in characters. */
const SHOWN_LENGTH = 100;

/**
 * `file` is UTF-8. Goes on at `from`, where an earlier run of the check paused. Throws `UnreadableFile` with the reason to refuse
 * the file, `WrongEncoding` where it is another encoding. It writes nothing and takes about a second per 5 MB.
 */
export async function checkFile(
  database: Executor,
  file: StoredFile,
  { chosen, map, from, pace }: { chosen: Delimiter | null; map: MapHeader; from: Position; pace: Pace },
): Promise<Checked> {
  const head = await readHead(database, file);
  const found = await readLayout(wholeLines(head, head.length === file.sizeBytes), chosen, map);
  let at = from;
  const text = textOnly(storedBytes(database, file, from.offset), from.line);
  for await (const record of readRecords(text, found.layout, from)) {
    at = record.next;
    if (at.row > MAX_ROWS + 1)
      throw new UnreadableFile(
        'too_many_rows',
        `expected at most ${MAX_ROWS} rows, got more: send it as several files`,
      );
    if (at.row % RECORDS_PER_LOOK === 0 && pace.isOver()) return { kind: 'paused', at };
  }
  return { kind: 'sound', ...found, rows: at.row - found.firstRow.row };
}

/** At most `HEAD_BYTES`, over as many parts as it takes: the first may be tiny. */
export async function readHead(database: Executor, file: StoredFile): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  for await (const bytes of storedBytes(database, file, 0)) {
    head = Buffer.concat([head, bytes]);
    if (head.length >= HEAD_BYTES) break;
  }
  return head.subarray(0, HEAD_BYTES);
}

/** Throws `UnreadableFile` where not even the first line ends in a head that is not the whole file. */
export function wholeLines(head: Buffer, isWhole: boolean): Buffer {
  if (isWhole) return head;
  const end = Math.max(head.lastIndexOf('\n'), head.lastIndexOf('\r')) + 1;
  if (end > 0) return head.subarray(0, end);
  throw new UnreadableFile('line_too_long', `the first line does not end within ${HEAD_BYTES} bytes`, 1);
}

/** How the whole lines at the beginning of a file are to be read. Throws `UnreadableFile` without a column of numbers. */
export async function readLayout(
  head: Buffer,
  chosen: Delimiter | null,
  map: MapHeader,
): Promise<Pick<Sound, 'layout' | 'mapping' | 'firstRow'>> {
  const { header, dialect, firstRow } = await readHeader(head, chosen, map);
  const { columns, mapping } = map(header);
  if (columns.phone.length > 0) return { layout: { ...dialect, header, columns }, mapping, firstRow };
  const found = header.slice(0, SHOWN_HEADERS).map((name) => shorten(cleanLine(name), SHOWN_LENGTH) || '(empty)');
  throw new UnreadableFile(
    'phone_column_missing',
    `expected a column such as Phone, Mobile or WhatsApp in the first line, got: ${found.join(' | ')}`,
  );
}

/** The first line that is not blank, whatever its columns mean. */
export async function readHeader(
  head: Buffer,
  chosen: Delimiter | null,
  map: MapHeader,
): Promise<{ header: readonly string[]; dialect: Dialect; firstRow: Position }> {
  const dialect = detectDialect(head, chosen, (header) => hasPhone(header, map));
  for await (const { cells, next } of readRecords(textOnly([head], START.line), dialect, START))
    if (cells.some((cell) => cleanLine(cell) !== '')) return { header: cells, dialect, firstRow: next };
  throw new UnreadableFile('file_empty', 'the file is empty');
}

/** With the wrong delimiter a header has none of the columns that were chosen: that is an answer here. */
function hasPhone(header: readonly string[], map: MapHeader): boolean {
  try {
    return map(header).columns.phone.length > 0;
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    return false;
  }
}
