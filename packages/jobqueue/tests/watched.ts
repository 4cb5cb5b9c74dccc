/** A queue whose health is watched, the rows that make its checks red, and what moves its clock: rows, not time. */
import { z } from 'zod';
import { emptied } from '../../../tests/support/empty.ts';
import { type AlertOptions, createQueue, defineJob, type Guard, type HealthOptions } from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { emptyTables, rows } from './support.ts';

export interface Line {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function watchedQueue(
  database: Database,
  options: {
    readonly health?: HealthOptions;
    readonly alerts?: AlertOptions;
    readonly guard?: Guard;
    readonly startWithin?: '1h';
    readonly waitUntil?: (promise: Promise<unknown>) => void;
  } = {},
) {
  const lines: Line[] = [];
  const { health = {}, alerts = {}, guard, startWithin, waitUntil } = options;
  const handler = async () => ({
    run: async ({ payload }: { payload: { fail?: boolean | undefined } }) => {
      if (payload.fail) throw new Error('as told');
    },
  });
  const payload = z.object({ fail: z.boolean().optional() });
  const queue = createQueue({
    database,
    health,
    alerts,
    jobs: [
      defineJob({ type: 'work', payload, handler, ...(guard && { guard }) }),
      defineJob({ type: 'calm', payload, handler, ...(startWithin && { startWithin }) }),
      defineJob({ type: 'nobody', payload: z.object({}) }),
    ],
    ...(waitUntil && { kick: { waitUntil, failed: () => undefined } }),
    log: (level, event, fields) => {
      if (!/^(drain|job)_/.test(event)) lines.push({ level, event, fields });
    },
  });
  return { queue, lines };
}

/** No incident, no trend, no look yet; and a tick a moment ago, so that nothing is red. */
export async function calm(database: Database): Promise<void> {
  await emptyTables(database);
  await rows(database, emptied('jobqueue.incidents', 'jobqueue.mutes', 'jobqueue.rollups', 'jobqueue.trends'));
  await rows(
    database,
    `update jobqueue.watch set looked_at = '-infinity', reds = '{}', since = now(), folded_until = date_trunc('minute', now()) - interval '2 days'`,
  );
  await ticked(database);
}

/** A tick that ended so long ago with this stop reason. */
export async function ticked(database: Database, ago = '1 second', reason: string | null = 'empty'): Promise<void> {
  await rows(
    database,
    `insert into jobqueue.drains (id, source, started_at, last_step_at, deadline_at, finished_at, stop_reason)
     values (gen_random_uuid(), 'cron', now() - $1::interval, now() - $1::interval, now(),
             case when $2::text is not null then now() - $1::interval end, $2)`,
    ago,
    reason,
  );
}

/** Makes all ticks so far as old as told. */
export async function noTickFor(database: Database, ago: string): Promise<void> {
  await rows(
    database,
    `update jobqueue.drains set started_at = now() - $1::interval, last_step_at = now() - $1::interval, finished_at = now() - $1::interval`,
    ago,
  );
}

/** The last look was a minute ago. */
export async function aMinuteLater(database: Database): Promise<void> {
  await rows(database, "update jobqueue.watch set looked_at = now() - interval '1 minute'");
}

/** A job that has been due for so long. */
export async function dueFor(database: Database, type: string, ago: string, queue = 'default'): Promise<void> {
  await rows(
    database,
    `insert into jobqueue.jobs (due_at, type, queue, payload, payload_bytes) values (now() - $2::interval, $1, $3, '{}', 2)`,
    type,
    ago,
    queue,
  );
}

export async function deadLetters(database: Database, count: number, ago: string, type = 'work'): Promise<void> {
  await rows(
    database,
    `insert into jobqueue.job_history (id, status, created_at, due_at, finished_at, fence, attempt, max_attempts, priority, queue, type, payload)
     select nextval('jobqueue.jobs_id_seq'), 'DEAD_LETTER', now(), now(), now() - $2::interval, 1, 3, 3, 0, 'default', $3, '{}'
     from generate_series(1, $1::int)`,
    count,
    ago,
    type,
  );
}

export interface Minute {
  readonly type?: string;
  readonly completed?: number;
  readonly failed?: number;
  readonly dead?: number;
  /** The duration of each of its runs, as a bin of histogram.ts. */
  readonly bin?: number;
}

/** Inserts a drain's counts for the minute of that instant. */
export async function rollup(database: Database, ago: string, minute: Minute): Promise<void> {
  const { type = 'work', completed = 0, failed = 0, dead = 0, bin = 0 } = minute;
  const runs = `{${[...Array(bin).fill(0), completed + failed + dead].join(',')}}`;
  await rows(
    database,
    `insert into jobqueue.rollups (minute, type, drain, completed, failed, dead, runs)
     values (date_trunc('minute', now() - $1::interval), $2, gen_random_uuid(), $3, $4, $5, $6::int[])`,
    ago,
    type,
    completed,
    failed,
    dead,
    runs,
  );
}

/** A day of this, at 3 and at 12 hours ago. */
export async function dayOf(database: Database, minute: Minute): Promise<void> {
  await rollup(database, '3 hours', minute);
  await rollup(database, '12 hours', minute);
}
