/** Finds out how a file is written: its delimiter, from the first rows. */
import { CsvError, parse } from 'csv-parse/sync';

export const DELIMITERS = [',', ';', '\t', '|'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

export interface Dialect {
  readonly delimiter: Delimiter;
  /** What ends a record. Kept with the import, which goes on as it began. */
  readonly lineEnds: readonly string[];
}

/** What ends a record, wherever it stands outside quotes: files that several programs wrote mix them. The first is a CRLF written twice. */
export const LINE_ENDS = ['\r\r\n', '\r\n', '\n', '\r'] as const;
/** The same, for a text. */
export const LINE_END = /\r\r?\n|\n|\r/;

/** Options that the whole import shares: a stray quote stays text instead of swallowing the rows behind it. */
export const CSV_OPTIONS = { relax_quotes: true, relax_column_count: true } as const;

/**
 * `head` is the beginning of the file, cut anywhere; `chosen` is what the uploader knows better; `hasPhone` says whether a header
 * has a column of numbers.
 */
export function detectDialect(head: Buffer, chosen: Delimiter | null, hasPhone: HasPhone): Dialect {
  const delimiter = chosen ?? bestDelimiter(DELIMITERS.map((delimiter) => score(head, delimiter, hasPhone)));
  return { delimiter, lineEnds: LINE_ENDS };
}

type HasPhone = (header: readonly string[]) => boolean;

const SAMPLE_ROWS = 21; // the header and 20 rows: where a delimiter only seems to fit, one of so many rows shows it

interface Score {
  readonly delimiter: Delimiter;
  readonly hasPhone: boolean;
  readonly width: number;
  /** Share of the rows that are as wide as the header. */
  readonly consistency: number;
}

function score(head: Buffer, delimiter: Delimiter, hasPhone: HasPhone): Score {
  const [header = [], ...rows] = sample(head, delimiter);
  const even = rows.filter((cells) => cells.length === header.length).length;
  return {
    delimiter,
    hasPhone: hasPhone(header),
    width: header.length,
    consistency: rows.length === 0 ? 1 : even / rows.length,
  };
}

/** A delimiter that makes a phone column appear beats one that does not; then even rows, then many columns decide. */
function bestDelimiter(scores: readonly Score[]): Delimiter {
  const better = (a: Score, b: Score) =>
    Number(b.hasPhone) - Number(a.hasPhone) || b.consistency - a.consistency || b.width - a.width;
  const [best] = scores.filter(({ width, hasPhone }) => width > 1 || hasPhone).sort(better);
  return best?.delimiter ?? ',';
}

function sample(head: Buffer, delimiter: Delimiter): string[][] {
  const records: string[][] = [];
  try {
    parse(head, {
      ...CSV_OPTIONS,
      delimiter,
      record_delimiter: [...LINE_ENDS],
      bom: true,
      skip_empty_lines: true,
      to: SAMPLE_ROWS,
      on_record: (cells: string[]) => {
        records.push(cells);
        return null;
      },
    });
  } catch (error) {
    // The head may end inside a quoted cell; the records before it are the sample.
    if (!(error instanceof CsvError)) throw error;
  }
  return records;
}
