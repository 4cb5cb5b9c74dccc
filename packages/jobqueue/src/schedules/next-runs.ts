/** The next instants of a cron line. */

import { type CronLine, cronProblem, slotAfter } from '../core/cron.ts';
import { integer, onlyKnown, refusal, refused } from '../core/options.ts';

/** A page of instants; each takes some 50 µs. */
const MOST_RUNS = 1_000;

/** Options of `nextRuns`. */
export interface NextRunsOptions {
  /** Only instants after this one; default now. */
  readonly after?: Date;
  /** 1 to 1,000; default 1. */
  readonly count?: number;
}

/**
 * The next instants that a cron line names in its time zone, as a drain fires them: across changes of the clock, and without
 * what operators have paused or put in its place. Fewer than `count` if the line names no more. Throws QueueError `option_invalid`.
 *
 * @example
 * nextRuns({ cron: '30 2 * * *', timeZone: 'Europe/Berlin' }, { count: 3 }); // three Dates
 */
export function nextRuns(line: CronLine, options: NextRunsOptions = {}): readonly Date[] {
  const where = { call: 'nextRuns' };
  onlyKnown(options, { after: true, count: true }, where);
  const { after = new Date(), count = 1 } = options;
  integer('count', count, { min: 1, max: MOST_RUNS }, where);
  if (!(after instanceof Date) || Number.isNaN(after.getTime())) throw refused('after', 'a valid Date', after, where);
  const problem = cronProblem(line);
  if (problem) throw refusal(problem.path, problem.message, where);
  const runs: Date[] = [];
  for (let at = slotAfter(line, after.getTime()); at !== null; at = slotAfter(line, at)) {
    runs.push(new Date(at));
    if (runs.length === count) break;
  }
  return runs;
}
