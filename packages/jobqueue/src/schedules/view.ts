/** A stored schedule as operators see it. */
import type { CronLine } from '../core/cron.ts';
import { QueueError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { dateOf } from '../postgres/statements/rows.ts';
import type { ScheduleKind, ScheduleRow } from '../postgres/statements/schedules.ts';

/** A stored schedule with its pause, override and slots. */
export interface ScheduleView {
  readonly name: string;
  /** `code`: a deployment declares it, or did. `runtime`: it was made by `queue.schedules.create` or in SQL. */
  readonly kind: ScheduleKind;
  readonly type: string;
  /** The line in force: an operator's, else the code's. */
  readonly cron: string;
  readonly timeZone: string;
  /** An operator's replacement of the code's line; null if there is none. */
  readonly override: Partial<CronLine> | null;
  readonly paused: { readonly since: Date; readonly reason: string | null } | null;
  /** Null while it is not known: a new line is read by the next tick, and one with a problem is not. */
  readonly nextSlot: Date | null;
  readonly lastSlot: Date | null;
  /** Null if there was none yet, or if the last slot was skipped. */
  readonly lastJobId: string | null;
  /** True if the deployment in force still declares it, and for those of run time. */
  readonly declared: boolean;
  /** The reason why drains cannot fire it; null if they can. What is due then fires once the reason is gone. */
  readonly problem: string | null;
}

export function viewOf(row: ScheduleRow): ScheduleView {
  const { override_cron, override_time_zone } = row;
  const overridden = override_cron !== null || override_time_zone !== null;
  return {
    name: row.name,
    kind: row.kind,
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
    nextSlot: row.problem === null ? dateOf(row.next_slot_ms) : null,
    lastSlot: dateOf(row.last_slot_ms),
    lastJobId: row.last_job_id,
    declared: row.declared,
    problem: row.problem,
  };
}

/** Postgres refuses some of the other texts as no text at all. */
export function isScheduleName(name: unknown): name is string {
  return typeof name === 'string' && LIMITS.name.pattern.test(name);
}

export function unknownSchedule(name: unknown): QueueError {
  const message = `expected a schedule that was made at run time, or that code declares and a drain has seen, got '${String(name).slice(0, 100)}'`;
  return new QueueError('unknown_schedule', message, { issues: [{ path: 'name', message }] });
}
