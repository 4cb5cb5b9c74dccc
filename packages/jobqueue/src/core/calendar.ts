/** A cron line as a calendar: its five fields parsed, and the minutes that they name on a clock that never jumps. Pure. */

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** The Gregorian calendar repeats itself after so many years: what it has not brought by then never comes. */
const YEARS = 400;

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

interface Range {
  readonly min: number;
  readonly max: number;
  /** The names of the values, from `min` on. */
  readonly names?: readonly string[];
}

const MINUTE: Range = { min: 0, max: 59 };
const HOUR: Range = { min: 0, max: 23 };
const DAY: Range = { min: 1, max: 31 };
const MONTH: Range = {
  ...{ min: 1, max: 12 },
  names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
};
/** 7 is Sunday as well. */
const WEEKDAY: Range = { min: 0, max: 7, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] };

/** One month: its number of days, and the weekday of its first. */
interface Month {
  readonly days: number;
  readonly firstWeekday: number;
}

type DayRule = (day: number, month: Month) => boolean;

/** The minutes that a line names, as instants of UTC. */
export interface Calendar {
  /** The first named minute at or after the instant; null if none comes. */
  next(atMs: number): number | null;
  /** The last named minute before the instant; null if none was. */
  previous(beforeMs: number): number | null;
}

/** Throws TypeError, whose message says which field is wrong. */
export function calendarOf(cron: string): Calendar {
  const fields = (NICKNAMES[cron.trim().toLowerCase()] ?? cron).trim().split(/\s+/);
  if (fields.length !== 5) throw new TypeError(`expected five fields, got ${fields.length}`);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  const months = new Set(valuesOf('month', month, MONTH));
  const hours = valuesOf('hour', hour, HOUR);
  const minutes = valuesOf('minute', minute, MINUTE);
  const times = { hours, minutes };
  const isNamed = dayRule(day, weekday);

  /** The named days of a month, counted from January of the year 0, as instants; ascending. */
  const daysOf = (index: number): readonly number[] => {
    const [year, at] = [Math.floor(index / 12), ((index % 12) + 12) % 12];
    if (!months.has(at + 1)) return [];
    const first = Date.UTC(year, at, 1);
    const days = Math.round((Date.UTC(year, at + 1, 1) - first) / DAY_MS);
    const shape = { days, firstWeekday: new Date(first).getUTCDay() };
    const found: number[] = [];
    for (let one = 1; one <= days; one++) if (isNamed(one, shape)) found.push(first + (one - 1) * DAY_MS);
    return found;
  };

  return {
    next(atMs) {
      const fromMs = Math.ceil(atMs / MINUTE_MS) * MINUTE_MS;
      const start = monthOf(fromMs);
      for (let index = start; index <= start + 12 * YEARS; index++)
        for (const dayMs of daysOf(index)) {
          if (dayMs + DAY_MS <= fromMs) continue;
          const time = firstTime(times, Math.max(0, fromMs - dayMs) / MINUTE_MS);
          if (time !== null) return dayMs + time * MINUTE_MS;
        }
      return null;
    },
    previous(beforeMs) {
      const untilMs = Math.ceil(beforeMs / MINUTE_MS) * MINUTE_MS - MINUTE_MS;
      const start = monthOf(untilMs);
      for (let index = start; index >= start - 12 * YEARS; index--)
        for (const dayMs of daysOf(index).toReversed()) {
          if (dayMs > untilMs) continue;
          const time = lastTime(times, Math.min(DAY_MS - MINUTE_MS, untilMs - dayMs) / MINUTE_MS);
          if (time !== null) return dayMs + time * MINUTE_MS;
        }
      return null;
    },
  };
}

function monthOf(atMs: number): number {
  const at = new Date(atMs);
  return at.getUTCFullYear() * 12 + at.getUTCMonth();
}

interface Times {
  readonly hours: readonly number[];
  readonly minutes: readonly number[];
}

/** The first minute of the day at or after `from`; null if the day has none left. */
function firstTime({ hours, minutes }: Times, from: number): number | null {
  for (const hour of hours) {
    if (hour * 60 + 59 < from) continue;
    const minute = minutes.find((one) => hour * 60 + one >= from);
    if (minute !== undefined) return hour * 60 + minute;
  }
  return null;
}

/** The last minute of the day at or before `until`. */
function lastTime({ hours, minutes }: Times, until: number): number | null {
  for (const hour of hours.toReversed()) {
    if (hour * 60 > until) continue;
    const minute = minutes.findLast((one) => hour * 60 + one <= until);
    if (minute !== undefined) return hour * 60 + minute;
  }
  return null;
}

/** If both fields choose days, a day that either names is named, as cron has it; with `+` before the weekdays both must name it. */
function dayRule(day: string, weekday: string): DayRule {
  const both = weekday.startsWith('+');
  const ofMonth = monthDays(day);
  const ofWeek = weekdays(both ? weekday.slice(1) : weekday);
  if (weekday === '*' || weekday === '+*') return ofMonth;
  if (both || day === '*') return (one, month) => ofMonth(one, month) && ofWeek(one, month);
  return (one, month) => ofMonth(one, month) || ofWeek(one, month);
}

/** Numbers, `L` for the last day, `15W` for the weekday that is nearest to the 15th, `LW` for the last weekday of the month. */
function monthDays(field: string): DayRule {
  if (/^lw$/i.test(field)) return (day, month) => day === workdayNear(month.days, month);
  const rules = field.split(',').map((item): DayRule => {
    if (/^l$/i.test(item)) return (day, month) => day === month.days;
    const near = /^(\d+)w$/i.exec(item)?.[1];
    if (near === undefined) {
      const values = new Set(itemValues('day', item, DAY));
      return (day) => values.has(day);
    }
    const wanted = inRange('day', near, DAY);
    return (day, month) => wanted <= month.days && day === workdayNear(wanted, month);
  });
  return (day, month) => rules.some((rule) => rule(day, month));
}

/** Monday to Friday, and in the same month. */
function workdayNear(day: number, month: Month): number {
  const weekday = weekdayOf(day, month);
  if (weekday === 6) return day === 1 ? day + 2 : day - 1;
  if (weekday === 0) return day === month.days ? day - 2 : day + 1;
  return day;
}

/** Weekdays, `5#2` for the second Friday of the month, `5L` for its last. */
function weekdays(field: string): DayRule {
  const rules = field.split(',').map((item): DayRule => {
    const [, plain = item, nth, last] = /^([^#]+?)(?:#([1-5])|#?(l))$/i.exec(item) ?? [];
    if (plain === '*' && plain !== item) throw wrong('weekday', item);
    const values = new Set(itemValues('weekday', plain, WEEKDAY).map((value) => value % 7));
    return (day, month) =>
      values.has(weekdayOf(day, month)) &&
      (nth === undefined || Math.ceil(day / 7) === Number(nth)) &&
      (last === undefined || day + 7 > month.days);
  });
  return (day, month) => rules.some((rule) => rule(day, month));
}

function weekdayOf(day: number, { firstWeekday }: Month): number {
  return (firstWeekday + day - 1) % 7;
}

/** Ascending, each once. */
function valuesOf(field: string, text: string, range: Range): readonly number[] {
  return [...new Set(text.split(',').flatMap((item) => itemValues(field, item, range)))].sort((a, b) => a - b);
}

/** One item of a list: a value, a range `a-b`, or a star; the last two also with a step, such as `/15`. */
function itemValues(field: string, item: string, range: Range): readonly number[] {
  const [, from, to, step] = /^(\*|[a-z\d]+)(?:-([a-z\d]+))?(?:\/(\d+))?$/i.exec(item) ?? [];
  if (from === undefined) throw wrong(field, item);
  if (step !== undefined && from !== '*' && to === undefined) throw wrong(field, item);
  if (to !== undefined && from === '*') throw wrong(field, item);
  const first = from === '*' ? range.min : inRange(field, from, range);
  let last = first;
  if (from === '*') last = range.max;
  if (to !== undefined) last = inRange(field, to, range, true);
  const by = step === undefined ? 1 : Number(step);
  if (last < first || by < 1 || by > range.max - range.min + 1) throw wrong(field, item);
  const values: number[] = [];
  for (let value = first; value <= last; value += by) values.push(value);
  return values;
}

/** A number or a name. The name of Sunday ends a range as 7. */
function inRange(field: string, text: string, { min, max, names = [] }: Range, isEnd = false): number {
  const name = text.toLowerCase();
  const value = /^\d+$/.test(text) ? Number(text) : min + (isEnd ? names.lastIndexOf(name) : names.indexOf(name));
  if (value < min || value > max) throw wrong(field, text);
  return value;
}

function wrong(field: string, text: string): TypeError {
  return new TypeError(`the ${field} '${text}' is none`);
}
