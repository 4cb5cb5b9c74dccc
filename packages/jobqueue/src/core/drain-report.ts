/** The report of a drain, counted as Postgres confirmed it: the HTTP body, the log line and the ledger row are this one value. */
import type { Settlement } from './settle.ts';

/** The reason why a drain ended. */
export type StopReason =
  /** Nothing due, and nothing due soon. */
  | 'empty'
  /** No time left to start another job. */
  | 'deadline'
  /** `limit` jobs were claimed. */
  | 'limit'
  /** Every slot is taken by a handler that ignored its signal. */
  | 'unresponsive'
  /** The database belongs to another environment: nothing was claimed, see `adopt`. */
  | 'other_environment'
  /** SIGTERM, or the caller's signal. */
  | 'stopped'
  /** Postgres stopped answering; what could not be settled is taken again when its lease ends. */
  | 'database_unreachable'
  /** The wake hint said that nothing is due: the database was not asked, and the ledger does not know of it. */
  | 'skipped';

/** The result of one drain. Counters include only outcomes that Postgres has confirmed. */
export interface DrainReport {
  readonly id: string;
  readonly source: string;
  claimed: number;
  completed: number;
  retried: number;
  deadLettered: number;
  givenBack: number;
  continued: number;
  cancelled: number;
  /** Outcomes whose fence was no longer ours: they changed nothing. */
  lost: number;
  /**
   * Outcomes that Postgres did not confirm before the drain ended, or refused: counted nowhere else. Their jobs run again when their
   * leases end, unless only the answer was lost.
   */
  unconfirmed: number;
  /** Jobs taken over from a drain that died. */
  rescued: number;
  /** Its exchanges: round trips to Postgres. step_2 reads them by this name in the report that it stores. */
  steps: number;
  stopReason: StopReason | null;
  /** When the next job of the probed lanes falls due, ms; null if none is known. */
  nextDueInMs: number | null;
  /** Types with jobs in the table and no handler in this deployment. */
  unhandled: readonly string[];
  /** The job that has been claimed most often, if at least 1,000 times: each slice is a claim, and some never end. */
  mostSlices: { readonly job: string; readonly type: string; readonly slices: number } | null;
  /** Only of `database_unreachable`: what Postgres said, what it means and what to do. */
  error?: string;
}

export function emptyReport(id: string, source: string): DrainReport {
  return {
    id,
    source,
    claimed: 0,
    completed: 0,
    retried: 0,
    deadLettered: 0,
    givenBack: 0,
    continued: 0,
    cancelled: 0,
    lost: 0,
    unconfirmed: 0,
    rescued: 0,
    steps: 0,
    stopReason: null,
    nextDueInMs: null,
    unhandled: [],
    mostSlices: null,
  };
}

const COUNTER = {
  completed: 'completed',
  retry: 'retried',
  dead_letter: 'deadLettered',
  give_back: 'givenBack',
  continue: 'continued',
  cancelled: 'cancelled',
} as const satisfies Record<Settlement['to'], keyof DrainReport>;

/** Counts one settlement that Postgres has confirmed. */
export function count(report: DrainReport, to: Settlement['to']): void {
  report[COUNTER[to]]++;
}

/** The report as it is once Postgres has stored these outcomes: what an exchange that carries them tells the ledger. */
export function withOutcomes(
  report: DrainReport,
  outcomes: readonly { readonly settlement: Settlement }[],
): DrainReport {
  const then = { ...report };
  for (const { settlement } of outcomes) count(then, settlement.to);
  return then;
}
