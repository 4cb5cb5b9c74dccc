/** The circuit breaker of a type: when too many of its attempts fail, it is paused by itself. */
import { integer, type Names, onlyKnown, refused, type Where } from './options.ts';

/** When a type is to be paused by itself: of at least `minAttempts` attempts in the last ten minutes more than this share failed. */
export interface Guard {
  /** 0 to below 1. */
  readonly failureRatio: number;
  /** 1 to 1,000,000. */
  readonly minAttempts: number;
}

const NAMES: Names<Guard> = { failureRatio: true, minAttempts: true };

/** Throws QueueError, with the code that `where` names. */
export function checkGuard(guard: Guard, where: Where): void {
  onlyKnown(guard, NAMES, where);
  const { failureRatio, minAttempts } = guard;
  if (!(failureRatio >= 0 && failureRatio < 1))
    throw refused('failureRatio', 'a number from 0 to below 1', failureRatio, where);
  integer('minAttempts', minAttempts, { min: 1, max: 1_000_000 }, where);
}

interface Guarded {
  readonly type: string;
  /** Null if the type does not run here. */
  readonly handler: unknown;
  readonly guard: Guard | false | null;
}

/** The guard of each type that has one and runs here: its own, else the queue's. */
export function guardsOf(jobs: Iterable<Guarded>, fallback: Guard | undefined): Readonly<Record<string, Guard>> {
  const guards: Record<string, Guard> = {};
  for (const { type, handler, guard } of jobs) {
    const own = guard ?? fallback ?? false;
    if (handler && own !== false) guards[type] = own;
  }
  return guards;
}
