/** Reads a file once from end to end before its first row is imported: what cannot be read whole is refused whole. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Country } from '../../phone/index.ts';
import type { Columns } from './columns.ts';
import { type Delimiter, type Dialect, detectDialect } from './dialect.ts';
import { findHeader } from './header-row.ts';
import type { MapHeader } from './mapping.ts';
import type { ImportOptions } from './options.ts';
import type { Pace } from './pace.ts';
import { SwallowedRows, strayQuote, tearOf } from './quotes.ts';
import { type Position, readRecords, START } from './records.ts';
import { type StoredFile, storedBytes } from './stored-bytes.ts';
import { cleanLine, shorten } from './text.ts';
import { textOnly } from './text-only.ts';
import { UnreadableFile } from './unreadable.ts';

/** The layout of a readable file: its dialect, header and columns. */
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

/** The parts of a file's form that the uploader chose. The rest is detected. */
export interface ChosenForm {
  readonly delimiter: Delimiter | null;
  readonly headerRow?: number | undefined;
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
/** The longest name shown in a message, in characters. */
const SHOWN_LENGTH = 100;

export interface Checking {
  readonly chosen: ChosenForm;
  readonly quotes: ImportOptions['quotes'];
  readonly country: Country;
  readonly map: MapHeader;
  readonly from: Position;
  readonly pace: Pace;
}

/**
 * `file` is UTF-8. Goes on at `from`, where an earlier run of the check paused. Throws `UnreadableFile` with the reason to refuse
 * the file, `WrongEncoding` where it is another encoding, `SwallowedRows` where cells swallow rows and nobody has said how to take them. It
 * writes nothing and takes about a second per 5 MB.
 */
export async function checkFile(
  database: Executor,
  file: StoredFile,
  { chosen, quotes, country, map, from, pace }: Checking,
): Promise<Checked> {
  const head = await readHead(database, file);
  const found = await readLayout(wholeLines(head, head.length === file.sizeBytes), chosen, map);
  const { firstRow } = found;
  const shape = { ...found.layout, country };
  const swallowed: [number, number][] = [];
  let at = from;
  try {
    const text = textOnly(storedBytes(database, file, from.offset), from.line);
    for await (const record of readRecords(text, found.layout, from, tearOf(shape, quotes))) {
      at = record.next;
      if (at.row > MAX_ROWS + 1)
        throw new UnreadableFile(
          'too_many_rows',
          `expected at most ${MAX_ROWS} rows, got more: send it as several files`,
        );
      const isTorn = at.row === firstRow.row && at.offset !== firstRow.offset;
      const stray = quotes === undefined && record.text !== null ? strayQuote(record.text, shape) : null;
      if (isTorn || (stray !== null && at.row <= firstRow.row)) throw headerSwallows(record.line);
      if (stray !== null) swallowed.push([record.line + stray.opens, record.line + stray.closes]);
      if (at.row % RECORDS_PER_LOOK !== 0 || !pace.isOver()) continue;
      if (swallowed.length === 0) return { kind: 'paused', at };
      break; // another run would not know of them
    }
  } catch (error) {
    const mayBeOneMark =
      error instanceof UnreadableFile && ['quote_unbalanced', 'record_too_long'].includes(error.code);
    if (!mayBeOneMark || swallowed.length === 0) throw error;
  }
  if (swallowed.length > 0) throw new SwallowedRows(swallowed);
  return { kind: 'sound', ...found, rows: at.row - firstRow.row };
}

/** A quotation mark in the header swallows rows. Their meaning depends on the header, so the import cannot ask for an answer. */
function headerSwallows(line: number): UnreadableFile {
  const what = `a quotation mark opens in the header, at line ${line}, and goes on over lines that look like rows`;
  return new UnreadableFile(
    'quote_unbalanced',
    `${what}: correct it and upload the file again; nothing was imported`,
    line,
  );
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

/** Reads the layout from the first whole lines of a file. Throws `UnreadableFile` if no column holds numbers. */
export async function readLayout(
  head: Buffer,
  chosen: ChosenForm,
  map: MapHeader,
): Promise<Pick<Sound, 'layout' | 'mapping' | 'firstRow'>> {
  const { header, rows, dialect, firstRow } = await readHeader(head, chosen, map);
  const { columns, mapping } = map(header, rows);
  if (columns.phone.length > 0) return { layout: { ...dialect, header, columns }, mapping, firstRow };
  const found = header.slice(0, SHOWN_HEADERS).map((name) => shorten(cleanLine(name), SHOWN_LENGTH) || '(empty)');
  throw new UnreadableFile(
    'phone_column_missing',
    `expected a column such as Phone, Mobile or WhatsApp, got: ${found.join(' | ')}`,
  );
}

export interface Header {
  readonly header: readonly string[];
  /** The first ones below it, as far as they were looked at. */
  readonly rows: readonly (readonly string[])[];
  /** As a spreadsheet shows it; 0 for a file without one. */
  readonly row: number;
  readonly dialect: Dialect;
  readonly firstRow: Position;
}

/** The header, whatever its columns mean. */
export async function readHeader(head: Buffer, chosen: ChosenForm, map: MapHeader): Promise<Header> {
  const { dialect, found, hasSepLine } = detectDialect(head, chosen.delimiter, (sample) =>
    findHeader(sample, map, chosen.headerRow),
  );
  const { header, rows, row } = found ?? { header: [], rows: [], row: Number.POSITIVE_INFINITY };
  const last = row === 0 && hasSepLine ? 1 : row;
  if (last === 0) return { header, rows, row, dialect, firstRow: START };
  // If nothing was found, reading on gives the reason.
  for await (const record of readRecords(textOnly([head], START.line), dialect, START))
    if (record.row === last) return { header, rows, row, dialect, firstRow: record.next };
  throw new UnreadableFile('file_empty', 'the file is empty');
}
