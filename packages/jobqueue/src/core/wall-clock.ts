/** The wall clock of a time zone, as Node's zone data knows it: from an instant to what it shows, and back. Pure. */

/** Nobody's clock jumps further; days have been skipped whole (Samoa 2011). */
export const LONGEST_JUMP_MS = 24 * 3_600_000;

/** A formatter costs 30 µs to make and 2 µs to use; there are some 600 zones. */
const clocks = new Map<string, Intl.DateTimeFormat>();

/** The clock's reading at the instant, written as if it were UTC, to the second. */
export function wallAt(timeZone: string, atMs: number): number {
  const shown: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of clockOf(timeZone).formatToParts(atMs)) shown[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The clock's offset from UTC at the instant, ms. */
export function offsetAt(timeZone: string, atMs: number): number {
  const wholeMs = Math.floor(atMs / 1_000) * 1_000;
  return wallAt(timeZone, wholeMs) - wholeMs;
}

/** The first instant at which the clock shows `wallMs`; the end of the gap if it jumps over it. */
export function instantOf(timeZone: string, wallMs: number): number {
  const before = wallMs - offsetAt(timeZone, wallMs - LONGEST_JUMP_MS);
  const after = wallMs - offsetAt(timeZone, wallMs + LONGEST_JUMP_MS);
  for (const atMs of before < after ? [before, after] : [after, before])
    if (wallAt(timeZone, atMs) === wallMs) return atMs;
  // It jumps between the two: before the jump the clock shows less than `wallMs`, from its end on more.
  let [least, most] = before < after ? [before, after] : [after, before];
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (wallAt(timeZone, middle) < wallMs) least = middle;
    else most = middle;
  }
  return most;
}

/** The first instant in (from, until] at which the clock is set forward or back; null if it is not. The two are a day apart at most. */
export function firstChange(timeZone: string, fromMs: number, untilMs: number): number | null {
  const offset = offsetAt(timeZone, fromMs);
  if (offsetAt(timeZone, untilMs) === offset) return null;
  let [before, after] = [fromMs, untilMs];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(timeZone, middle) === offset) before = middle;
    else after = middle;
  }
  return after;
}

function clockOf(timeZone: string): Intl.DateTimeFormat {
  let clock = clocks.get(timeZone);
  if (clock === undefined) {
    const fields = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
    clock = new Intl.DateTimeFormat('en', {
      ...fields,
      second: 'numeric',
      hourCycle: 'h23',
      calendar: 'iso8601',
      timeZone,
    });
    clocks.set(timeZone, clock);
  }
  return clock;
}
