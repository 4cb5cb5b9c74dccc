/** Finds quotation marks that swallow rows: a cell that opens on one line and goes on over lines that look like rows. Pure. */
import { CsvError, parse } from 'csv-parse/sync';
import { BYTE_ORDER_MARK } from '../../csv/csv.ts';
import { type Country, readPhone } from '../../phone/index.ts';
import { CSV_OPTIONS, LINE_END, LINE_ENDS } from './dialect.ts';
import { looksLikeAddress } from './emails.ts';
import type { RowLayout } from './lead.ts';
import type { ImportOptions } from './options.ts';
import type { Tear } from './records.ts';
import { UnreadableFile } from './unreadable.ts';

/** The marks by which a line is a row. */
export interface RowShape extends RowLayout {
  readonly delimiter: string;
  readonly country: Country;
}

/** A quotation mark that opens a cell of several lines, as places in the text of its record. */
export interface OpenQuote {
  readonly at: number;
  /** The lines that it opens and closes on, from 0. */
  readonly opens: number;
  readonly closes: number;
  /** Behind the last place that it may have swallowed: its closing mark, or the end of the text where that is no end of a cell. */
  readonly until: number;
  /** `closed`: a delimiter or a line end follows, as RFC 4180 asks; `broken`: something else does; `missing`: the text ends before. */
  readonly end: 'closed' | 'broken' | 'missing';
}

/** Cells of several lines of one record, in the order in which the parser reads them. The last one may never close. */
export function multiLineCells(text: string, delimiter: string): OpenQuote[] {
  const found: OpenQuote[] = [];
  let line = 0;
  let open: { readonly at: number; readonly opens: number } | null = null;
  let isCellStart = true;
  for (let at = text.startsWith(BYTE_ORDER_MARK) ? 1 : 0; at < text.length; at++) {
    const character = text[at];
    const next = text[at + 1] ?? '';
    if (character === '"' && open !== null && next === '"') at++;
    else if (character === '"' && open !== null) {
      const isClosed = next === '' || next === delimiter || next === '\n' || next === '\r';
      const cell = { ...open, closes: line };
      if (line > open.opens)
        found.push(isClosed ? { ...cell, until: at, end: 'closed' } : { ...cell, until: text.length, end: 'broken' });
      open = null;
    } else if (character === '"' && isCellStart) open = { at, opens: line };
    else if (character === '\n' || (character === '\r' && !/^\r?\n/.test(text.slice(at + 1, at + 3)))) line++;
    isCellStart = open === null && (character === delimiter || character === '\n' || character === '\r');
  }
  if (open !== null) found.push({ ...open, closes: line, until: text.length, end: 'missing' });
  return found;
}

/** The first cell of `text`, a record, that swallows rows or never ends; null where all of its lines belong together. */
export function strayQuote(text: string, shape: RowShape): OpenQuote | null {
  const starts = [0, ...[...text.matchAll(new RegExp(LINE_END, 'g'))].map((end) => end.index + end[0].length)];
  const swallows = ({ opens, closes, until, end }: OpenQuote) =>
    end === 'missing' ||
    starts.slice(opens + 1, closes + 1).some((start) => looksLikeRow(text.slice(start, until), shape, end));
  return multiLineCells(text, shape.delimiter).find(swallows) ?? null;
}

/**
 * True if `text` begins a row: it has a number in a column of numbers, or an address in a column of addresses. Prose, street
 * addresses and numbers on a line of their own do not. If the cell around it is broken too, as many cells as the header has are
 * enough.
 */
function looksLikeRow(text: string, { header, columns, delimiter, country }: RowShape, end: OpenQuote['end']): boolean {
  const line = text.slice(0, LINE_END.exec(text)?.index);
  if (!line.includes(delimiter)) return false;
  const cells = line.includes('"') ? firstRow(text, delimiter) : line.split(delimiter);
  const isWhole = cells.length === header.length;
  if (isWhole && end === 'broken' && cells.length >= FEW_CELLS) return true;
  const isNumber = (index: number) => {
    const cell = cells[index] ?? '';
    if (!/(?:\p{Nd}[^\p{L}]*){7}/u.test(cell)) return false;
    return (isWhole && !/\p{L}/u.test(cell)) || 'phone' in readPhone(cell, { country, several: 'first' });
  };
  const isAddress = (index: number) => isWhole && looksLikeAddress(cells[index]?.trim() ?? '');
  return columns.phone.some(isNumber) || columns.email.some(isAddress);
}

/** A line of prose may well have a comma. */
const FEW_CELLS = 3;

/** A mark that stays open ends with the text. */
function firstRow(text: string, delimiter: string): string[] {
  const read = (text: string): string[] =>
    parse(text, { ...CSV_OPTIONS, delimiter, record_delimiter: [...LINE_ENDS], to: 1 })[0] ?? [];
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return read(`${text}"`);
  }
}

/**
 * The row that a stray quotation mark begins in, without the rows that it swallows: its cells, and how many characters of `text` they take.
 * The mark is left out. Where that makes more cells than the header has, its cell ends with the line instead.
 */
export function rowBefore(
  text: string,
  { at, opens }: OpenQuote,
  { header, delimiter }: Pick<RowShape, 'header' | 'delimiter'>,
): { readonly cells: string[]; readonly length: number } {
  const ends = [...text.matchAll(new RegExp(LINE_END, 'g'))];
  const end = ends[opens];
  const row = text.slice(0, end?.index ?? text.length);
  const length = end === undefined ? text.length : end.index + end[0].length;
  const unquoted = firstRow(row.slice(0, at) + row.slice(at + 1), delimiter);
  return { cells: unquoted.length <= header.length ? unquoted : firstRow(row, delimiter), length };
}

/** A rule for `readRecords` that splits a cell which swallowed rows: every line of it becomes a row. */
export function tearOf(shape: RowShape, quotes: ImportOptions['quotes']): Tear | undefined {
  if (quotes !== 'lines') return undefined;
  return (text) => {
    const stray = strayQuote(text, shape);
    return stray && rowBefore(text, stray, shape);
  };
}

/** Shown of the places where it happens. */
const SHOWN_PLACES = 5;

/** Cells that swallow rows, in a file whose reader has not said how to take them. */
export class SwallowedRows extends UnreadableFile {
  /** The lines of the first. */
  readonly lines: readonly [opens: number, closes: number];

  constructor(places: readonly (readonly [opens: number, closes: number])[]) {
    const [first = [0, 0], ...others] = places;
    const [opens, closes] = first;
    const more = others.slice(0, SHOWN_PLACES).map(([from, to]) => `${from} to ${to}`);
    const rest = others.length > SHOWN_PLACES ? ` and ${others.length - SHOWN_PLACES} more` : '';
    super(
      'rows_swallowed',
      `a quotation mark opens a cell at line ${opens} that goes on to line ${closes}, over lines that look like rows of their own${
        others.length > 0 ? `; so it is at lines ${more.join(', ')}${rest}` : ''
      }`,
      opens,
    );
    this.lines = [opens, closes];
  }
}
