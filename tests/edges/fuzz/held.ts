/** The time that work holds the event loop, in time of the processor, which a busy machine does not stretch. */

/** Longer than any request or slice may hold the event loop: others wait as long. */
export const MOST_HELD_MS = 200;
/** A collection of garbage or a compilation may fall into a case: what is the case's own fault happens again. */
const TRIES = 3;

/** The least that `act` holds the loop at its worst, of a few tries. It is tried again only while it holds the loop for too long. */
export async function heldMs(act: () => Promise<unknown>): Promise<number> {
  let leastMs = Number.POSITIVE_INFINITY;
  for (let n = 0; n < TRIES && leastMs > MOST_HELD_MS; n++) leastMs = Math.min(leastMs, await longestHoldMs(act));
  return leastMs;
}

/** The most that the process computed between two turns of its loop. */
async function longestHoldMs(act: () => Promise<unknown>): Promise<number> {
  let longestMs = 0;
  let turnedMs = processorMs();
  let isOver = false;
  const turn = () => {
    const nowMs = processorMs();
    longestMs = Math.max(longestMs, nowMs - turnedMs);
    turnedMs = nowMs;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  try {
    await act();
  } finally {
    isOver = true;
    turn();
  }
  return longestMs;
}

export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
