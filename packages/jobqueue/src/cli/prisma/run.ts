/** The import from first row to renamed table. Killed anywhere and called again, it goes on: each portion is one transaction. */
import type { Database } from '../../postgres/connect.ts';
import { progress } from '../progress.ts';
import { convert, type Rules } from './convert.ts';
import { type Reading, readPortion, stateOf } from './old-table.ts';
import { begin, closeTable, type Imported, imported, importRows, swapNames, takeBackChanged } from './store.ts';

/** Rows that came while the rest was imported; each pass leaves fewer. An app that enqueues there faster than this must stop first. */
const MOST_PASSES = 20;

export interface Run {
  readonly reading: Reading;
  readonly rules: Rules;
  /** Rows a portion. */
  readonly limit: number;
  readonly total: number;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
}

export interface Result {
  /** `false`: interrupted, or the old table would not hold still. The same call again goes on. */
  readonly done: boolean;
  readonly imported: readonly Imported[];
  /** Jobs that both queues have worked on, because the old worker still ran. */
  readonly conflicts: number;
}

export async function runImport(database: Database, run: Run): Promise<Result> {
  try {
    return await toTheEnd(database, run);
  } catch (error) {
    // Another import has ended meanwhile, and what we read was no longer Prisma's table.
    if ((await stateOf(database)) === 'done') return { done: true, imported: await imported(database), conflicts: 0 };
    throw error;
  }
}

async function toTheEnd(database: Database, run: Run): Promise<Result> {
  const reading = { ...run.reading, begun: true };
  await begin(database);
  const shown = progress('imported', run.total, { quiet: run.quiet });
  let count = 0;
  const save = (portion: Awaited<ReturnType<typeof readPortion>>) => portion.map((old) => convert(old, run.rules).row);
  try {
    for (let pass = 1; pass <= MOST_PASSES; pass++) {
      for (let after = ''; ; ) {
        if (run.signal.aborted) return { done: false, imported: await imported(database), conflicts: 0 };
        const portion = await readPortion(database, { ...reading, after, limit: run.limit });
        const last = portion.at(-1);
        if (last === undefined) break;
        await database.transaction((tx) => importRows(tx, save(portion)));
        after = last.id;
        count += portion.length;
        shown.at(count);
      }
      const conflicts = await database.transaction(async (tx) => {
        await closeTable(tx);
        if ((await stateOf(tx)) !== 'table') return 0; // another import was faster
        const left = await takeBackChanged(tx);
        const late = await readPortion(tx, { ...reading, after: '', limit: run.limit });
        if (late.length > 0) await importRows(tx, save(late));
        // More than one portion would keep the table locked for long: those are imported first, with it open.
        if ((await readPortion(tx, { ...reading, after: '', limit: 1 })).length > 0) return null;
        await swapNames(tx);
        return left;
      });
      if (conflicts !== null) return { done: true, imported: await imported(database), conflicts };
    }
    return { done: false, imported: await imported(database), conflicts: 0 };
  } finally {
    shown.end();
  }
}
