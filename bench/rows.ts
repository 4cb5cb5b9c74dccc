/** The rows of the benchmark's table, each with enough jobs for a run that is long enough to trust. */
import type { Assignment } from './contestant.ts';
import type { QueueName } from './queues.ts';

/** A row: its title in the table, and the assignment of its processes without the URL. */
export interface Row extends Omit<Assignment, 'url'> {
  readonly name: string;
  /** Queues that take part in this row beside the usual ones. `before` leaves rows with `jobMs` out, of which it knows nothing. */
  readonly guests?: readonly QueueName[];
}

/** The round trip between a function and a database of the same region, through a pooler; and of one nearby. */
const ADDED_MS = { region: 5, nearby: 20 } as const;

/** Two to four seconds a run at the rates of the fastest queue: long against start-up and cold plans, short enough to interleave. */
const JOBS = {
  near: 120_000,
  nearFour: 240_000,
  far: 60_000,
  farFour: 120_000,
  one: 2_000,
  thousands: 50_000,
  slow: 3_000,
} as const;

export const ROWS: readonly Row[] = [
  ...[0, ADDED_MS.region].flatMap((latencyMs) =>
    [1, 4].flatMap((drains) => [100, 500].map((batch) => drainRow(batch, drains, latencyMs))),
  ),
  ...[100, 500].map((batch) => drainRow(batch, 4, ADDED_MS.nearby)),
  ...[100, 500].map((batch) => drainRow(batch, 8, 0)),
  {
    name: 'drain, 10 ms jobs, 10 at once',
    mode: 'drain',
    batch: 100,
    drains: 1,
    latencyMs: 0,
    jobs: JOBS.slow,
    jobMs: 10,
    concurrency: 10,
    guests: ['DataQueue'],
  },
  { name: 'addJob, one by one', mode: 'enqueue-one', batch: 1, drains: 1, latencyMs: 0, jobs: JOBS.one },
  { name: 'addJobs, 1,000 a call', mode: 'enqueue-batch', batch: 1_000, drains: 1, latencyMs: 0, jobs: JOBS.thousands },
];

function drainRow(batch: number, drains: number, latencyMs: number): Row {
  const near = latencyMs === 0;
  const jobs = drains === 1 ? (near ? JOBS.near : JOBS.far) : near ? JOBS.nearFour : JOBS.farFour;
  const name = `drain, batch ${batch}, ${drains} ${drains === 1 ? 'drain' : 'drains'}${near ? '' : `, +${latencyMs} ms`}`;
  return { name, mode: 'drain', batch, drains, latencyMs, jobs };
}
