/** Computes the instants that a cron line names in a time zone. Pure: never reads the clock. */
import { type Calendar, calendarOf } from './calendar.ts';
import { firstChange, instantOf, LONGEST_JUMP_MS, offsetAt, wallAt } from './wall-clock.ts';

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
  if (typeof cron !== 'string' || cron.length > CRON_CHARS || !/^(@[a-z]+|[^\s?]+([ \t]+[^\s?]+){4})$/i.test(cron))
    return { path: 'cron', message: `expected five fields such as '30 2 * * *', or '@daily', got ${got(cron)}` };
  try {
    // Asked of the calendar alone: a zone's clock would load its data (27 ms) at the start of every process that defines a schedule.
    if (calendarOf(cron).next(SOME_INSTANT_MS) !== null) return null;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { path: 'cron', message: `expected a cron line, got ${got(cron)} (${why})` };
  }
  return { path: 'cron', message: `expected a cron line that names some instant, got ${got(cron)}` };
}

/** The first slot after the instant; null if there is none. Throws TypeError for a line that is none. */
export function slotAfter(line: CronLine, afterMs: number): number | null {
  const calendar = calendarOf(line.cron);
  if (!namesTimesOfDay(line)) return nextInterval(calendar, line.timeZone, afterMs + 1);
  // No later time of the clock has an earlier instant, so the first that is late enough is the next.
  let wall = wallAt(line.timeZone, afterMs) - LONGEST_JUMP_MS;
  for (;;) {
    const named = calendar.next(wall);
    if (named === null) return null;
    const slot = instantOf(line.timeZone, named);
    if (slot > afterMs) return slot;
    wall = named + 1;
  }
}

/** The newest `most` slots in (after, until], oldest first, and whether older ones were left out. Throws TypeError as slotAfter does. */
export function slotsBetween(
  line: CronLine,
  { afterMs, untilMs, most }: { readonly afterMs: number; readonly untilMs: number; readonly most: number },
): { readonly slots: readonly number[]; readonly leftOut: boolean } {
  // backwards from the end: after a year of silence a line of every minute has half a million slots, and few of them count
  const calendar = calendarOf(line.cron);
  const { timeZone } = line;
  const slots: number[] = [];
  const isPlaced = namesTimesOfDay(line);
  for (let before = isPlaced ? wallAt(timeZone, untilMs) + LONGEST_JUMP_MS : untilMs + 1; ; ) {
    const named = isPlaced ? calendar.previous(before) : previousInterval(calendar, timeZone, before);
    const slot = named !== null && isPlaced ? instantOf(timeZone, named) : named;
    if (named === null || slot === null || slot <= afterMs) return { slots: slots.reverse(), leftOut: false };
    before = named;
    if (slot > untilMs || slot === slots.at(-1)) continue; // several times in a gap meet at its end
    if (slots.length === most) return { slots: slots.reverse(), leftOut: true };
    slots.push(slot);
  }
}

/** The first named minute of the zone's clock at or after the instant: none in a gap, both in a fold. */
function nextInterval(calendar: Calendar, timeZone: string, atMs: number): number | null {
  let fromMs = atMs;
  for (;;) {
    const offset = offsetAt(timeZone, fromMs);
    const wall = calendar.next(fromMs + offset);
    if (wall === null) return null;
    const slot = wall - offset; // if the clock does not jump before
    const untilMs = Math.min(slot, fromMs + LONGEST_JUMP_MS);
    const jumpMs = firstChange(timeZone, fromMs, untilMs);
    if (jumpMs !== null) fromMs = jumpMs;
    else if (untilMs === slot) return slot;
    else fromMs = Math.max(untilMs, slot - LONGEST_JUMP_MS); // the clock names none in between
  }
}

/** The last named minute of the zone's clock before the instant. */
function previousInterval(calendar: Calendar, timeZone: string, beforeMs: number): number | null {
  let untilMs = beforeMs;
  for (;;) {
    const offset = offsetAt(timeZone, untilMs - 1);
    const wall = calendar.previous(untilMs + offset);
    if (wall === null) return null;
    const slot = wall - offset;
    const fromMs = Math.max(slot, untilMs - LONGEST_JUMP_MS);
    const jumpMs = firstChange(timeZone, fromMs, untilMs - 1);
    if (jumpMs !== null) untilMs = jumpMs;
    else if (fromMs === slot) return slot;
    else untilMs = Math.min(fromMs, slot + LONGEST_JUMP_MS);
  }
}

/** The names by which the runtime knows its zones: they load in a fifth of the time that the first clock takes. */
let zones: ReadonlySet<string> | undefined;

function isZone(timeZone: string): boolean {
  if (timeZone === 'UTC' || timeZone === 'Etc/UTC') return true; // the usual ones, and not among those names
  zones ??= new Set(Intl.supportedValuesOf('timeZone'));
  if (zones.has(timeZone)) return true;
  try {
    // Other names of the same zones, such as Asia/Kolkata, or in lower case.
    return timeZone !== '' && new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone !== '';
  } catch {
    return false; // RangeError is how Intl says that it knows no such zone
  }
}

/**
 * A line that names its times of day (no `*` and no step in minute and hour) has one slot for each of them every day: at the end
 * of the gap if a spring's clock jumps over it, at its first occurrence if an autumn's clock shows it twice. Any other line means
 * intervals, and follows the clock: nothing in the gap, both occurrences in the fold. So times of day are read by a clock that never jumps
 * and placed by `instantOf`, and intervals by the zone's own.
 */
function namesTimesOfDay({ cron }: CronLine): boolean {
  const [minute = '', hour = ''] = cron.trim().split(/\s+/);
  return minute.startsWith('@') ? !/^@hourly$/i.test(minute) : !/[*/]/.test(minute + hour);
}
