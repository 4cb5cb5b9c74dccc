/** The last hour by the minute, over all types: what ended, how long it waited, how long it ran. */
import type { Spread, Stats } from '@conversure/jobqueue';
import { Durations, Throughput } from '../../ui/charts/over-time.tsx';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export function Charts({ stats, zone }: { stats: readonly Stats[]; zone: string }) {
  const to = Math.ceil(Date.now() / MINUTE_MS) * MINUTE_MS;
  const from = to - HOUR_MS;
  const known = new Map(stats.map((minute) => [minute.from.getTime(), minute]));
  const minutes = Array.from({ length: HOUR_MS / MINUTE_MS }, (_, n) => from + n * MINUTE_MS);
  const spreads = (of: 'wait' | 'run') => minutes.map((at) => ({ at, ...percentiles(known.get(at)?.[of]) }));
  return (
    <div className="grid gap-3 lg:grid-cols-3">
      <Throughput from={from} to={to} zone={zone} minutes={minutes.map((at) => counts(at, known.get(at)))} />
      <Durations title="Wait, from due to started" from={from} to={to} zone={zone} spreads={spreads('wait')} />
      <Durations title="Run time" from={from} to={to} zone={zone} spreads={spreads('run')} />
    </div>
  );
}

function counts(at: number, minute: Stats | undefined) {
  const { completed = 0, failed = 0, dead = 0 } = minute ?? {};
  return { at, completed, failed, dead };
}

function percentiles(spread: Spread | null | undefined) {
  return { p50: spread?.p50Ms ?? null, p95: spread?.p95Ms ?? null };
}
