/** JSON of strangers, made fit for Postgres: what it cannot store is replaced where it stands, and all the rest is kept. Pure. */
import { isStorableText } from '@conversure/jobqueue';

/** Meta nests eight deep; Postgres and JSON.stringify give up at some thousands. */
const DEPTH = 32;
/** Meta writes at most 4,096 characters. */
const STRING_CHARS = 32_768;

export interface Repaired<T> {
  readonly value: T;
  /** The number of values that were replaced or cut. */
  readonly repairs: number;
}

/**
 * Replaces NUL and half characters by U+FFFD, and what is nested too deep by '…'; cuts strings that are too long; writes numbers
 * that jsonb would print with hundreds of digits as text.
 */
export function repaired<T>(given: T): Repaired<T> {
  let repairs = 0;
  const mended = (text: string): string => {
    if (text.length <= STRING_CHARS && isStorableText(text)) return text;
    repairs++;
    const cut = text.length > STRING_CHARS ? `${text.slice(0, STRING_CHARS - 1)}…` : text;
    return cut.toWellFormed().replaceAll('\0', '\u{FFFD}');
  };
  const walk = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') return mended(value);
    if (typeof value === 'number') {
      if (value === 0 || (Math.abs(value) >= 1e-7 && Math.abs(value) < 1e21)) return value;
      repairs++;
      return String(value);
    }
    if (typeof value !== 'object' || value === null) return value;
    if (depth === DEPTH) {
      repairs++;
      return '…';
    }
    if (Array.isArray(value)) return value.map((entry) => walk(entry, depth + 1));
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [mended(key), walk(entry, depth + 1)]));
  };
  return { value: walk(given, 0) as T, repairs };
}
