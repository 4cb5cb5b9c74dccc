/** A schedule as its author sees it, checked when it is declared. Pure: no I/O, no clock. */
import { type CronLine, cronProblem } from './cron.ts';
import { LIMITS } from './limits.ts';
import { integer, type Names, name, number, oneOf, onlyKnown, refusal, refused, type Where } from './options.ts';

/** The policy for slots that no tick found in time, see docs/schedules.md: fire none, the newest, or the newest n (1 to 1,000). */
export type Misfire = 'skip' | 'latest' | { readonly all: number };

/** A daily tick, and the hour by which a platform may be late with it. */
const MISSED_AFTER_MS = 25 * 3_600_000;
/** A day of a line of every minute is 1,440 slots: who wants more of them asks for a job that knows its interval. */
const MAX_ALL = 1_000;
/** Jitter spreads a load; an hour of it is a different schedule. */
const MAX_JITTER_MS = 3_600_000;

/** Options of `defineSchedule`. */
export interface ScheduleDeclaration<Type extends string, Payload> extends CronLine {
  /** Known to operators by it, and never to be given to another schedule. */
  readonly name: string;
  readonly type: Type;
  /** A constant: it is stored, and each slot's job gets the same. What differs between slots is in `job.schedule`. */
  readonly payload: Payload;
  /** The priority of its jobs, 0 to 10; default: the type's. */
  readonly priority?: number;
  /** Default 'latest'. */
  readonly misfire?: Misfire;
  /** The longest delay at which a slot still fires under misfire 'skip', ms; default 25 hours, which allows for a daily tick. */
  readonly missedAfterMs?: number;
  /** 'skip': no job for a slot while the job of an earlier one is not finished. Default 'allow'. */
  readonly overlap?: 'allow' | 'skip';
  /** A slot's job falls due up to this much after it, ms, always the same for the same slot; at most an hour, default 0. */
  readonly jitterMs?: number;
}

const NAMES: Names<ScheduleDeclaration<string, unknown>> = {
  name: true,
  cron: true,
  timeZone: true,
  type: true,
  payload: true,
  priority: true,
  misfire: true,
  missedAfterMs: true,
  overlap: true,
  jitterMs: true,
};

/** A checked schedule, as `defineSchedule` returns it. */
export interface Schedule<Type extends string = string, Payload = unknown> extends CronLine {
  readonly name: string;
  readonly type: Type;
  readonly payload: Payload;
  /** Undefined: the type's. */
  readonly priority?: number;
  readonly misfire: Misfire;
  readonly missedAfterMs: number;
  readonly overlap: 'allow' | 'skip';
  readonly jitterMs: number;
}

/**
 * Declares a schedule: one job for each instant that the cron line names in the zone. Give it to `createQueue({ schedules })`.
 * Throws QueueError `schedule_definition_invalid`.
 */
export function defineSchedule<const Type extends string, const Payload>(
  declaration: ScheduleDeclaration<Type, Payload>,
): Schedule<Type, Payload> {
  const where = {
    call: `defineSchedule('${String(declaration.name).slice(0, 100)}')`,
    code: 'schedule_definition_invalid',
  } as const;
  onlyKnown(declaration, NAMES, where);
  return checkedSchedule(declaration, where);
}

/** The schedule with its defaults. Its type and payload are not looked at. Throws QueueError. */
export function checkedSchedule<const Type extends string, const Payload>(
  declaration: ScheduleDeclaration<Type, Payload>,
  where: Where,
): Schedule<Type, Payload> {
  const { cron, timeZone, type, payload, priority } = declaration;
  const { misfire = 'latest', missedAfterMs = MISSED_AFTER_MS, overlap = 'allow', jitterMs = 0 } = declaration;
  name('name', declaration.name, where);
  const problem = cronProblem({ cron, timeZone });
  if (problem) throw refusal(problem.path, problem.message, where);
  if (!isMisfire(misfire)) throw refused('misfire', `'skip', 'latest' or { all: 1 to ${MAX_ALL} }`, misfire, where);
  number('missedAfterMs', missedAfterMs, { min: 0, max: LIMITS.scheduledForMs }, where);
  oneOf('overlap', overlap, ['allow', 'skip'], where);
  integer('jitterMs', jitterMs, { min: 0, max: MAX_JITTER_MS }, where);
  if (priority !== undefined) integer('priority', priority, { min: 0, max: LIMITS.maxPriority }, where);
  return {
    ...{ name: declaration.name, cron, timeZone, type, payload, misfire, missedAfterMs, overlap, jitterMs },
    ...(priority !== undefined && { priority }),
  };
}

function isMisfire(misfire: Misfire): boolean {
  if (misfire === 'skip' || misfire === 'latest') return true;
  const all = misfire?.all;
  return Number.isInteger(all) && all >= 1 && all <= MAX_ALL;
}
