/** The properties that each case is held to. A broken one throws a Violation that says what was answered. */
import { type Asked, AUDIT, type Entry, isShut, type Outcome, RIGHT } from './entry.ts';
import { heldMs, MOST_HELD_MS, processorMs } from './held.ts';
import { CONFIDENTIAL, type World } from './world.ts';

export interface Case {
  readonly asked: Asked;
  readonly key: string;
}

/** An entry point did what none may do. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

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
    if (!(entry.isClosed ?? isShut)(outcome, key)) throw new Violation(`the key '${key}' ${answered}`);
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
  const ms = await heldMs(async () => {
    if (entry.before) await world.sql.query(entry.before);
    await entry.send(asked, key);
  });
  await world.writes();
  if (ms > MOST_HELD_MS) throw new Violation(`held the event loop for ${Math.round(ms)} ms`);
}
