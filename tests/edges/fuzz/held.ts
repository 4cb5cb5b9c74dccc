/** The time that work holds the event loop, in time of the processor, which a busy machine does not stretch. */

/** Longer than any request or slice may hold the event loop: others wait as long. */
export const MOST_HELD_MS = 200;
/** Between two looks. A look at every turn of the loop would compute for as long as the work waits for Postgres. */
export const LOOK_MS = 2;
/** A collection of garbage or a compilation may fall into a case: what is the case's own fault happens again. */
const TRIES = 3;

/** The least that `act` holds the loop at its worst, of a few tries. It is tried again only while it holds the loop for too long. */
export async function heldMs(act: () => Promise<unknown>): Promise<number> {
  let leastMs = Number.POSITIVE_INFINITY;
  for (let n = 0; n < TRIES && leastMs > MOST_HELD_MS; n++) leastMs = Math.min(leastMs, await longestHoldMs(act));
  return leastMs;
}

/** The most that the process computed between two looks: a turn that holds the loop holds the look up, too. */
async function longestHoldMs(act: () => Promise<unknown>): Promise<number> {
  let longestMs = 0;
  let lookedMs = processorMs();
  const look = () => {
    const nowMs = processorMs();
    longestMs = Math.max(longestMs, nowMs - lookedMs);
    lookedMs = nowMs;
  };
  const looks = setInterval(look, LOOK_MS);
  try {
    await act();
  } finally {
    clearInterval(looks);
    look();
  }
  return longestMs;
}

export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
