/** A queue with schedules under test: what its handlers saw, and rows moved instead of clocks. */
import { z } from 'zod';
import { emptied } from '../../../tests/support/empty.ts';
import {
  createQueue,
  defineJob,
  defineSchedule,
  type Log,
  type RunningJob,
  type ScheduleDeclaration,
} from '../src/index.ts';
import type { Database } from '../src/postgres/connect.ts';
import { emptyTables, rows } from './support.ts';

type Report = ScheduleDeclaration<'report', { readonly company: string }>;

/** An hourly schedule of the job 'report'. */
export function report(of: Partial<Report> = {}) {
  return defineSchedule({
    name: 'reports',
    cron: '0 * * * *',
    timeZone: 'Europe/Berlin',
    type: 'report',
    payload: { company: 'acme' },
    ...of,
  });
}

export function scheduledQueue(
  database: Database,
  schedules: readonly ReturnType<typeof report>[],
  queueName = 'default',
) {
  const seen: RunningJob[] = [];
  const logged: { event: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const log: Log = (_, event, fields) => {
    if (!/^(drain|job)_/.test(event)) logged.push({ event, fields });
  };
  const job = defineJob({
    type: 'report',
    payload: z.object({ company: z.string() }),
    queue: queueName,
    handler: async () => ({
      run: async ({ job }) => {
        seen.push(job);
      },
    }),
  });
  return { queue: createQueue({ database, jobs: [job], schedules, log }), seen, logged };
}

export async function emptySchedules(database: Database): Promise<void> {
  await emptyTables(database);
  await rows(database, emptied('jobqueue.schedules', 'jobqueue.schedule_slots', 'jobqueue.schedule_sets'));
}

/** As if no tick had come for this long before the last full minute: every slot since is due. */
export async function silence(database: Database, interval: string, name = '%'): Promise<void> {
  await rows(
    database,
    `update jobqueue.schedules
     set fired_until = date_trunc('minute', now()) - $1::interval, next_slot_at = '-infinity' where name like $2`,
    interval,
    name,
  );
}

/** As if the tick of the latest full hour had not come: one slot of an hourly line is due, whatever the minute is now. */
export async function missOneSlot(database: Database): Promise<void> {
  await rows(
    database,
    `update jobqueue.schedules set fired_until = date_trunc('hour', now()) - interval '1 minute', next_slot_at = '-infinity'`,
  );
}

/** A copy that tells each statement before it sends it. */
export function watched(database: Database, tell: (text: string, params: readonly unknown[]) => void): Database {
  return new Proxy(database, {
    get(target, key) {
      if (key !== 'execute') return Reflect.get(target, key, target);
      const execute: Database['execute'] = (statement, options) => {
        tell(statement.text, statement.params);
        return target.execute(statement, options);
      };
      return execute;
    },
  });
}

/** Slot rows, oldest first. */
export function slotRows(database: Database) {
  return rows<{ schedule: string; slot_ms: number; job_id: string | null }>(
    database,
    `select schedule, (extract(epoch from slot) * 1000)::float8 as slot_ms, job_id::text as job_id
     from jobqueue.schedule_slots order by slot, schedule`,
  );
}
