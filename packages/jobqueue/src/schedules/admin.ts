/** Operators' changes of schedules. Each is one statement, with its line in the audit log. */

import { type Actor, checkActor } from '../core/actor.ts';
import { type CronLine, cronProblem } from '../core/cron.ts';
import { QueueError } from '../core/errors.ts';
import { refusal } from '../core/options.ts';
import {
  kindOfSchedule,
  listSchedules,
  overrideSchedule,
  pauseSchedule,
  resumeSchedule,
  runSchedule,
} from '../postgres/statements/schedules.ts';
import { type RuntimeOptions, runtimeSchedules, type Schedules } from './runtime.ts';
import { isScheduleName, unknownSchedule, viewOf } from './view.ts';

/** As many as code can declare, and as many others again. */
const MAX_LISTED = 2_000;

/** Schedules of the code are known once a drain of the deployment that declares them has begun. All throw QueueError `unknown_schedule`, `option_invalid`. */
export interface ScheduleControls {
  /** Lists, makes, changes and previews schedules. */
  readonly schedules: Schedules;
  /** No slot fires until it is resumed; deploys do not change that. */
  pauseSchedule(name: string, by: Actor): Promise<void>;
  /** Slots of the pause are missed: `misfire` says what becomes of them. */
  resumeSchedule(name: string, by: Actor): Promise<void>;
  /** Puts cron line, zone or both in place of the code's from now on, through every deploy; `null` takes that back. `schedule_kind` for one of run time. */
  overrideSchedule(name: string, line: Partial<CronLine> | null, by: Actor): Promise<void>;
  /** One job now, outside the slots, paused or not; answers its id. Its `job.schedule.slot` is this moment. */
  runSchedule(name: string, by: Actor): Promise<{ readonly id: string }>;
}

export function scheduleControls(options: RuntimeOptions): ScheduleControls {
  const { database } = options;
  const all = async () => (await listSchedules(database(), MAX_LISTED)).map(viewOf);
  return {
    schedules: Object.assign(all, runtimeSchedules(options)),
    pauseSchedule: async (name, by) => known(name, await pauseSchedule(database(), text(name), checkActor(by))),
    resumeSchedule: async (name, by) => known(name, await resumeSchedule(database(), text(name), checkActor(by))),
    async overrideSchedule(name, line, by) {
      if (line !== null) checkLine(line);
      if (await overrideSchedule(database(), text(name), line ?? {}, checkActor(by))) return;
      if ((await kindOfSchedule(database(), name)) === null) throw unknownSchedule(name);
      const message = `'${name}' was made at run time: change its line with schedules.update`;
      throw new QueueError('schedule_kind', message, { issues: [{ path: 'name', message }] });
    },
    async runSchedule(name, by) {
      const id = await runSchedule(database(), text(name), checkActor(by));
      if (id === null) throw unknownSchedule(name);
      return { id };
    },
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

/** A name that no schedule can have is not sent to Postgres. */
function text(name: string): string {
  if (!isScheduleName(name)) throw unknownSchedule(name);
  return name;
}

function known(name: string, found: boolean): void {
  if (!found) throw unknownSchedule(name);
}
