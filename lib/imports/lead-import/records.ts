/** Reads a stream of bytes into records that know their end offset in the file, so a later run can continue after them. */
import { setImmediate as turn } from 'node:timers/promises';
import { CsvError, type InfoRecord, parse } from 'csv-parse';
import { CSV_OPTIONS, type Dialect, LINE_END } from './dialect.ts';
import { UnreadableFile } from './unreadable.ts';

/** Between two records: where the next one starts, its number as a spreadsheet shows it, and its line. */
export interface Position {
  readonly offset: number;
  readonly row: number;
  readonly line: number;
}

export const START: Position = { offset: 0, row: 1, line: 1 };

export interface FileRecord {
  readonly cells: string[];
  readonly row: number;
  /** The number of its first line. */
  readonly line: number;
  /** As it stands in the file, where it has several lines; else null. */
  readonly text: string | null;
  /** Behind this record. */
  readonly next: Position;
}

/** The row that a record of several lines begins with, where the rest of it is rows of their own; null where it is whole. */
export type Tear = (text: string) => { readonly cells: string[]; readonly length: number } | null;

/** Beyond this an opening quote has most likely lost its end and would swallow the file. Real records are below 10 KiB. */
const MAX_RECORD_BYTES = 64 * 1024;
/** A byte may be a record, which takes 8 µs: 16 KiB of line ends at once held the process for 130 ms, without what is done with them. */
const SLICE_BYTES = 4 * 1024;
/** Behind a torn record, where the next one may well be torn: what the parser has read beyond it is read again. Doubled from step to step. */
const TORN_SLICE_BYTES = 256;

/**
 * `bytes` is the file from `from` on. Where `tear` finds a row the records go on behind that row, as if the file began there. Throws
 * `UnreadableFile` where a quote never closes, after all records before it.
 */
export async function* readRecords(
  bytes: AsyncIterable<Buffer> | Iterable<Buffer>,
  dialect: Dialect,
  from: Position,
  tear: Tear = () => null,
): AsyncGenerator<FileRecord> {
  let at = from;
  let parser = startParser(dialect, at);
  let held: Buffer = Buffer.alloc(0); // what was read behind `at`
  let sliceBytes = SLICE_BYTES;

  /** Records of one step of the parser; answers what has to be read again, because a record was torn. */
  async function* take(read: Read): AsyncGenerator<FileRecord, Buffer | null> {
    for (const { cells, end } of read.records) {
      const size = end - at.offset;
      const lines = linesWithin(cells);
      const text = lines === 0 ? null : held.toString('utf8', 0, size);
      const torn = text === null ? null : tear(text);
      if (text !== null && torn !== null) return yield* restart(text, torn);
      const next = { offset: end, row: at.row + 1, line: at.line + 1 + lines };
      const record = { cells, row: at.row, line: at.line, text, next };
      held = held.subarray(size);
      at = next;
      yield record;
    }
    if (read.failure === null) return null;
    const text = held.toString('utf8');
    const torn = isAboutQuotes(read.failure) ? tear(text) : null;
    if (torn === null) throw unreadable(read.failure, at);
    return yield* restart(text, torn);
  }

  async function* restart(text: string, { cells, length }: NonNullable<ReturnType<Tear>>) {
    const row = text.slice(0, length);
    const size = Buffer.byteLength(row);
    const lines = row.split(LINE_END).length - 1;
    const next = { offset: at.offset + size, row: at.row + 1, line: at.line + Math.max(lines, 1) };
    const record = { cells, row: at.row, line: at.line, text: null, next };
    const again = held.subarray(size);
    held = Buffer.alloc(0);
    at = next;
    parser = startParser(dialect, at);
    yield record;
    return again;
  }

  async function* feed(bytes: Buffer): AsyncGenerator<FileRecord> {
    let chunk = bytes;
    for (let start = 0; start < chunk.length; ) {
      const slice = chunk.subarray(start, start + sliceBytes);
      start += slice.length;
      sliceBytes = Math.min(2 * sliceBytes, SLICE_BYTES);
      held = Buffer.concat([held, slice]);
      const again = yield* take(await parser.write(slice));
      if (again !== null) {
        chunk = Buffer.concat([again, chunk.subarray(start)]);
        start = 0;
        sliceBytes = TORN_SLICE_BYTES;
      }
      await turn(); // the parser calls back at once, so nothing else of the process would get its turn
    }
  }

  for await (const chunk of bytes) yield* feed(chunk);
  for (let again: Buffer | null = Buffer.alloc(0); again !== null; ) {
    yield* feed(again);
    again = yield* take(await parser.end());
  }
}

/** The result of one step of the parser: the records that ended in it, each with its end offset, and the reason to stop. */
interface Read {
  readonly records: readonly { readonly cells: string[]; readonly end: number }[];
  readonly failure: Error | null;
}

function startParser({ delimiter, lineEnds }: Dialect, from: Position) {
  let records: Read['records'][number][] = [];
  const parser = parse({
    ...CSV_OPTIONS,
    delimiter,
    record_delimiter: [...lineEnds],
    bom: from.offset === 0,
    max_record_size: MAX_RECORD_BYTES,
    on_record: (cells: string[], info: InfoRecord) => {
      records.push({ cells, end: from.offset + info.bytes });
      // Each record is its first one: for a record of another length than the first it makes an error with a copy, which takes 30 µs.
      Object.assign(parser.info, { records: 0 });
      return null; // nothing is left in the parser's own buffer, where an error would discard it
    },
  });
  parser.on('error', () => {
    // The write that met it calls back with the same error; unheard, this event would end the process.
  });
  const step = (call: (done: (error?: Error | null) => void) => void) =>
    new Promise<Read>((resolve) => {
      call((error) => {
        resolve({ records, failure: error ?? null });
        records = [];
      });
    });
  return {
    write: (bytes: Buffer) => step((done) => parser.write(bytes, done)),
    end: () => step((done) => parser.end(done)),
  };
}

function isAboutQuotes(error: Error): boolean {
  return error instanceof CsvError && ['CSV_MAX_RECORD_SIZE', 'CSV_QUOTE_NOT_CLOSED'].includes(error.code);
}

function unreadable(error: Error, { line }: Position): Error {
  if (!(error instanceof CsvError)) return error;
  if (error.code === 'CSV_MAX_RECORD_SIZE')
    return new UnreadableFile(
      'record_too_long',
      `the row at line ${line} is longer than 64 KiB; perhaps a quotation mark opens in it and is never closed; nothing was imported. ${READ_BY_LINES}`,
      line,
    );
  if (error.code !== 'CSV_QUOTE_NOT_CLOSED') return error;
  return new UnreadableFile(
    'quote_unbalanced',
    `a quotation mark that opens near line ${line} is never closed, so nothing behind it can be read; nothing was imported. ${READ_BY_LINES}`,
    line,
  );
}

const READ_BY_LINES =
  'Correct the line, or upload the file with quotes=lines: then the mark is left out and every line is a row';

/** Lines that a record's quoted cells go on for. */
function linesWithin(cells: readonly string[]): number {
  return cells.reduce((count, cell) => count + (/[\r\n]/.test(cell) ? cell.split(LINE_END).length - 1 : 0), 0);
}
