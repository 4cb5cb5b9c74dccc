/** From records to slices: as many rows as one commit takes, each already a lead or an error. */
import type { OpenImport } from './begin.ts';
import type { Layout } from './check.ts';
import { type Lead, type RowError, readLead, refusedByDatabase } from './lead.ts';
import type { FileRecord, Position } from './records.ts';
import { cleanLine } from './text.ts';

/** A commit takes some 75 ms on two busy cores. 2,000 rows would save a third per row, and hold their locks four times as long. */
const SLICE_ROWS = 500;
/** Of the file: a statement stays a few megabytes even where every row is as long as allowed. */
const SLICE_BYTES = 1024 * 1024;

/** One row of the file, judged. */
export interface SliceRow {
  readonly row: number;
  /** Behind it. */
  readonly next: Position;
  readonly cells: readonly string[];
  /** `null` for a blank row. */
  readonly read: Lead | RowError | null;
}

/** The slices join without a gap, blank rows included, and none is empty. They go on from `fromOffset`, where `records` start. */
export async function* readSlices(
  records: AsyncIterable<FileRecord>,
  { country, options }: Pick<OpenImport, 'country' | 'options'>,
  layout: Layout,
  fromOffset: number,
): AsyncGenerator<readonly SliceRow[]> {
  let slice: SliceRow[] = [];
  let from = fromOffset;
  for await (const { cells, row, next } of records) {
    const isBlank = cells.every((cell) => cleanLine(cell) === '');
    slice.push({ row, next, cells, read: isBlank ? null : judge(cells, layout, country, options.tags) });
    if (slice.length < SLICE_ROWS && next.offset - from < SLICE_BYTES) continue;
    yield slice;
    slice = [];
    from = next.offset;
  }
  if (slice.length > 0) yield slice;
}

function judge(
  cells: readonly string[],
  layout: Layout,
  country: OpenImport['country'],
  tags: readonly string[],
): Lead | RowError {
  const read = readLead(cells, layout, country);
  return 'code' in read ? read : { ...read, tags: withTags(read.tags, tags) };
}

export function refusedRow(row: SliceRow, why: string): SliceRow {
  return { ...row, read: refusedByDatabase(why) };
}

/** Those of the row behind those of the whole upload; `null` where neither says anything. */
export function withTags(own: readonly string[] | null, ofUpload: readonly string[]): readonly string[] | null {
  return ofUpload.length === 0 ? own : [...new Set([...ofUpload, ...(own ?? [])])];
}
