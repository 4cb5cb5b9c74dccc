/** Numbers and durations as people read them. */
import { duration as inUnits } from '@conversure/jobqueue';

/** Two significant units at most: «3 min 20 s», «450 ms». */
export function duration(ms: number | null): string {
  return ms === null ? '–' : inUnits(ms);
}

const grouped = new Intl.NumberFormat('en');

/** A number with thousands separators: «12,345». */
export function count(n: number): string {
  return grouped.format(n);
}

/** A count that stopped at its bound says so: «1,000+». */
export function atLeast(n: number, isBound: boolean): string {
  return isBound ? `${count(n)}+` : count(n);
}

/** A count with its noun: «1 job», «2 jobs». `many` is the plural if it is not `one` + s. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
