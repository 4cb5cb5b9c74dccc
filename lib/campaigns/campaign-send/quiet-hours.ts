/** When a person may be written to, by the clocks of every zone in which they may be. Pure: the instants are parameters. */

/** Local times as `HH:MM`, in quarters of an hour. From later than to: over midnight. */
export interface QuietHours {
  readonly from: string;
  readonly to: string;
}

export interface Window {
  /** Unix time, ms: now, or when the quiet hours end in the last of the zones. */
  readonly opensAtMs: number;
  /** When they begin in the first of the zones. */
  readonly closesAtMs: number;
}

/**
 * All offsets, clock changes and quiet hours lie on quarters of an hour, so that looking at each quarter misses nothing: no
 * arithmetic with local times that a clock change makes twice or not at all.
 */
const QUARTER_MS = 15 * 60_000;
/** A time window that allows no instant within a week allows none at all. */
const LOOK_AHEAD_QUARTERS = 8 * 24 * 4;

/** The first window from `nowMs` on in which no zone has quiet hours; `null` if the zones have no allowed hour in common. */
export function nextWindow(nowMs: number, zones: readonly string[], quiet: QuietHours): Window | null {
  const from = minuteOf(quiet.from);
  const to = minuteOf(quiet.to);
  const isQuiet = (ms: number) => zones.some((zone) => isWithin(localMinute(ms, zone), from, to));
  const first = Math.floor(nowMs / QUARTER_MS);
  const end = first + LOOK_AHEAD_QUARTERS;
  let opens = first;
  while (opens < end && isQuiet(opens * QUARTER_MS)) opens++;
  if (opens === end) return null;
  let closes = opens + 1;
  while (closes < end && !isQuiet(closes * QUARTER_MS)) closes++;
  return { opensAtMs: Math.max(nowMs, opens * QUARTER_MS), closesAtMs: closes * QUARTER_MS };
}

/** Remembers windows while they last: of 5,000 recipients most share their zones. */
export function windowsOf(quiet: QuietHours): (nowMs: number, zones: readonly string[]) => Window | null {
  const known = new Map<string, Window | null>();
  return (nowMs, zones) => {
    const key = zones.join();
    const last = known.get(key);
    if (last !== undefined && (last === null || nowMs < last.closesAtMs))
      return last && { ...last, opensAtMs: Math.max(nowMs, last.opensAtMs) };
    const window = nextWindow(nowMs, zones, quiet);
    known.set(key, window);
    return window;
  };
}

function isWithin(minute: number, from: number, to: number): boolean {
  return from <= to ? minute >= from && minute < to : minute >= from || minute < to;
}

function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function localMinute(ms: number, zone: string): number {
  let clock = clocks.get(zone);
  if (clock === undefined) {
    clock = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    clocks.set(zone, clock); // there are some 400 zones
  }
  return minuteOf(clock.format(ms));
}
