/** Turns samples into Markdown: medians of each queue, and ratios that say how far ours is ahead. Pure. */
import type { Sample } from './measure.ts';
import type { QueueName } from './queues.ts';

/** One run: which row, which queue, which round. */
export interface Run {
  readonly row: string;
  readonly queue: QueueName;
  readonly round: number;
  readonly sample: Sample;
}

interface Metric {
  readonly title: string;
  readonly key: keyof Sample;
  readonly better: 'more' | 'less';
  readonly digits: number;
}

const METRICS: readonly Metric[] = [
  { title: 'Jobs per second', key: 'jobsPerSecond', better: 'more', digits: 0 },
  { title: 'Database CPU, µs per job', key: 'cpuMicrosPerJob', better: 'less', digits: 1 },
  { title: 'Client CPU, µs per job', key: 'clientCpuMicrosPerJob', better: 'less', digits: 1 },
  { title: 'Round trips per job', key: 'roundTripsPerJob', better: 'less', digits: 4 },
  { title: 'WAL, bytes per job', key: 'walBytesPerJob', better: 'less', digits: 0 },
];

/**
 * One table per metric. A ratio is the median of the ratios within each round, so that a machine which slows down between
 * rounds does not enter it, with the least and the greatest; above 1 ours is ahead, whichever way the metric counts.
 */
export function table(runs: readonly Run[]): string {
  return METRICS.map((metric) => section(metric, runs)).join('\n\n');
}

function section(metric: Metric, runs: readonly Run[]): string {
  const queues = [...new Set(runs.map((run) => run.queue))];
  const peers = queues.includes('ours') ? queues.filter((queue) => queue !== 'ours') : [];
  const head = ['', ...queues, ...peers.map((peer) => `ours : ${peer}`)];
  const lines = [...new Set(runs.map((run) => run.row))].map((row) => {
    const ofRow = runs.filter((run) => run.row === row);
    const medians = queues.map((queue) => {
      const values = ofRow.filter((run) => run.queue === queue).map((run) => run.sample[metric.key]);
      return show(median(values), metric.digits);
    });
    const ratios = peers.map((peer) => ratio(ofRow, peer, metric));
    return [row, ...medians, ...ratios];
  });
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [`### ${metric.title}`, '', ...[head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`)].join('\n');
}

function ratio(runs: readonly Run[], peer: QueueName, { key, better }: Metric): string {
  const rounds = [...new Set(runs.map((run) => run.round))];
  const ratios = rounds.map((round) => {
    const value = (queue: QueueName) => runs.find((run) => run.round === round && run.queue === queue)?.sample[key];
    const [ours, theirs] = [value('ours'), value(peer)];
    if (!ours || !theirs) return null;
    return better === 'more' ? ours / theirs : theirs / ours;
  });
  const middle = median(ratios);
  if (middle === null) return '–';
  const known = ratios.filter((value) => value !== null);
  const spread = known.length < 2 ? '' : ` (${Math.min(...known).toFixed(2)}–${Math.max(...known).toFixed(2)})`;
  // A ratio that rounds to 1.00 is a tie.
  return (middle < 0.995 ? `**${middle.toFixed(2)}, behind**` : middle.toFixed(2)) + spread;
}

/** The middle of the known values; `null` if there are none. */
export function median(values: readonly (number | null | undefined)[]): number | null {
  const sorted = values.filter((value) => typeof value === 'number').sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}

function show(value: number | null, digits: number): string {
  if (value === null) return '–';
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
