/** Counts, waits and run times per time and type, summed over drains. */

import { type Histogram, percentileMs } from '../core/histogram.ts';
import { instant, name, oneOf, refused } from '../core/options.ts';
import type { Executor } from '../postgres/database.ts';
import { type StatsRow, stats } from '../postgres/statements/stats.ts';

/** As many points as a chart can show. */
const MAX_BUCKETS = 1_500;
const MAX_TYPES = 200;

const BUCKET_MS = { minute: 60_000, hour: 3_600_000, total: null } as const;
const DEFAULT_SPAN_MS = { minute: 3_600_000, hour: 24 * 3_600_000, total: 24 * 3_600_000 } as const;

/** Options of `queue.stats`. At most 1,500 buckets of time. */
export interface StatsOptions {
  /** Default: an hour (by minute) or a day (by hour, total) before the end. */
  readonly from?: Date;
  /** The end: buckets that began before it; default: now. */
  readonly to?: Date;
  readonly types?: readonly string[];
  readonly by: 'minute' | 'hour' | 'total';
  /** Sums all those types, as the type '*'; percentiles do not add up afterwards. */
  readonly together?: boolean;
}

/** Percentiles are upper limits of their bins: at most 1.41 times too high. */
export interface Spread {
  /** The number of runs. */
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** Counts and durations of one type in one bucket of time. */
export interface Stats {
  /** When this minute or hour began; of a total, when counting began. */
  readonly from: Date;
  readonly type: string;
  readonly completed: number;
  /** Attempts that failed and are tried again. */
  readonly failed: number;
  /** Jobs that became dead letters. */
  readonly dead: number;
  /** Jobs that their handlers cancelled. */
  readonly cancelled: number;
  /** Time from due to started; for a retry, from its new due time. Null if nothing ran. */
  readonly wait: Spread | null;
  /**
   * Time from started to ended. A continued slice counts as a run. A run that was aborted by its drain's end does not, because
   * its full duration is unknown.
   */
  readonly run: Spread | null;
}

const WHERE = { call: 'stats' };

/**
 * Drains' counts, in order of time and type. A bucket and type without counts has no entry. At most 1,500 buckets. Throws
 * QueueError `option_invalid`.
 */
export async function readStats(executor: Executor, options: StatsOptions): Promise<readonly Stats[]> {
  const { from, to, types, together = false } = options;
  const by = oneOf('by', options.by, ['minute', 'hour', 'total'], WHERE);
  if (types && (types.length === 0 || types.length > MAX_TYPES))
    throw refused('types', `1 to ${MAX_TYPES} types`, types.length, WHERE);
  for (const [n, type] of (types ?? []).entries()) name(`types[${n}]`, type, WHERE);
  const first = from === undefined ? null : instant('from', from, WHERE);
  const last = to === undefined ? null : instant('to', to, WHERE);
  const bucketMs = BUCKET_MS[by];
  const endMs = to?.getTime() ?? Date.now();
  const startMs = from?.getTime() ?? endMs - DEFAULT_SPAN_MS[by];
  if (startMs > endMs) throw refused('from', 'an instant before `to`', first, WHERE);
  if (bucketMs !== null && (endMs - startMs) / bucketMs > MAX_BUCKETS)
    throw refused(
      'from',
      `at most ${MAX_BUCKETS} buckets until \`to\``,
      Math.ceil((endMs - startMs) / bucketMs),
      WHERE,
    );
  const rows = await stats(executor, {
    from: first,
    to: last,
    spanMs: DEFAULT_SPAN_MS[by],
    types: types ?? null,
    bucketMs,
    together,
  });
  return rows.map(view);
}

function view({ bucket_ms, type, completed, failed, dead, cancelled, wait_ms, run_ms, waits, runs }: StatsRow): Stats {
  return {
    from: new Date(bucket_ms),
    type,
    completed,
    failed,
    dead,
    cancelled,
    wait: spread(waits, wait_ms),
    run: spread(runs, run_ms),
  };
}

function spread(histogram: Histogram, sumMs: number): Spread | null {
  const count = histogram.reduce((sum, counted) => sum + counted, 0);
  const [p50Ms, p95Ms, p99Ms] = [0.5, 0.95, 0.99].map((p) => percentileMs(histogram, p));
  if (p50Ms == null || p95Ms == null || p99Ms == null) return null;
  return { count, meanMs: sumMs / count, p50Ms, p95Ms, p99Ms };
}
