/** The drains of one queue: what they share, and the tasks beside their jobs. Loaded by the first drain. */
import type { DrainReport } from './core/drain-report.ts';
import type { Retention } from './core/retention.ts';
import { drain } from './drain/drain.ts';
import type { DrainOptions } from './drain/drain-options.ts';
import type { DrainContext } from './drain/drain-run.ts';
import { pruneTask } from './maintenance/prune.ts';
import { incidentsTask } from './monitoring/watch.ts';
import type { WatchOptions } from './monitoring/watch-options.ts';
import { replaysTask } from './operations/replay.ts';
import type { Database } from './postgres/database.ts';
import { RateLimiter } from './rate-limits/limiter.ts';
import type { DeclaredSchedules } from './schedules/declared.ts';
import { schedulesTask } from './schedules/fire.ts';

export interface DrainerOptions
  extends Pick<
    DrainContext,
    'around' | 'environment' | 'jobs' | 'keyWindowMs' | 'log' | 'logJobs' | 'maxDurationMs' | 'telemetry'
  > {
  readonly database: () => Database;
  /** The types that have a handler here. */
  readonly handled: readonly string[];
  /** Null: this deployment says nothing about schedules, and fires what is due of others. */
  readonly schedules: DeclaredSchedules | null;
  readonly watch: WatchOptions;
  readonly retention: Retention;
}

/** Answers the function that drains; see `drain` for what it throws. */
export function drainer({
  database,
  handled,
  schedules,
  watch,
  retention,
  ...shared
}: DrainerOptions): (options: DrainOptions) => Promise<DrainReport> {
  const tasks = [
    schedulesTask(schedules, shared.log),
    replaysTask(handled),
    incidentsTask(watch),
    pruneTask(retention),
  ];
  const limiter = new RateLimiter(database, shared.log);
  const longestRunMs = new Map<string, number>();
  return async (options) => {
    const context: DrainContext = { ...shared, executor: database(), tasks, limiter, longestRunMs };
    return limiter.during(() => drain(context, options));
  };
}
