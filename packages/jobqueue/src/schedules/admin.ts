/** Operators' changes of schedules. Each is one statement, with its line in the audit log. */

import { type Actor, checkActor } from '../core/actor.ts';
import { type CronLine, cronProblem } from '../core/cron.ts';
import { QueueError } from '../core/errors.ts';
import { refusal } from '../core/options.ts';
import { isStorableText } from '../core/serialize.ts';
import type { Executor } from '../postgres/database.ts';
import { dateOf } from '../postgres/statements/rows.ts';
import {
  listSchedules,
  overrideSchedule,
  pauseSchedule,
  resumeSchedule,
  runSchedule,
  type ScheduleRow,
} from '../postgres/statements/schedules.ts';

/** As many as code can declare, and as many again that it once did. */
const MAX_LISTED = 2_000;
/** A stored schedule with its pause, override and slots. */
export interface ScheduleView {
  readonly name: string;
  readonly type: string;
  /** The line in force: an operator's, else the code's. */
  readonly cron: string;
  readonly timeZone: string;
  /** An operator's replacement of the code's line; null if there is none. */
  readonly override: Partial<CronLine> | null;
  readonly paused: { readonly since: Date; readonly reason: string | null } | null;
  /** Null while it is not known: a new line is read by the next tick. */
  readonly nextSlot: Date | null;
  readonly lastSlot: Date | null;
  /** Null if there was none yet, or if the last slot was skipped. */
  readonly lastJobId: string | null;
  /** True if the deployment in force still declares it. */
  readonly declared: boolean;
}

/** Schedules are known once a drain of the deployment that declares them has begun. All throw QueueError `unknown_schedule`, `option_invalid`. */
export interface ScheduleControls {
  /** Those that code declares first, then those that it once did; by name. */
  schedules(): Promise<readonly ScheduleView[]>;
  /** No slot fires until it is resumed; deploys do not change that. */
  pauseSchedule(name: string, by: Actor): Promise<void>;
  /** Slots of the pause are missed: `misfire` says what becomes of them. */
  resumeSchedule(name: string, by: Actor): Promise<void>;
  /** Puts cron line, zone or both in place of the code's from now on, through every deploy; `null` takes that back. */
  overrideSchedule(name: string, line: Partial<CronLine> | null, by: Actor): Promise<void>;
  /** One job now, outside the slots, paused or not; answers its id. Its `job.schedule.slot` is this moment. */
  runSchedule(name: string, by: Actor): Promise<{ readonly id: string }>;
}

export function scheduleControls(database: () => Executor): ScheduleControls {
  return {
    schedules: async () => (await listSchedules(database(), MAX_LISTED)).map(view),
    pauseSchedule: async (name, by) => known(name, await pauseSchedule(database(), text(name), checkActor(by))),
    resumeSchedule: async (name, by) => known(name, await resumeSchedule(database(), text(name), checkActor(by))),
    async overrideSchedule(name, line, by) {
      if (line !== null) checkLine(line);
      known(name, await overrideSchedule(database(), text(name), line ?? {}, checkActor(by)));
    },
    async runSchedule(name, by) {
      const id = await runSchedule(database(), text(name), checkActor(by));
      if (id === null) throw unknown(name);
      return { id };
    },
  };
}

function view(row: ScheduleRow): ScheduleView {
  const { override_cron, override_time_zone } = row;
  const overridden = override_cron !== null || override_time_zone !== null;
  return {
    name: row.name,
    type: row.type,
    cron: override_cron ?? row.cron,
    timeZone: override_time_zone ?? row.time_zone,
    override: overridden
      ? {
          ...(override_cron !== null && { cron: override_cron }),
          ...(override_time_zone !== null && { timeZone: override_time_zone }),
        }
      : null,
    paused: row.paused_ms === null ? null : { since: new Date(row.paused_ms), reason: row.pause_reason },
    nextSlot: dateOf(row.next_slot_ms),
    lastSlot: dateOf(row.last_slot_ms),
    lastJobId: row.last_job_id,
    declared: row.declared,
  };
}

/** Checks a line of an operator; parts that are left out stay the code's. */
function checkLine(line: Partial<CronLine>): void {
  const { cron = '* * * * *', timeZone = 'UTC' } = line;
  if (line.cron === undefined && line.timeZone === undefined)
    throw refusal('line', "expected cron, timeZone or both, or null for the code's own");
  const problem = cronProblem({ cron, timeZone });
  if (problem) throw refusal(problem.path, problem.message);
}

/** A name that no schedule can have is not sent to Postgres, which refuses some of them as no text at all. */
function text(name: string): string {
  if (!isText(name, 100)) throw unknown(name);
  return name;
}

function isText(value: unknown, most: number): boolean {
  return typeof value === 'string' && value !== '' && value.length <= most && isStorableText(value);
}

function known(name: string, found: boolean): void {
  if (!found) throw unknown(name);
}

function unknown(name: unknown): QueueError {
  const message = `expected a schedule that code declares and a drain has seen, got '${String(name).slice(0, 100)}'`;
  return new QueueError('unknown_schedule', message, { issues: [{ path: 'name', message }] });
}
