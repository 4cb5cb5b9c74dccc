/** The maintenance task that keeps schedules: writes what code declares, and fires the slots that have come. */
import { setImmediate as otherWork, setTimeout as sleep } from 'node:timers/promises';
import { cronProblem } from '../core/cron.ts';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import { classifyError, sqlstateOf } from '../core/sqlstate.ts';
import type { MaintenanceTask, TaskContext } from '../maintenance/maintenance.ts';
import { type DueSchedule, type Fire, fire, type Synced, syncSchedules } from '../postgres/statements/schedules.ts';
import type { DeclaredSchedules } from './declared.ts';
import { decide } from './misfire.ts';

/** One call fires as many slots: a second of work for Postgres at most. */
const MAX_SLOTS = 1_000;
/** One look fires as many slots, as one enqueue may add jobs; the rest is due at the next look, in half a minute or with the next tick. */
const MAX_SLOTS_A_LOOK = 10_000;
const TRIES = 3;
const STATEMENT_MS = 10_000;
const PAUSE_MS = 200;
/** A schedule that cannot fire comes again after so long: until then it takes no other's place among those that are due. */
const PROBLEM_MS = 5 * 60_000;

/** Writes the declared schedules when they differ from the stored ones, and fires what is due. Without a declaration it only fires. */
export function schedulesTask(declared: DeclaredSchedules | null, log: Log): MaintenanceTask {
  return {
    name: 'schedules',
    request: () => (declared === null ? {} : { hash: declared.hash }),
    async run(answer, context) {
      const { sync, due, refused } = answer as { readonly sync: boolean } & Synced;
      const told = sync && declared !== null ? await synced(context, declared) : { due, refused };
      if (told.refused) log('error', 'schedule_names_taken', { schedules: told.refused });
      await fireAll(told.due, context, log);
    },
  };
}

async function synced({ executor, untilMs }: TaskContext, { hash, json }: DeclaredSchedules): Promise<Synced> {
  const set = `{"hash":"${hash}","schedules":${json}}`;
  return persistently(untilMs, (timeoutMs) => syncSchedules(executor, set, timeoutMs));
}

/** Fires until nothing is due, or as much as one look may: each call answers what is due after it. */
async function fireAll(first: readonly DueSchedule[], context: TaskContext, log: Log): Promise<void> {
  const seen = new Set<string>();
  let due = first;
  let slots = 0;
  while (slots < MAX_SLOTS_A_LOOK && performance.now() < context.untilMs()) {
    const decisions: Decided[] = [];
    for (const one of due.filter((one) => isNew(seen, one))) {
      const made = decided(one, log);
      decisions.push(made);
      slots += Math.max(1, made.fire.slots.length);
      await otherWork(); // 1,000 slots of a line take 70 ms to tell
      if (slots >= MAX_SLOTS_A_LOOK) break;
    }
    if (decisions.length === 0) return;
    for (const slice of slices(decisions)) due = await fireSlice(slice, context, log);
    if (decisions.some(({ fire }) => fire.slots.length > 0)) context.brought();
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
function decided(due: DueSchedule, log: Log): Decided {
  const { name, cron, timeZone, misfire, firedUntil, now, bytes } = due;
  const problemOf = (error?: unknown) => {
    log('error', 'schedule_unreadable', { schedule: name, cron, timeZone, ...(error !== undefined && { error }) });
    return cronProblem({ cron, timeZone })?.message ?? 'its definition cannot be read';
  };
  try {
    const { fire, missed } = decide(due);
    if (missed) log('warn', 'schedule_slots_missed', { schedule: name, misfire, after: firedUntil, until: now });
    const told = fire.next === null ? { ...fire, problem: problemOf() } : fire; // such as a 30th of February: looked at once
    return { fire: told, bytes: bytes * fire.slots.length };
  } catch (error) {
    return { fire: setAside(due, problemOf(error)), bytes: 0 };
  }
}

/** What is due stays due. The instant is Postgres' own, moved. */
function setAside({ name, revision, now }: Pick<DueSchedule, 'name' | 'revision' | 'now'>, problem: string): Fire {
  const next = new Date(Date.parse(now) + PROBLEM_MS).toISOString();
  return { name, revision, until: null, next, slots: [], problem };
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
 * Fires a slice of schedules. If Postgres refuses it, its halves are fired alone, so that one at fault holds up no other: it is set aside.
 * Returns the schedules that are due then.
 */
async function fireSlice(slice: readonly Fire[], context: TaskContext, log: Log): Promise<readonly DueSchedule[]> {
  const { executor, untilMs } = context;
  try {
    const { fired, skipped, due } = await persistently(untilMs, (timeoutMs) => fire(executor, slice, timeoutMs));
    log('info', 'schedules_fired', { schedules: slice.length, fired, skipped });
    return due;
  } catch (error) {
    if (classifyError(error) !== 'rejected') throw error;
    const [first] = slice;
    if (slice.length > 1) {
      const half = Math.ceil(slice.length / 2);
      await fireSlice(slice.slice(0, half), context, log);
      return fireSlice(slice.slice(half), context, log);
    }
    log('error', 'schedule_refused', { schedule: first?.name, error });
    if (!first?.until) return []; // not even to be set aside
    const problem = `Postgres refuses its job (${sqlstateOf(error)})`;
    return fireSlice([setAside({ ...first, now: first.until }, problem)], context, log);
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
