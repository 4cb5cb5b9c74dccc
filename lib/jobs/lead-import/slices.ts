/** From records to slices: as many rows as one commit takes, each already a lead or an error. */
import type { OpenImport } from './begin.ts';
import type { Layout } from './check.ts';
import type { Slice } from './commit-slice.ts';
import { unguard } from './formula-guard.ts';
import { readLead } from './lead.ts';
import type { FileRecord } from './records.ts';
import { cleanLine } from './text.ts';

/** A commit takes some 75 ms on two busy cores. 2,000 rows would save a third per row, and hold their locks four times as long. */
const SLICE_ROWS = 500;
/** Of the file: a statement stays a few megabytes even where every row is as long as allowed. */
const SLICE_BYTES = 1024 * 1024;

/** `records` start at `fromOffset`. The slices join without a gap, blank rows included. */
export async function* readSlices(
  records: AsyncIterable<FileRecord>,
  { importId, country, options }: Pick<OpenImport, 'importId' | 'country' | 'options'>,
  layout: Layout,
  fromOffset: number,
): AsyncGenerator<Slice> {
  let slice = emptySlice(importId, fromOffset);
  for await (const { cells, row, next } of records) {
    if (cells.some((cell) => cleanLine(cell) !== ''))
      add(slice, row, readLead(cells, layout, country), cells, options.tags);
    slice.toOffset = next.offset;
    slice.nextRow = next.row;
    slice.rows++;
    if (slice.rows < SLICE_ROWS && slice.toOffset - slice.fromOffset < SLICE_BYTES) continue;
    yield slice;
    slice = emptySlice(importId, slice.toOffset);
  }
  if (slice.rows > 0) yield slice;
}

function emptySlice(importId: string, fromOffset: number) {
  return {
    importId,
    fromOffset,
    toOffset: fromOffset,
    nextRow: 0,
    rows: 0,
    leads: [] as Slice['leads'][number][],
    errors: [] as Slice['errors'][number][],
  };
}

function add(
  { leads, errors }: ReturnType<typeof emptySlice>,
  row: number,
  read: ReturnType<typeof readLead>,
  cells: string[],
  tags: readonly string[],
): void {
  // Without guards: else each round through the error file would add one.
  if ('code' in read) errors.push({ row, cells: cells.map(unguard), ...read });
  else leads.push({ row, ...read, tags: withTags(read.tags, tags) });
}

/** Those of the row behind those of the whole upload; `null` where neither says anything. */
export function withTags(own: readonly string[] | null, ofUpload: readonly string[]): readonly string[] | null {
  return ofUpload.length === 0 ? own : [...new Set([...ofUpload, ...(own ?? [])])];
}
