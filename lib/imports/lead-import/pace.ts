/** Decides if a run has time for one more slice. The only clock of the import. */

export interface Pace {
  /** Asked after every slice: true once another like the slowest so far might not end in time, or the run was told to stop. */
  isOver(): boolean;
  /** The longest that a statement may still wait for its answer. */
  remainingMs(): number;
}

/** Time that a run needs after its last slice: one round trip to a slow database, and the return from the handler. */
const MARGIN_MS = 1_000;
/** Slices differ: the next may meet a cold cache or a busy table. */
const SAFETY = 2;
/** A statement that was sent should be heard even late: its commit is what the next run goes on from. */
const SHORTEST_WAIT_MS = 1_000;

export function startPace({ signal, deadline }: { signal: AbortSignal; deadline: Date }): Pace {
  let lapStartedAt = Date.now();
  let slowestMs = 0;
  return {
    isOver() {
      const now = Date.now();
      slowestMs = Math.max(slowestMs, now - lapStartedAt);
      lapStartedAt = now;
      return signal.aborted || now + Math.max(MARGIN_MS, SAFETY * slowestMs) > deadline.getTime();
    },
    remainingMs: () => Math.max(SHORTEST_WAIT_MS, deadline.getTime() - Date.now()),
  };
}
