/** The properties that each case is held to. A broken one throws a Violation that says what was answered. */
import { type Asked, AUDIT, type Entry, isShut, type Outcome, RIGHT } from './entry.ts';
import { CONFIDENTIAL, type World } from './world.ts';

export interface Case {
  readonly asked: Asked;
  readonly key: string;
}

/** An entry point did what none may do. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Longer than any request may hold the event loop: others wait as long. In time of the processor, which a busy machine does not stretch. */
export const MOST_HELD_MS = 200;
/** A collection of garbage or a compilation may fall into a case: what is the case's own fault happens again. */
const TRIES = 3;

/** Sends one case. Throws Violation. */
export async function check(
  world: Pick<World, 'writes' | 'sql'>,
  entry: Entry,
  { asked, key }: Case,
): Promise<Outcome> {
  if (entry.before) await world.sql.query(entry.before);
  const startedMs = processorMs();
  const outcome = await entry.send(asked, key);
  const tookMs = processorMs() - startedMs;
  const wrote = await world.writes();
  const { status, text, isRefused } = outcome;
  const answered = `answered ${status}: ${text.slice(0, 300)}`;

  if (status >= 500 && !entry.ownFaults?.includes(status)) throw new Violation(`bad input ${answered}`);
  if (key !== RIGHT) {
    if (!(entry.isClosed ?? isShut)(outcome)) throw new Violation(`the key '${key}' ${answered}`);
    if (text.includes(CONFIDENTIAL)) throw new Violation(`the key '${key}' was shown what is in the database`);
  }
  const may = key === RIGHT && isRefused ? [AUDIT, ...(entry.notes ?? [])] : [];
  const mustNotWrite = key !== RIGHT || isRefused || entry.reads === true;
  const partial = mustNotWrite ? wrote.filter((table) => !may.includes(table)) : [];
  if (partial.length > 0) throw new Violation(`wrote ${partial.join(', ')} and ${answered}`);
  if (tookMs > MOST_HELD_MS) await confirmHold(world, entry, { asked, key });
  return outcome;
}

/** Throws if the same case holds the loop each time. */
async function confirmHold(world: Pick<World, 'writes' | 'sql'>, entry: Entry, { asked, key }: Case): Promise<void> {
  let heldMs = Number.POSITIVE_INFINITY;
  for (let n = 0; n < TRIES && heldMs > MOST_HELD_MS; n++) {
    if (entry.before) await world.sql.query(entry.before);
    heldMs = Math.min(heldMs, await longestHoldMs(() => entry.send(asked, key)));
  }
  await world.writes();
  if (heldMs > MOST_HELD_MS) throw new Violation(`held the event loop for ${Math.round(heldMs)} ms`);
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

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
