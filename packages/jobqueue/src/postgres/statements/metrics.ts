/** The statement behind a scrape; see packages/jobqueue/sql/functions/metrics_1.sql. */
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

export interface Measured {
  readonly protocol: number;
  readonly lanes: readonly {
    readonly queue: string;
    readonly type: string;
    readonly priority: number;
    /** Up to 1,000. */
    readonly due: number;
    readonly ageSeconds: number;
  }[];
  /** So many more lanes have due jobs; 100,000 if there are more lanes than were looked at. */
  readonly lanesLeftOut: number;
  /** The oldest over lanes that are not paused. */
  readonly oldestDueSeconds: number;
  readonly running: number;
  readonly openDrains: number;
  /** Up to 1,000 a type. */
  readonly deadLetters: readonly { readonly type: string; readonly dead: number }[];
  readonly paused: readonly { readonly queue: string; readonly type: string }[];
  readonly drains: readonly { readonly stopReason: string; readonly drains: number }[];
  /** Null: none within the last hour. */
  readonly lastTickSeconds: number | null;
  readonly lastDrainSeconds: number | null;
  /** Since midnight UTC. */
  readonly runs: readonly RunCounts[];
  /** Since the full hour. */
  readonly histograms: readonly TypeHistograms[];
}

export interface RunCounts {
  readonly type: string;
  readonly completed: number;
  readonly failed: number;
  readonly dead: number;
  readonly cancelled: number;
}

export interface TypeHistograms {
  readonly type: string;
  readonly wait_ms: number;
  readonly run_ms: number;
  readonly waits: readonly number[] | null;
  readonly runs: readonly number[] | null;
}

export async function measure(executor: Executor): Promise<Measured> {
  const rows = await executor.execute<{ measured: Measured }>({
    text: 'select jobqueue.metrics_1() as measured',
    params: [],
  });
  return only(rows).measured;
}
