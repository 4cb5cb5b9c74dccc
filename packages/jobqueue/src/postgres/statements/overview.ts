/** The statement behind the first screen; see packages/jobqueue/sql/functions/overview_1.sql. */

import type { DrainReport, StopReason } from '../../core/drain-report.ts';
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

/** Items that the bounds of a screen leave out. */
export interface LeftOut {
  /** So many more queues and types have live jobs; 100,000 if there are more lanes than were looked at. */
  readonly lanes: number;
  /** More than 200 queues and types have dead letters. */
  readonly dead: boolean;
  /** More than 200 pauses are in force. */
  readonly pauses: boolean;
}

export interface OverviewRow {
  /** The environment that the database belongs to. */
  readonly owner: string | null;
  readonly leftOut: LeftOut;
  readonly lanes: readonly {
    readonly queue: string;
    readonly type: string;
    readonly ready: number;
    readonly readyIsBound: boolean;
    readonly scheduled: number;
    readonly scheduledIsBound: boolean;
    readonly running: number;
    readonly nextDueMs: number | null;
    readonly oldestDueMs: number | null;
    readonly paused: boolean;
  }[];
  readonly dead: readonly { readonly queue: string; readonly type: string; readonly dead: number }[];
  readonly deadBound: number;
  readonly pauses: readonly {
    readonly queue: string;
    readonly type: string;
    readonly reason: string | null;
    readonly sinceMs: number;
  }[];
  readonly openDrains: number;
  readonly ticks: readonly {
    readonly id: string;
    readonly source: string;
    readonly state: 'running' | 'finished' | 'died';
    readonly stopReason: StopReason | null;
    readonly startedMs: number;
    readonly endedMs: number;
    readonly report: DrainReport;
  }[];
}

export async function overview(executor: Executor): Promise<OverviewRow> {
  const rows = await executor.execute<{ answer: OverviewRow }>({
    text: 'select jobqueue.overview_1() as answer',
    params: [],
  });
  return only(rows).answer;
}
