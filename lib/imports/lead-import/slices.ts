/** Makes slices of records: as many rows as one commit takes, each already read. */
import type { OpenImport } from './begin.ts';
import type { Layout } from './check.ts';
import { leadReader, type Reading, refusedByDatabase } from './lead.ts';
import type { FileRecord, Position } from './records.ts';
import { cleanLine } from './text.ts';

/** A commit takes some 75 ms on two busy cores. 2,000 rows would save a third per row, and hold their locks four times as long. */
const SLICE_ROWS = 500;
/** The most bytes of the file in a slice: a statement stays at a few megabytes even if every row has the greatest length. */
const SLICE_BYTES = 1024 * 1024;

/** One row of the file, judged. */
export interface SliceRow {
  readonly row: number;
  /** Behind it. */
  readonly next: Position;
  readonly cells: readonly string[];
  /** `null` for a blank row. */
  readonly read: Reading | null;
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
  const read = leadReader(layout, { ...options, country });
  for await (const { cells, row, next } of records) {
    const isBlank = cells.every((cell) => cleanLine(cell) === '');
    slice.push({ row, next, cells, read: isBlank ? null : tagged(read(cells), options.tags) });
    if (slice.length < SLICE_ROWS && next.offset - from < SLICE_BYTES) continue;
    yield slice;
    slice = [];
    from = next.offset;
  }
  if (slice.length > 0) yield slice;
}

function tagged(read: Reading, tags: readonly string[]): Reading {
  const { lead } = read;
  return 'code' in lead ? read : { ...read, lead: { ...lead, tags: withTags(lead.tags, tags) } };
}

/** The row as refused. Its opt-out still counts, because it is no part of the lead. */
export function refusedRow(row: SliceRow, why: string): SliceRow {
  return row.read === null ? row : { ...row, read: { ...row.read, lead: refusedByDatabase(why), warnings: [] } };
}

/** Those of the row behind those of the whole upload; `null` where neither says anything. */
export function withTags(own: readonly string[] | null, ofUpload: readonly string[]): readonly string[] | null {
  return ofUpload.length === 0 ? own : [...new Set([...ofUpload, ...(own ?? [])])];
}
