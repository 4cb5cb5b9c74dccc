/** Decides which slots of a due schedule fire: the whole misfire policy. Pure: the instants are Postgres' own. */
import { type CronLine, slotAfter, slotsBetween } from '../core/cron.ts';
import type { DueSchedule, Fire } from '../postgres/statements/schedules.ts';

/** Slots to fire, and if others were missed. */
export interface Decision {
  readonly fire: Fire;
  readonly missed: boolean;
}

/**
 * A slot is due once its instant has come. If several are due, all but the newest are missed, because their successor has come
 * too. The newest is missed as well if it fell into a pause or is found later than `missedAfterMs`.
 */
export function decide(due: DueSchedule): Decision {
  const nowMs = Date.parse(due.now);
  const { slots, leftOut } = newestDue(due, nowMs, typeof due.misfire === 'object' ? due.misfire.all : 1);
  const kept = due.misfire === 'skip' ? slots.filter((slot) => !isMissed(slot, due, nowMs)) : slots;
  const next = slotAfter(due, nowMs);
  return {
    fire: {
      name: due.name,
      revision: due.revision,
      until: due.now,
      next: next === null ? null : new Date(next).toISOString(),
      slots: kept.map((slot) => new Date(slot).toISOString()),
    },
    missed: leftOut || kept.length < slots.length,
  };
}

function isMissed(slot: number, { missedAfterMs, resumedAt }: DueSchedule, nowMs: number): boolean {
  return nowMs - slot > missedAfterMs || (typeof resumedAt === 'string' && slot <= Date.parse(resumedAt));
}

/** Under the former line up to the moment of its change, under the present one from there. */
function newestDue(due: DueSchedule, nowMs: number, most: number) {
  const firedMs = Date.parse(due.firedUntil);
  const changedMs = due.former ? Math.max(firedMs, Date.parse(due.former.until)) : firedMs;
  const present = slotsBetween(due, { afterMs: changedMs, untilMs: nowMs, most });
  const room = most - present.slots.length;
  if (!due.former || changedMs === firedMs) return present;
  const former: CronLine = due.former;
  const before = slotsBetween(former, { afterMs: firedMs, untilMs: changedMs, most: room });
  return { slots: [...before.slots, ...present.slots], leftOut: present.leftOut || before.leftOut };
}
