/** Values that Postgres can store: checks callers' texts and instants, and converts handlers' results for jsonb. Pure. */
import { LIMITS } from './limits.ts';

/** One failed attempt as it is kept: bounded, well-formed, free of NUL. */
export interface StoredError {
  readonly name: string;
  readonly message: string;
  readonly attempt: number;
  readonly code?: string;
  readonly stack?: string;
  readonly issues?: readonly { path: string; message: string }[];
}

/**
 * JSON text that Postgres accepts as jsonb. What JSON cannot say is said as closely as it can: bigint as its digits, a
 * cycle as "[Circular]", NaN and the infinities as null, NUL and lone surrogates as U+FFFD. `undefined` becomes null.
 * Throws only what the value's own `toJSON` or getters throw.
 */
export function storableJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    text = JSON.stringify(value, tolerant()); // bigint or cycle
  }
  return text === undefined ? 'null' : wellFormedJson(text);
}

/** Without NUL and half characters: Postgres refuses a statement with either. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** In the years 1 to 9999: those that ISO 8601 and Postgres both write without a sign. */
export function isStorableInstant(at: Date): boolean {
  return at.getTime() >= YEAR_1_MS && at.getTime() < YEAR_10000_MS;
}

const YEAR_1_MS = Date.parse('0001-01-01T00:00:00Z');
const YEAR_10000_MS = Date.UTC(10_000, 0, 1);

/** UTF-8 bytes of a text as Postgres will receive it. */
export function bytesOf(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** The text cut to at most `maxBytes` of UTF-8, between code points, without NUL or lone surrogates. */
export function storableText(text: string, maxBytes: number): string {
  const clean = text.toWellFormed().replaceAll('\0', '\u{FFFD}');
  if (bytesOf(clean) <= maxBytes) return clean;
  const bytes = Buffer.from(clean, 'utf8');
  let end = maxBytes - 3; // room for the ellipsis
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}…`;
}

/** A thrown value as it is stored: at most 8 KiB, the message before the stack. */
export function storableError(thrown: unknown, attempt: number): StoredError {
  const error = asError(thrown);
  const message = storableText(String(error.message), LIMITS.errorBytes / 4); // a library's error may hold anything there
  const code = 'code' in error && typeof error.code === 'string' ? storableText(error.code, 100) : null;
  const stack = error.stack === undefined ? null : storableText(withCause(error), LIMITS.errorBytes / 2);
  return {
    name: storableText(String(error.name || 'Error'), 100),
    message,
    attempt,
    ...(code !== null && { code }),
    ...(stack !== null && { stack }),
  };
}

function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(typeof thrown === 'string' ? thrown : `a handler threw ${describe(thrown)} instead of an Error`);
}

function describe(thrown: unknown): string {
  try {
    return storableText(storableJson(thrown), 500);
  } catch {
    return typeof thrown; // a toJSON of the thrown value threw in turn: its type is all that can be said
  }
}

function withCause(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.message}` : '';
  return `${error.stack}${cause}`;
}

function tolerant(): (this: unknown, key: string, value: unknown) => unknown {
  const ancestors: unknown[] = [];
  return function (_key, value) {
    if (typeof value === 'bigint') return value.toString();
    if (typeof value !== 'object' || value === null) return value;
    while (ancestors.length > 0 && ancestors.at(-1) !== this) ancestors.pop();
    if (ancestors.includes(value)) return '[Circular]';
    ancestors.push(value);
    return value;
  };
}

/** JSON.stringify writes NUL and lone surrogates as escapes, which jsonb refuses; pairs of backslashes are skipped over. */
function wellFormedJson(text: string): string {
  if (!text.includes('\\u')) return text;
  return text.replace(/\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g, (found) => (found === '\\\\' ? found : '\\ufffd'));
}
