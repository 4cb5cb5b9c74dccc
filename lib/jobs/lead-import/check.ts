/** Reads a file once from end to end before its first row is imported: what cannot be read whole is refused whole. */
import type { Executor } from '../../../db/database.ts';
import { type Columns, mapColumns } from './columns.ts';
import { type Delimiter, type Dialect, detectDialect } from './dialect.ts';
import type { Pace } from './pace.ts';
import { type Position, readRecords, START } from './records.ts';
import { type StoredFile, storedBytes } from './stored-bytes.ts';
import { cleanLine, shorten } from './text.ts';
import { refuseForeignFormat, textOnly } from './text-only.ts';
import { UnreadableFile } from './unreadable.ts';

/** What the import needs to know of a file that can be read. */
export interface Layout extends Dialect {
  /** As it stands in the file. */
  readonly header: readonly string[];
  readonly columns: Columns;
}

export type Checked =
  | { readonly kind: 'sound'; readonly layout: Layout; readonly firstRow: Position; readonly rows: number }
  | { readonly kind: 'paused'; readonly at: Position };

/** Holds a header and 20 rows of any file seen, and the longest record that is allowed. */
const HEAD_BYTES = 64 * 1024;
/** Between two looks at the clock: some 15 ms of parsing. */
const RECORDS_PER_LOOK = 1_000;
/** As many as a spreadsheet holds: each row may leave a record of its own, so a file of line ends alone would fill a disk. */
const MAX_ROWS = 1_048_576;
/** Shown of a header that has no phone column. */
const SHOWN_HEADERS = 50;
/** Of each of them, in characters. */
const SHOWN_LENGTH = 100;

/**
 * Goes on at `from`, where an earlier run of the check paused. Throws `UnreadableFile` with the reason to refuse the file.
 * It writes nothing and takes about a second per 5 MB.
 */
export async function checkFile(
  database: Executor,
  file: StoredFile,
  { chosen, from, pace }: { chosen: Delimiter | null; from: Position; pace: Pace },
): Promise<Checked> {
  const head = await readHead(database, file);
  refuseForeignFormat(head);
  const dialect = detectDialect(head, chosen);
  const { layout, firstRow } = await readHeader(head, dialect);
  let at = from;
  const text = textOnly(storedBytes(database, file, from.offset), from.line);
  for await (const record of readRecords(text, dialect, from)) {
    at = record.next;
    if (at.row > MAX_ROWS + 1)
      throw new UnreadableFile(
        'too_many_rows',
        `expected at most ${MAX_ROWS} rows, got more: send it as several files`,
      );
    if (at.row % RECORDS_PER_LOOK === 0 && pace.isOver()) return { kind: 'paused', at };
  }
  return { kind: 'sound', layout, firstRow, rows: at.row - firstRow.row };
}

/** The first whole lines, over as many parts as it takes: the first may be tiny. */
async function readHead(database: Executor, file: StoredFile): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  for await (const bytes of storedBytes(database, file, 0)) {
    head = Buffer.concat([head, bytes]);
    if (head.length >= HEAD_BYTES) break;
  }
  return head.length < HEAD_BYTES ? head : wholeLines(head.subarray(0, HEAD_BYTES));
}

function wholeLines(head: Buffer): Buffer {
  const end = Math.max(head.lastIndexOf('\n'), head.lastIndexOf('\r')) + 1;
  if (end > 0) return head.subarray(0, end);
  throw new UnreadableFile('line_too_long', `the first line does not end within ${HEAD_BYTES} bytes`, 1);
}

async function readHeader(head: Buffer, dialect: Dialect): Promise<{ layout: Layout; firstRow: Position }> {
  for await (const { cells, next } of readRecords(textOnly([head], START.line), dialect, START)) {
    if (cells.every((cell) => cleanLine(cell) === '')) continue; // blank lines above the header
    const columns = mapColumns(cells);
    if (columns.phone.length > 0) return { layout: { ...dialect, header: cells, columns }, firstRow: next };
    const found = cells.slice(0, SHOWN_HEADERS).map((name) => shorten(cleanLine(name), SHOWN_LENGTH) || '(empty)');
    throw new UnreadableFile(
      'phone_column_missing',
      `expected a column such as Phone, Mobile or WhatsApp in the first line, got: ${found.join(' | ')}`,
    );
  }
  throw new UnreadableFile('file_empty', 'the file is empty');
}
