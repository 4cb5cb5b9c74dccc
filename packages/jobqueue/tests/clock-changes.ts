/** Every change of a clock that this platform's zone data knows, and the slots of a daily line around it by the rule of docs/schedules.md. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
/** No clock changes twice within a week. */
const STEP_MS = 7 * DAY_MS;

export interface ClockChange {
  readonly timeZone: string;
  readonly atMs: number;
  /** Ahead of UTC, ms. */
  readonly before: number;
  readonly after: number;
}

/** Changes in the span; of zones whose clocks agree all through it, one speaks for all. */
export function clockChanges(fromMs: number, untilMs: number): readonly ClockChange[] {
  const seen = new Set<string>();
  return Intl.supportedValuesOf('timeZone').flatMap((timeZone) => {
    const changes = changesOf(timeZone, fromMs, untilMs);
    const key = JSON.stringify(changes.map(({ timeZone: _, ...change }) => change));
    if (seen.has(key)) return [];
    seen.add(key);
    return changes;
  });
}

/**
 * Expected slots of a daily line from the day before the change to the day after it: one a day, at the first occurrence, or at
 * the end of the gap.
 */
export function expectedSlots({ atMs, before, after }: ClockChange, minuteOfDay: number): readonly number[] {
  const day = (wallMs: number) => Math.floor(wallMs / DAY_MS) * DAY_MS;
  const slots = new Set<number>();
  const first = day(atMs + Math.min(before, after)) - DAY_MS;
  for (let at = first; at <= day(atMs + Math.max(before, after)) + DAY_MS; at += DAY_MS) {
    const wallMs = at + minuteOfDay * MINUTE_MS;
    const isBefore = wallMs - before < atMs;
    slots.add(isBefore ? wallMs - before : Math.max(wallMs - after, atMs));
  }
  return [...slots];
}

/** The minutes of the day at which something may go wrong: around both ends of the change and of the day. */
export function riskyMinutes({ atMs, before, after }: ClockChange): readonly number[] {
  const ends = [atMs + before, atMs + after].flatMap((wallMs) => [-1, 0, 1, 29].map((n) => wallMs / MINUTE_MS + n));
  return [...new Set([...ends, 0, 1_439].map((minute) => ((Math.round(minute) % 1_440) + 1_440) % 1_440))];
}

function changesOf(timeZone: string, fromMs: number, untilMs: number): readonly ClockChange[] {
  const format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  const offset = (atMs: number) =>
    offsetMs(format.formatToParts(atMs).find(({ type }) => type === 'timeZoneName')?.value);
  const changes: ClockChange[] = [];
  let before = offset(fromMs);
  for (let atMs = fromMs; atMs < untilMs; atMs += STEP_MS) {
    const after = offset(atMs + STEP_MS);
    if (after === before) continue;
    let [least, most] = [atMs, atMs + STEP_MS];
    while (most - least > MINUTE_MS) {
      const middle = least + Math.floor((most - least) / 2 / MINUTE_MS) * MINUTE_MS;
      if (offset(middle) === before) least = middle;
      else most = middle;
    }
    changes.push({ timeZone, atMs: most, before, after });
    before = after;
  }
  return changes;
}

/** Parses `GMT` or `GMT+05:30`. */
function offsetMs(name = 'GMT'): number {
  const [, sign, hours, minutes] = /^GMT(?:([+-])(\d\d):(\d\d))?/.exec(name) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * HOUR_MS + Number(minutes ?? 0) * MINUTE_MS);
}
