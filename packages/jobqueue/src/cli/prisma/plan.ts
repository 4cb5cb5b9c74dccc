/** Plans an import: counts row by row with the rules of the import itself. Writes nothing. */
import type { Executor } from '../../postgres/database.ts';
import { progress } from '../progress.ts';
import { convert, type Rules } from './convert.ts';
import { countRows, type Reading, readPortion } from './old-table.ts';

/** Reasons that a terminal shows; the rest of them is in the jobs. */
const MOST_REASONS = 50;

export interface Plan {
  readonly toImport: number;
  /** Completed jobs that are too old for history: they stay in the old table. */
  readonly leftBehind: number;
  readonly becomes: readonly { readonly from: string; readonly becomes: string; readonly jobs: number }[];
  /** Pending jobs that become dead letters, by type and reason. */
  readonly refused: readonly {
    readonly type: string;
    readonly code: string;
    readonly reason: string;
    readonly jobs: number;
  }[];
  /** Pending jobs of types that this code does not know: they wait for a deployment that does. */
  readonly unknownTypes: readonly { readonly type: string; readonly jobs: number }[];
  /** Idempotency keys that are empty or longer than 512 characters: their jobs come without. */
  readonly keysDropped: number;
  readonly oldestPending: string | null;
}

export async function planImport(
  executor: Executor,
  { reading, rules, limit, quiet }: { reading: Reading; rules: Rules; limit: number; quiet: boolean },
): Promise<Plan> {
  const { toImport, leftBehind } = await countRows(executor, reading);
  const becomes = new Tally<{ from: string; becomes: string }>();
  const refused = new Tally<{ type: string; code: string; reason: string }>();
  const unknown = new Tally<{ type: string }>();
  let keysDropped = 0;
  let oldestMs = Number.POSITIVE_INFINITY;
  let read = 0;
  const shown = progress('read', toImport, { quiet });
  for (let after = ''; ; ) {
    const portion = await readPortion(executor, { ...reading, after, limit });
    const last = portion.at(-1);
    if (last === undefined) break;
    for (const old of portion) {
      const { row, refusal, keyDropped, unknownType } = convert(old, rules);
      becomes.add({ from: old.status, becomes: row.fate });
      if (refusal) refused.add({ type: old.type, code: refusal.code, reason: refusal.message });
      if (unknownType) unknown.add({ type: old.type });
      if (keyDropped) keysDropped++;
      if (row.fate === 'PENDING') oldestMs = Math.min(oldestMs, old.created_ms);
    }
    after = last.id;
    read += portion.length;
    shown.at(read);
  }
  shown.end();
  return {
    toImport: read,
    leftBehind,
    becomes: becomes.all(),
    refused: refused.all().slice(0, MOST_REASONS),
    unknownTypes: unknown.all(),
    keysDropped,
    oldestPending: Number.isFinite(oldestMs) ? new Date(oldestMs).toISOString() : null,
  };
}

/** Counts by what is said of a row, the most frequent first. */
class Tally<Said extends object> {
  readonly #counts = new Map<string, number>();

  add(said: Said): void {
    const key = JSON.stringify(said);
    const before = this.#counts.get(key);
    if (before === undefined && this.#counts.size >= 10_000) return; // a reason for each row would be no count
    this.#counts.set(key, (before ?? 0) + 1);
  }

  all(): readonly (Said & { readonly jobs: number })[] {
    return [...this.#counts]
      .map(([key, jobs]) => ({ ...(JSON.parse(key) as Said), jobs }))
      .sort((a, b) => b.jobs - a.jobs);
  }
}
