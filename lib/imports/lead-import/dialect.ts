/** Finds out how a file is written: its delimiter and its header, from the first rows. */
import { CsvError, parse } from 'csv-parse/sync';
import type { FoundHeader, SampleRow } from './header-row.ts';
import { MAX_HEADER_ROW } from './options.ts';

export const DELIMITERS = [',', ';', '\t', '|'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

export interface Dialect {
  readonly delimiter: Delimiter;
  /** The line ends of this file. They are stored with the import, so a later run reads on with the same ones. */
  readonly lineEnds: readonly string[];
}

/** The line ends that end a record, wherever they stand outside quotes: files that several programs wrote mix them. The first is a CRLF written twice. */
export const LINE_ENDS = ['\r\r\n', '\r\n', '\n', '\r'] as const;
/** The first line end of a text, of any kind. */
export const LINE_END = /\r\r?\n|\n|\r/;

/** Options that the whole import shares: a stray quote stays text instead of swallowing the rows behind it. */
export const CSV_OPTIONS = { relax_quotes: true, relax_column_count: true } as const;

export interface Detected {
  readonly dialect: Dialect;
  /** `null`: no row can be read. */
  readonly found: FoundHeader | null;
  /** A first line such as `sep=;`, which tells Excel the delimiter and is no row of the table. */
  readonly hasSepLine: boolean;
}

/** `head` is the beginning of the file, cut anywhere; `chosen` is what the uploader knows better. */
export function detectDialect(
  head: Buffer,
  chosen: Delimiter | null,
  findHeader: (sample: readonly SampleRow[]) => FoundHeader,
): Detected {
  const declared = SEP_LINE.exec(head.subarray(0, LONGEST_SEP_LINE).toString());
  const known = chosen ?? DELIMITERS.find((delimiter) => delimiter === declared?.[1]);
  const hasSepLine = declared !== null;
  const detected = (known === undefined ? DELIMITERS : [known]).map((delimiter): Detected => {
    const rows = sample(head, delimiter).slice(hasSepLine ? 1 : 0);
    return {
      dialect: { delimiter, lineEnds: LINE_ENDS },
      found: rows.length === 0 ? null : findHeader(rows),
      hasSepLine,
    };
  });
  const [first] = detected as [Detected, ...Detected[]];
  return detected.reduce((best, other) => (isBetter(other, best) ? other : best), first);
}

const SEP_LINE = /^\ufeff?"?sep=(.)"?[\r\n]/i;
const LONGEST_SEP_LINE = 20;

/** The header and 20 rows below it: where a delimiter only seems to fit, one of so many rows shows it. */
const SAMPLE_ROWS = MAX_HEADER_ROW + 21;

/**
 * A delimiter that makes a phone column appear beats one that does not; then known headers, even rows, many columns decide. One
 * that makes neither numbers nor columns appear is none.
 */
function isBetter({ found: a }: Detected, { found: b }: Detected): boolean {
  if (a === null || !(a.hasPhone || a.header.length > 1)) return false;
  if (b === null) return true;
  const [better = 0] = merits(a)
    .map((merit, n) => merit - (merits(b)[n] as number))
    .filter((difference) => difference !== 0);
  return better > 0;
}

function merits(found: FoundHeader): number[] {
  const { hasPhone, known, header } = found;
  return [Number(hasPhone), hasPhone ? 0 : known, evenness(found), header.length];
}

/** Share of the rows that are as wide as the header. */
function evenness({ header, rows }: FoundHeader): number {
  return rows.length === 0 ? 1 : rows.filter((cells) => cells.length === header.length).length / rows.length;
}

/** The first rows that are not blank, whatever delimits them. */
function sample(head: Buffer, delimiter: Delimiter): SampleRow[] {
  const records: string[][] = [];
  try {
    parse(head, {
      ...CSV_OPTIONS,
      delimiter,
      record_delimiter: [...LINE_ENDS],
      bom: true,
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
  const rows = records.map((cells, n) => ({ cells, row: n + 1 }));
  return rows.filter(({ cells }) => cells.some((cell) => /[\p{L}\p{N}]/u.test(cell)));
}
