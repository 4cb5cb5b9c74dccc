/** Formats the numbers of one statement as metrics. Pure; metrics_1 decides which numbers and their bounds. */
import { type Histogram, upperMs } from '../core/histogram.ts';
import type { Measured, RunCounts, TypeHistograms } from '../postgres/statements/metrics.ts';
import type { Family, Sample } from './prometheus.ts';

/**
 * Every second limit of the histogram's bins, so whole doublings: 2 ms to 4.7 h. A type has 50 buckets with both
 * histograms; the finer bins would double that for a precision that no alert needs.
 */
const BUCKET_BINS: readonly number[] = Array.from({ length: 24 }, (_, n) => 2 * n + 1);

const OUTCOMES = {
  completed: 'completed',
  failed: 'retried',
  dead: 'dead_letter',
  cancelled: 'cancelled',
} as const satisfies Partial<Record<keyof RunCounts, string>>;

/** The metrics, with zeros for each of `types` that nothing was counted of: a counter that appears with its first count loses it. */
export function metricsOf(measured: Measured, types: readonly string[]): Family[] {
  const runs = withZeros(measured.runs, types, (type) => ({ type, completed: 0, failed: 0, dead: 0, cancelled: 0 }));
  const histograms = withZeros(measured.histograms, types, (type) => ({
    type,
    wait_ms: 0,
    run_ms: 0,
    waits: null,
    runs: null,
  }));
  return [
    {
      name: 'jobqueue_runs_total',
      help: 'Runs that ended, by outcome. Restarts at midnight UTC.',
      type: 'counter',
      samples: runs.flatMap((counts) =>
        Object.entries(OUTCOMES).map(([column, outcome]) => ({
          labels: { type: counts.type, outcome },
          value: counts[column as keyof typeof OUTCOMES],
        })),
      ),
    },
    {
      name: 'jobqueue_wait_seconds',
      help: 'Time from due to started. Restarts at each full hour.',
      type: 'histogram',
      samples: histograms.flatMap((one) => histogramSamples(one, one.waits ?? [], one.wait_ms)),
    },
    {
      name: 'jobqueue_run_seconds',
      help: 'Time from started to ended. Restarts at each full hour.',
      type: 'histogram',
      samples: histograms.flatMap((one) => histogramSamples(one, one.runs ?? [], one.run_ms)),
    },
    {
      name: 'jobqueue_due_jobs',
      help: 'Jobs that could be claimed now, by lane; counted up to 1000.',
      type: 'gauge',
      samples: measured.lanes.map((lane) => ({ labels: labelsOf(lane), value: lane.due })),
    },
    {
      name: 'jobqueue_due_age_seconds',
      help: 'How long the oldest due job of a lane has been due.',
      type: 'gauge',
      samples: measured.lanes.map((lane) => ({ labels: labelsOf(lane), value: lane.ageSeconds })),
    },
    gauge('jobqueue_lanes_left_out', 'Lanes with due jobs beyond the 200 that are listed.', measured.lanesLeftOut),
    gauge('jobqueue_oldest_due_age_seconds', 'The same of all lanes that are not paused.', measured.oldestDueSeconds),
    gauge('jobqueue_running_jobs', 'Jobs that run, as drains reported them.', measured.running),
    gauge('jobqueue_open_drains', 'Drains at work.', measured.openDrains),
    {
      name: 'jobqueue_dead_letters',
      help: 'Dead letters that are kept, by type; counted up to 10000, beyond twenty types up to 200000 over all.',
      type: 'gauge',
      samples: measured.deadLetters.map(({ type, dead }) => ({ labels: { type }, value: dead })),
    },
    {
      name: 'jobqueue_paused',
      help: '1 for each paused target; * means all.',
      type: 'gauge',
      samples: measured.paused.map(({ queue, type }) => ({ labels: { queue, type }, value: 1 })),
    },
    {
      name: 'jobqueue_drains_last_hour',
      help: 'Drains that began within the last hour, by why they stopped; none: at work, or killed.',
      type: 'gauge',
      samples: measured.drains.map(({ stopReason, drains }) => ({
        labels: { stop_reason: stopReason },
        value: drains,
      })),
    },
    gauge(
      'jobqueue_last_tick_age_seconds',
      'Since the last drain that the cron began; +Inf: none within the last hour.',
      measured.lastTickSeconds ?? Number.POSITIVE_INFINITY,
    ),
    gauge(
      'jobqueue_last_drain_age_seconds',
      'Since the last drain of whatever source began; +Inf: none yet.',
      measured.lastDrainSeconds ?? Number.POSITIVE_INFINITY,
    ),
    gauge('jobqueue_protocol', 'The protocol of the functions in the database.', measured.protocol),
  ];
}

function gauge(name: string, help: string, value: number): Family {
  return { name, help, type: 'gauge', samples: [{ value }] };
}

function labelsOf({ queue, type, priority }: Measured['lanes'][number]): Record<string, string> {
  return { queue, type, priority: String(priority) };
}

function withZeros<Row extends { readonly type: string }>(
  rows: readonly Row[],
  types: readonly string[],
  zero: (type: string) => Row,
): readonly Row[] {
  const known = new Set(rows.map(({ type }) => type));
  return [...rows, ...types.filter((type) => !known.has(type)).map(zero)];
}

/** Buckets are cumulative. A duration of exactly a limit counts in the next one: bins hold what is shorter than their limit. */
function histogramSamples({ type }: TypeHistograms, bins: Histogram, sumMs: number): Sample[] {
  const upTo = (last: number) => bins.slice(0, last + 1).reduce((sum, n) => sum + n, 0);
  const count = upTo(bins.length);
  const buckets = BUCKET_BINS.map(
    (bin): Sample => ({
      suffix: '_bucket',
      labels: { type, le: String(Math.round(upperMs(bin)) / 1000) },
      value: upTo(bin),
    }),
  );
  return [
    ...buckets,
    { suffix: '_bucket', labels: { type, le: '+Inf' }, value: count },
    { suffix: '_sum', labels: { type }, value: sumMs / 1000 },
    { suffix: '_count', labels: { type }, value: count },
  ];
}
