/** Computes the instants that a cron line names in a time zone. Pure: never reads the clock. */
import { Cron } from 'croner';
import { instantOf, LONGEST_JUMP_MS, wallAt } from './wall-clock.ts';

/** A cron line and the zone whose wall clock it is read by. */
export interface CronLine {
  readonly cron: string;
  /** An IANA name, such as 'Europe/Berlin'. */
  readonly timeZone: string;
}

/** Longer than any line that a person writes; lists of every minute take 170. */
const CRON_CHARS = 250;
/** The longest IANA name takes 30. */
const ZONE_CHARS = 64;
/** Any instant: whether a line names one at all does not depend on when it is asked. */
const SOME_INSTANT_MS = Date.UTC(2000, 0, 1);

/** The error of the line, as 'expected …, got …'; null if it names instants. */
export function cronProblem({
  cron,
  timeZone,
}: CronLine): { readonly path: keyof CronLine; readonly message: string } | null {
  const got = (value: unknown) => (typeof value === 'string' ? `'${value.slice(0, CRON_CHARS)}'` : typeof value);
  if (typeof timeZone !== 'string' || timeZone.length > ZONE_CHARS || !isZone(timeZone))
    return { path: 'timeZone', message: `expected an IANA time zone such as 'Europe/Berlin', got ${got(timeZone)}` };
  // croner would read a date as a run of one time, and '?' as the time at which it is asked
  if (typeof cron !== 'string' || cron.length > CRON_CHARS || !/^(@[a-z]+|[^\s?]+([ \t]+[^\s?]+){4})$/i.test(cron))
    return { path: 'cron', message: `expected five fields such as '30 2 * * *', or '@daily', got ${got(cron)}` };
  try {
    if (slotAfter({ cron, timeZone }, SOME_INSTANT_MS) !== null) return null;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { path: 'cron', message: `expected a cron line, got ${got(cron)} (${why})` };
  }
  return { path: 'cron', message: `expected a cron line that names some instant, got ${got(cron)}` };
}

/** The first slot after the instant; null if there is none. */
export function slotAfter(line: CronLine, afterMs: number): number | null {
  const calendar = read(line);
  if (!namesTimesOfDay(line)) return calendar.nextRun(new Date(afterMs))?.getTime() ?? null;
  // No later time of the clock has an earlier instant, so the first that is late enough is the next.
  let wall: Date | null = new Date(wallAt(line.timeZone, afterMs) - LONGEST_JUMP_MS);
  for (;;) {
    wall = calendar.nextRun(wall);
    if (wall === null) return null;
    const slot = instantOf(line.timeZone, wall.getTime());
    if (slot > afterMs) return slot;
  }
}

/** The newest `most` slots in (after, until], oldest first, and whether older ones were left out. */
export function slotsBetween(
  line: CronLine,
  { afterMs, untilMs, most }: { readonly afterMs: number; readonly untilMs: number; readonly most: number },
): { readonly slots: readonly number[]; readonly leftOut: boolean } {
  // backwards from the end: after a year of silence a line of every minute has half a million slots, and few of them count
  const calendar = read(line);
  const slots: number[] = [];
  const isPlaced = namesTimesOfDay(line);
  for (let before = isPlaced ? wallAt(line.timeZone, untilMs) + LONGEST_JUMP_MS : untilMs + 1; ; ) {
    const run = calendar.previousRuns(1, new Date(before))[0]?.getTime();
    const slot = run === undefined || !isPlaced ? run : instantOf(line.timeZone, run);
    if (run === undefined || slot === undefined || slot <= afterMs) return { slots: slots.reverse(), leftOut: false };
    before = run;
    if (slot > untilMs || slot === slots.at(-1)) continue; // several times in a gap meet at its end
    if (slots.length === most) return { slots: slots.reverse(), leftOut: true };
    slots.push(slot);
  }
}

function isZone(timeZone: string): boolean {
  try {
    return timeZone !== '' && new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone !== '';
  } catch {
    return false; // RangeError is how Intl says that it knows no such zone
  }
}

/**
 * A line that names its times of day (no `*` and no step in minute and hour) has one slot for each of them every day: at the end
 * of the gap if a spring's clock jumps over it, at its first occurrence if an autumn's clock shows it twice. Any other line means
 * intervals, and follows the clock: nothing in the gap, both occurrences in the fold.
 */
function namesTimesOfDay({ cron }: CronLine): boolean {
  const [minute = '', hour = ''] = cron.trim().split(/\s+/);
  return minute.startsWith('@') ? !/^@hourly$/i.test(minute) : !/[*/]/.test(minute + hour);
}

/**
 * Times of day are read by a clock that never jumps and placed by `instantOf`: croner's own rule for them knows no gap that ends
 * at midnight, so that in Nuuk a slot of 23:30 did not fire in spring. Intervals are read by the zone's clock.
 */
function read(line: CronLine): Cron {
  const timezone = namesTimesOfDay(line) ? 'UTC' : line.timeZone;
  return new Cron(line.cron, { timezone, mode: '5-part', paused: true });
}
