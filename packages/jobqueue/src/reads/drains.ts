/** The list of drains for people, read from the ledger. */

import type { DrainReport, StopReason } from '../core/drain-report.ts';
import { integer, refused } from '../core/options.ts';
import type { Executor } from '../postgres/database.ts';
import { ledger } from '../postgres/statements/ledger.ts';
import { dateOf } from '../postgres/statements/rows.ts';

/** One drain, as the ledger knows it. */
export interface DrainView {
  readonly id: string;
  readonly source: string;
  /** `died`: its deadline has passed, and it never said how it ended. */
  readonly state: 'running' | 'finished' | 'died';
  readonly startedAt: Date;
  readonly lastExchangeAt: Date;
  readonly deadlineAt: Date;
  readonly finishedAt: Date | null;
  /** When the platform says that it was due, if it says so. */
  readonly scheduledAt: Date | null;
  readonly executionId: string | null;
  readonly coldStart: boolean;
  readonly stopReason: StopReason | null;
  readonly roundTrips: number;
  /** Within Postgres, summed over exchanges, which may overlap. */
  readonly databaseMs: number;
  /** The same with the way there and back; without the last exchange's, whose answer comes after the row is written. */
  readonly roundTripMs: number;
  readonly report: DrainReport;
  /** Other drains that ran at the same time at some moment. */
  readonly overlaps: number;
  /** Since the previous drain of the same source began; null of the first. */
  readonly gapMs: number | null;
}

/** The page of `queue.drains`. */
export interface DrainsOptions {
  /** The id of a drain: only those that began before it. */
  readonly before?: string;
  /** Only the drain with this id. */
  readonly id?: string;
  /** 1 to 200, default 50. */
  readonly limit?: number;
}

const DRAIN_ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Drains, newest first. Throws QueueError `option_invalid`. */
export async function drains(
  executor: Executor,
  { before, id, limit = 50 }: DrainsOptions,
): Promise<readonly DrainView[]> {
  integer('limit', limit, { min: 1, max: 200 });
  for (const [option, value] of Object.entries({ before, id }))
    if (value !== undefined && !DRAIN_ID.test(value)) throw refused(option, 'the id of a drain', value);
  const rows = await ledger(executor, { before: before ?? null, id: id ?? null, limit });
  return rows.map((row) => ({
    id: row.id,
    source: row.source,
    state: row.finished_ms !== null ? 'finished' : row.died ? 'died' : 'running',
    startedAt: new Date(row.started_ms),
    lastExchangeAt: new Date(row.last_step_ms),
    deadlineAt: new Date(row.deadline_ms),
    finishedAt: dateOf(row.finished_ms),
    scheduledAt: dateOf(row.scheduled_ms),
    executionId: row.execution_id,
    coldStart: row.cold_start,
    stopReason: row.stop_reason,
    roundTrips: row.round_trips,
    databaseMs: row.database_ms,
    roundTripMs: row.round_trip_ms,
    report: row.report,
    overlaps: row.overlaps,
    gapMs: row.gap_ms,
  }));
}
