/** Which instants a cron line names in a time zone. Pure: instants in, instants out; it never asks what time it is. */
import { Cron } from 'croner';

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

/** What is wrong with the line, as 'expected …, got …'; null if it names instants. */
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
  return read(line).nextRun(new Date(afterMs))?.getTime() ?? null;
}

/** The newest `most` slots in (after, until], oldest first, and whether older ones were left out. */
export function slotsBetween(
  line: CronLine,
  { afterMs, untilMs, most }: { readonly afterMs: number; readonly untilMs: number; readonly most: number },
): { readonly slots: readonly number[]; readonly leftOut: boolean } {
  // backwards from the end: after a year of silence a line of every minute has half a million slots, and few of them count
  const calendar = read(line);
  const slots: number[] = [];
  for (let beforeMs = untilMs + 1; ; ) {
    const slot = calendar.previousRuns(1, new Date(beforeMs))[0]?.getTime();
    if (slot === undefined || slot <= afterMs) return { slots: slots.reverse(), leftOut: false };
    if (slots.length === most) return { slots: slots.reverse(), leftOut: true };
    slots.push(slot);
    beforeMs = slot;
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
 * `no-wildcard`: a line that names its times of day (no `*` and no step in minute and hour) has one slot for each of them every day,
 * at the end of the gap if a spring's clock jumps over it, at its first occurrence if an autumn's clock shows it twice. Any
 * other line means intervals, and follows the clock: nothing in the gap, both occurrences in the fold.
 */
function read({ cron, timeZone }: CronLine): Cron {
  return new Cron(cron, { timezone: timeZone, mode: '5-part', fixedTimeRule: 'no-wildcard', paused: true });
}
