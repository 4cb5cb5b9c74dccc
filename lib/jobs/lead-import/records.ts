/** From a stream of bytes to records that know where in the file they end, so that any later run can go on behind them. */
import { setImmediate as turn } from 'node:timers/promises';
import { CsvError, type InfoRecord, parse } from 'csv-parse';
import { CSV_OPTIONS, type Dialect } from './dialect.ts';
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
  /** Behind this record. */
  readonly next: Position;
}

/** Beyond this an opening quote has most likely lost its end and would swallow the file. Real records are below 10 KiB. */
const MAX_RECORD_BYTES = 64 * 1024;
/** A byte may be a record: 256 KiB of line ends at once held the process for half a second. */
const SLICE_BYTES = 16 * 1024;

/** `bytes` is the file from `from` on. Throws `UnreadableFile` where a quote never closes, after all records before it. */
export async function* readRecords(
  bytes: AsyncIterable<Buffer>,
  dialect: Dialect,
  from: Position,
): AsyncGenerator<FileRecord> {
  const ready: FileRecord[] = [];
  let at = from;
  const parser = parse({
    ...CSV_OPTIONS,
    delimiter: dialect.delimiter,
    record_delimiter: [...dialect.lineEnds],
    bom: from.offset === 0,
    max_record_size: MAX_RECORD_BYTES,
    on_record: (cells: string[], info: InfoRecord) => {
      const next = { offset: from.offset + info.bytes, row: at.row + 1, line: at.line + 1 + linesWithin(cells) };
      ready.push({ cells, row: at.row, next });
      at = next;
      return null; // nothing is left in the parser's own buffer, where an error would discard it
    },
  });
  parser.on('error', () => {
    // The write that met it rejects with the same error; unheard, this event would end the process.
  });
  const feed = (write: (done: (error?: Error | null) => void) => void) =>
    new Promise<void>((resolve, reject) => write((error) => (error ? reject(unreadable(error, at)) : resolve())));
  let failure: unknown = null;
  for await (const chunk of bytes) {
    for (let start = 0; start < chunk.length; start += SLICE_BYTES) {
      const slice = chunk.subarray(start, start + SLICE_BYTES);
      failure = await feed((done) => parser.write(slice, done)).catch((error: unknown) => error);
      yield* ready.splice(0);
      if (failure) throw failure;
      await turn(); // the parser calls back at once, so nothing else of the process would get its turn
    }
  }
  failure = await feed((done) => parser.end(done)).catch((error: unknown) => error);
  yield* ready.splice(0);
  if (failure) throw failure;
}

function unreadable(error: Error, { line }: Position): Error {
  if (!(error instanceof CsvError)) return error;
  if (error.code === 'CSV_MAX_RECORD_SIZE')
    return new UnreadableFile(
      'record_too_long',
      `the row at line ${line} is longer than 64 KiB; perhaps a quotation mark opens in it and is never closed; nothing was imported`,
      line,
    );
  if (error.code !== 'CSV_QUOTE_NOT_CLOSED') return error;
  return new UnreadableFile(
    'quote_unbalanced',
    `a quotation mark that opens near line ${line} is never closed, so nothing behind it can be read; nothing was imported`,
    line,
  );
}

/** Lines that a record's quoted cells go on for. */
function linesWithin(cells: readonly string[]): number {
  return cells.reduce((count, cell) => count + (cell.includes('\n') ? cell.split('\n').length - 1 : 0), 0);
}
