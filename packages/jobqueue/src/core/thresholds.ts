/** Limits of the health checks: the app's options with defaults, as health_1 and watch_1 read them. Pure. */
import type { Job } from './job.ts';
import { LIMITS } from './limits.ts';
import { type Duration, duration, type Names, number, onlyKnown } from './options.ts';

/** Limits at which health checks turn red. */
export interface HealthOptions {
  /** The interval of ticks, ms or like '15m'; default '1m'. */
  readonly tickEvery?: Duration;
  /** Ticks that may be missing before health turns red; default 3. */
  readonly missedTicks?: number;
  /** The longest that a due job may wait if its type does not say; default '5m', or the time of the missed ticks if that is longer. */
  readonly startWithin?: Duration;
  /** So many dead letters of a type within an hour are too many, or `times` as many as in an hour of the day before; default 3. */
  readonly deadLetters?: number;
  /** Such a share of failed attempts is too much, or `times` that of the day before; default 0.2. */
  readonly retryRatio?: number;
  /** Dead letters and retries turn red at this many times their own past; default 3. */
  readonly factor?: number;
  /** The p95 of a type's run time turns red at this many times its own past, and at least a second more; default 3. */
  readonly runTimes?: number;
  /** With fewer attempts of a type, in the last 15 minutes or in the day before, nothing is compared; default 20. */
  readonly attempts?: number;
  /** So many ticks in a row that end for lack of time are too many; default 5. */
  readonly deadlineTicks?: number;
  /** So often a live job may have been claimed, each slice of `continueWith` among them; default 10,000. Not below 1,000. */
  readonly slices?: number;
  /** The longest that a snapshot may hold back vacuum; default '15m'. 10 million transactions always turn it red. */
  readonly snapshotAge?: Duration;
}

const NAMES: Names<HealthOptions> = {
  tickEvery: true,
  missedTicks: true,
  startWithin: true,
  deadLetters: true,
  retryRatio: true,
  factor: true,
  runTimes: true,
  attempts: true,
  deadlineTicks: true,
  snapshotAge: true,
  slices: true,
};

/** As SQL reads it; see health_1.sql. */
export interface Thresholds {
  readonly functions: readonly string[];
  readonly tickMs: number;
  readonly types: Readonly<Record<string, number>>;
  readonly startWithinMs: number;
  readonly deadLetters: number;
  readonly times: number;
  readonly retryRatio: number;
  readonly runTimes: number;
  readonly attempts: number;
  readonly deadlineTicks: number;
  readonly slices: number;
  readonly snapshotMs: number;
  readonly snapshotXids: number;
}

const MINUTE_MS = 60_000;
const ANY_DURATION = { min: 1, max: LIMITS.scheduledForMs };
/** At some two hundred million Postgres begins to force vacuums; long before that dead rows are what slows claims. */
const SNAPSHOT_XIDS = 10_000_000;

/** `sleepMs`: for so long ticks may let the database alone, see wakeHint.ts. Throws QueueError `option_invalid`. */
export function thresholdsOf(
  options: HealthOptions,
  jobs: Iterable<Job>,
  functions: readonly string[],
  sleepMs: number,
): Thresholds {
  const where = { call: 'createQueue', at: 'health.' };
  onlyKnown(options, NAMES, where);
  const within = (option: string, value: number, min: number, max: number) =>
    number(option, value, { min, max }, where);
  const durationMs = (option: string, value: Duration) => duration(option, value, ANY_DURATION, where);
  const { missedTicks = 3, deadLetters = 3, retryRatio = 0.2, factor = 3, runTimes = 3 } = options;
  const { attempts = 20, deadlineTicks = 5, slices = 10_000 } = options;
  const tickMs = durationMs('tickEvery', options.tickEvery ?? '1m') * within('missedTicks', missedTicks, 1, 1_000);
  const startWithinMs =
    options.startWithin === undefined
      ? Math.max(5 * MINUTE_MS, tickMs)
      : durationMs('startWithin', options.startWithin);
  const types: Record<string, number> = {};
  for (const job of jobs) if (job.handler) types[job.type] = job.startWithinMs ?? startWithinMs;
  return {
    functions,
    tickMs: tickMs + sleepMs,
    types,
    startWithinMs,
    deadLetters: within('deadLetters', deadLetters, 1, 1_000),
    times: within('times', factor, 1, 1_000),
    retryRatio: within('retryRatio', retryRatio, 0.001, 1),
    runTimes: within('runTimes', runTimes, 1, 1_000),
    attempts: within('attempts', attempts, 1, 1_000_000),
    deadlineTicks: within('deadlineTicks', deadlineTicks, 1, 100),
    slices: within('slices', slices, LIMITS.fewSlices, 1_000_000_000),
    snapshotMs: durationMs('snapshotAge', options.snapshotAge ?? '15m'),
    snapshotXids: SNAPSHOT_XIDS,
  };
}
