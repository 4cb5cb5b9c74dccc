/** The row that is a file's header: below the titles of a report or the notes of an export, or nowhere. Pure. */
import { inventedHeader, looksLikePhone } from './columns.ts';
import { looksLikeAddress } from './emails.ts';
import { meaningOf } from './headers.ts';
import type { MapHeader } from './mapping.ts';
import { MAX_HEADER_ROW } from './options.ts';
import { cleanLine } from './text.ts';
import { UnreadableFile } from './unreadable.ts';

/** A row of the beginning of a file that is not blank. */
export interface SampleRow {
  readonly cells: readonly string[];
  /** As a spreadsheet shows it. */
  readonly row: number;
}

export interface FoundHeader {
  /** 0: the file has none. */
  readonly row: number;
  readonly header: readonly string[];
  /** The rows below it. */
  readonly rows: readonly (readonly string[])[];
  readonly hasPhone: boolean;
  /** Cells whose text is a header that some known system writes. */
  readonly known: number;
}

/** The most cells examined in a row: no system writes more columns with known names. */
const LOOKED_AT = 500;

/**
 * `chosen` is what the uploader says of the header's row. Rows above a header hold no data, so the first row with a number or an
 * address ends the search. Of the rows before it the one with most known headers counts, else the first one.
 */
export function findHeader(sample: readonly SampleRow[], map: MapHeader, chosen?: number): FoundHeader {
  const judge = (at: number): FoundHeader => {
    const { cells: header, row } = sample[at] as SampleRow;
    const rows = sample.slice(at + 1).map(({ cells }) => cells);
    return { row, header, rows, known: knownIn(header), hasPhone: hasPhone(header, rows, map) };
  };
  if (chosen === 0) return headerless(sample, map);
  if (chosen !== undefined) {
    const at = sample.findIndex(({ row }) => row === chosen);
    if (at === -1)
      throw new UnreadableFile('header_missing', `expected a header in row ${chosen}, which is blank or not there`);
    return judge(at);
  }
  const data = sample.findIndex(({ cells }) => cells.some(isData) && knownIn(cells) < 2);
  const above = sample.slice(0, data === -1 ? sample.length : data).filter(({ row }) => row <= MAX_HEADER_ROW);
  const [first, ...others] = above.map((_, at) => judge(at));
  if (first === undefined) return headerless(sample, map);
  const best = others.reduce((a, b) => (isBetter(b, a) ? b : a), first);
  return best.hasPhone || best.known >= 2 ? best : first;
}

function isBetter(a: FoundHeader, b: FoundHeader): boolean {
  return a.hasPhone === b.hasPhone ? a.known > b.known : a.hasPhone;
}

/** Every row is data, and the columns get names to be chosen and shown by. */
function headerless(sample: readonly SampleRow[], map: MapHeader): FoundHeader {
  const rows = sample.map(({ cells }) => cells);
  const width = Math.max(0, ...rows.map((cells) => cells.length));
  const header = inventedHeader(width);
  return { row: 0, header, rows, hasPhone: hasPhone(header, rows, map), known: 0 };
}

function knownIn(cells: readonly string[]): number {
  return cells.slice(0, LOOKED_AT).filter((cell) => meaningOf(cell) !== null).length;
}

function isData(cell: string): boolean {
  const value = cleanLine(cell);
  return looksLikePhone(value) || looksLikeAddress(value);
}

/** With the wrong delimiter a header has none of the columns that were chosen: that is an answer here. */
function hasPhone(header: readonly string[], rows: FoundHeader['rows'], map: MapHeader): boolean {
  try {
    return map(header, rows).columns.phone.length > 0;
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    return false;
  }
}
