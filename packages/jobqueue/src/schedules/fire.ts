/** The maintenance task that keeps schedules: writes what code declares, and fires the slots that have come. */
import { setImmediate as otherWork, setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import { classifyError } from '../core/sqlstate.ts';
import type { MaintenanceTask, TaskContext } from '../maintenance/maintenance.ts';
import { type DueSchedule, type Fire, fire, syncSchedules } from '../postgres/statements/schedules.ts';
import type { DeclaredSchedules } from './declared.ts';
import { decide } from './misfire.ts';

/** One call fires as many slots: a second of work for Postgres at most. */
const MAX_SLOTS = 1_000;
const TRIES = 3;
const STATEMENT_MS = 10_000;
const PAUSE_MS = 200;

/** Writes the declared schedules when they differ from the stored ones, and fires what is due. */
export function schedulesTask({ hash, json }: DeclaredSchedules, log: Log): MaintenanceTask {
  return {
    name: 'schedules',
    request: () => ({ hash }),
    async run(answer, context) {
      const { sync, due } = answer as { readonly sync: boolean; readonly due: readonly DueSchedule[] };
      const first = sync ? await synced(context, `{"hash":"${hash}","schedules":${json}}`) : due;
      await fireAll(first, context, log);
    },
  };
}

async function synced({ executor, untilMs }: TaskContext, json: string): Promise<readonly DueSchedule[]> {
  return persistently(untilMs, (timeoutMs) => syncSchedules(executor, json, timeoutMs));
}

/** Fires until nothing is due: each call answers what is due after it. */
async function fireAll(first: readonly DueSchedule[], context: TaskContext, log: Log): Promise<void> {
  const seen = new Set<string>();
  let due = first;
  while (performance.now() < context.untilMs()) {
    const decisions: Decided[] = [];
    for (const one of due.filter((one) => isNew(seen, one))) {
      decisions.push(...decided(one, log));
      await otherWork(); // 1,000 slots of a line take 70 ms to tell
    }
    if (decisions.length === 0) return;
    for (const slice of slices(decisions)) due = await fireSlice(slice, context, log);
  }
}

/** A schedule that comes back as it was is in another drain's hands, or cannot be fired: trying again would only spin. */
function isNew(seen: Set<string>, { name, revision }: DueSchedule): boolean {
  const key = `${name} ${revision}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

interface Decided {
  readonly fire: Fire;
  readonly bytes: number;
}

/** A line that only newer code can read must not keep the others from firing. */
function decided(due: DueSchedule, log: Log): readonly Decided[] {
  const { name, cron, timeZone, misfire, firedUntil, now, bytes } = due;
  try {
    const { fire, missed } = decide(due);
    if (missed) log('warn', 'schedule_slots_missed', { schedule: name, misfire, after: firedUntil, until: now });
    return [{ fire, bytes: bytes * fire.slots.length }];
  } catch (error) {
    log('error', 'schedule_unreadable', { schedule: name, cron, timeZone, error });
    return [];
  }
}

/** As many as one call takes; one schedule is never more than that. */
function* slices(decisions: readonly Decided[]): Generator<readonly Fire[]> {
  let slice: Fire[] = [];
  let slots = 0;
  let bytes = 0;
  for (const one of decisions) {
    slots += one.fire.slots.length;
    bytes += one.bytes;
    if (slice.length > 0 && (slots > MAX_SLOTS || bytes > LIMITS.batchBytes)) {
      yield slice;
      slice = [];
      slots = one.fire.slots.length;
      bytes = one.bytes;
    }
    slice.push(one.fire);
  }
  yield slice;
}

/**
 * Fires a slice of schedules. If Postgres refuses it, each is fired alone, so that the one at fault holds up no other. Returns
 * the schedules that are due then.
 */
async function fireSlice(slice: readonly Fire[], context: TaskContext, log: Log): Promise<readonly DueSchedule[]> {
  const { executor, untilMs } = context;
  try {
    const { fired, skipped, due } = await persistently(untilMs, (timeoutMs) => fire(executor, slice, timeoutMs));
    log('info', 'schedules_fired', { schedules: slice.length, fired, skipped });
    return due;
  } catch (error) {
    if (classifyError(error) !== 'rejected') throw error;
    const [first, ...others] = slice;
    if (others.length === 0) log('error', 'schedule_refused', { schedule: first?.name, error });
    let due: readonly DueSchedule[] = [];
    if (others.length > 0) for (const one of slice) due = await fireSlice([one], context, log);
    return due;
  }
}

/** Both statements may be sent again whatever became of them: what they have done already they do not do twice. */
async function persistently<T>(untilMs: () => number, send: (timeoutMs: number) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await send(Math.max(1, Math.min(STATEMENT_MS, untilMs() - performance.now())));
    } catch (error) {
      if (tries === TRIES || classifyError(error) !== 'transient' || performance.now() + PAUSE_MS >= untilMs())
        throw error;
      await sleep(PAUSE_MS);
    }
  }
}
