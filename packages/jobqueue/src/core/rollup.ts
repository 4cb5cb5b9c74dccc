/** Counts of one drain, per type and minute, as they are written and summed. Mutable counters: no allocation per job. Pure. */
import { binOf, LAST_BIN } from './histogram.ts';
import type { Settlement } from './settle.ts';

export interface Rollup {
  completed: number;
  /** Attempts that failed and are tried again. */
  failed: number;
  dead: number;
  cancelled: number;
  /** Sums over what the histograms count. */
  waitMs: number;
  runMs: number;
  readonly waits: Int32Array;
  readonly runs: Int32Array;
  /** It holds what no exchange has written yet. */
  isNew: boolean;
}

export function emptyRollup(): Rollup {
  const bins = () => new Int32Array(LAST_BIN + 1);
  return {
    completed: 0,
    failed: 0,
    dead: 0,
    cancelled: 0,
    waitMs: 0,
    runMs: 0,
    waits: bins(),
    runs: bins(),
    isNew: false,
  };
}

/** The counter of each outcome. A continued slice and a job given back have none, because they have no outcome yet. */
const COUNTER = {
  completed: 'completed',
  retry: 'failed',
  dead_letter: 'dead',
  cancelled: 'cancelled',
  continue: null,
  give_back: null,
} as const satisfies Record<Settlement['to'], keyof Rollup | null>;

/** One ended run. */
export interface Run {
  readonly to: Settlement['to'];
  /** Time from due to started; null if it never started. */
  readonly waitMs: number | null;
  /** Null if its drain's end cut it: how long it would have taken nobody knows. */
  readonly runMs: number | null;
}

/** Counts one outcome; `by` is -1 to take it back. */
export function countRun(rollup: Rollup, { to, waitMs, runMs }: Run, by: 1 | -1): void {
  if (to === 'give_back') return;
  const counter = COUNTER[to];
  if (counter !== null) rollup[counter] += by;
  if (waitMs !== null) {
    const bin = binOf(waitMs);
    rollup.waits[bin] = (rollup.waits[bin] ?? 0) + by;
    rollup.waitMs += by * waitMs;
  }
  if (runMs !== null) {
    const bin = binOf(runMs);
    rollup.runs[bin] = (rollup.runs[bin] ?? 0) + by;
    rollup.runMs += by * runMs;
  }
  rollup.isNew = true;
}

/** A rollup as rollup_1 reads it. Absolute counts: whatever was written before is replaced. */
export type RollupRow = readonly [
  minute: number,
  type: string,
  completed: number,
  failed: number,
  dead: number,
  cancelled: number,
  waitMs: number,
  runMs: number,
  waits: string,
  runs: string,
];

export function rollupRow(minute: number, type: string, rollup: Rollup): RollupRow {
  const { completed, failed, dead, cancelled, waitMs, runMs, waits, runs } = rollup;
  return [
    minute,
    type,
    completed,
    failed,
    dead,
    cancelled,
    Math.round(waitMs),
    Math.round(runMs),
    array(waits),
    array(runs),
  ];
}

/** As Postgres reads an int[], without the empty bins at the end. */
function array(bins: Int32Array): string {
  let length = bins.length;
  while (length > 0 && bins[length - 1] === 0) length--;
  return `{${bins.subarray(0, length).join(',')}}`;
}
