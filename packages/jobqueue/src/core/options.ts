/** Checks of options, one rule each. A refusal says what was expected, what came and where. Pure. */
import ms, { type StringValue } from 'ms';
import { QueueError, type QueueErrorCode } from './errors.ts';
import { LIMITS } from './limits.ts';
import { nearest } from './nearest.ts';
import { isStorableInstant, isStorableText } from './serialize.ts';

/** All names that an options object may have; the compiler sees that none is missing. */
export type Names<Options> = Readonly<Record<Options extends unknown ? keyof Options : never, true>>;

/** A time in ms, or as people write it: '5m'. */
export type Duration = number | StringValue;

/** The place of an option, beside its own name. */
export interface Where {
  /** The call, as the message begins: `createQueue`. */
  readonly call?: string;
  /** The path to the object that holds the option, with its last dot: `health.`. */
  readonly at?: string;
  /** Default: `option_invalid`. */
  readonly code?: QueueErrorCode;
}

/** The inclusive bounds of a number. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Strings longer than this are told by their length: a message is no place for a payload. */
const SHOWN_CHARS = 100;

/** The error for a wrong option, to be thrown: `createQueue: health.tickEvery: expected …, got …`. */
export function refused(option: string, expected: string, got: unknown, where: Where = {}): QueueError {
  return refusal(option, `expected ${expected}, got ${described(got)}`, where);
}

/** The same for what is wrong in another way than by its value. */
export function refusal(option: string, message: string, { call, at = '', code = 'option_invalid' }: Where = {}) {
  const path = `${at}${option}`;
  const place = call === undefined ? path : `${call}: ${path}`;
  return new QueueError(code, `${place}: ${message}`, { issues: [{ path, message }] });
}

/** Throws QueueError for a name that is not known, because a misspelt option would count as not given; names the nearest. */
export function onlyKnown(options: object, names: Readonly<Record<string, true>>, where: Where = {}): void {
  for (const name in options) {
    if (names[name] === true) continue;
    const shown = name.slice(0, SHOWN_CHARS);
    throw refusal(
      shown,
      `there is no such option; the nearest: ${nearest(shown, Object.keys(names)).join(', ')}`,
      where,
    );
  }
}

/** Throws QueueError unless the value is an integer within its bounds. */
export function integer(option: string, value: unknown, { min, max }: Bounds, where?: Where): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw refused(option, `an integer from ${min} to ${max}`, value, where);
}

/** Throws QueueError unless the value is a number within its bounds. */
export function number(option: string, value: unknown, { min, max }: Bounds, where?: Where): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw refused(option, `a number from ${min} to ${max}`, value, where);
}

/** A duration in ms, given in ms or like '5m'. Throws QueueError unless it is within its bounds, in ms. */
export function duration(option: string, value: unknown, { min, max }: Bounds, where?: Where): number {
  const found = typeof value === 'string' && value.length <= SHOWN_CHARS ? parsedDuration(value) : value;
  if (typeof found === 'number' && found >= min && found <= max) return found;
  const longest = max === LIMITS.scheduledForMs ? '10 years' : ms(max);
  throw refused(option, `a duration from ${ms(min)} to ${longest}, in ms or like '5m'`, value, where);
}

/** Throws QueueError unless the value is a Date that Postgres can store; answers it as ISO text. */
export function instant(option: string, value: unknown, where?: Where): string {
  if (value instanceof Date && isStorableInstant(value)) return value.toISOString();
  throw refused(option, 'a valid Date of the years 1 to 9999', value, where);
}

/** Throws QueueError unless the value can name a type or a queue. */
export function name(option: string, value: unknown, where?: Where): string {
  if (typeof value === 'string' && LIMITS.name.pattern.test(value)) return value;
  throw refused(option, `a name ${LIMITS.name.words}`, value, where);
}

/** Throws QueueError unless the value is text of 1 to `chars` characters that Postgres can store. */
export function text(option: string, value: unknown, chars: number, where?: Where): string {
  const fits = typeof value === 'string' && value.length >= 1 && value.length <= chars;
  if (fits && isStorableText(value)) return value;
  throw refused(option, `text of 1 to ${chars} characters that Postgres can store`, value, where);
}

/** Throws QueueError unless the value is one of the list. */
export function oneOf<const One extends string>(
  option: string,
  value: unknown,
  list: readonly One[],
  where?: Where,
): One {
  const found = list.find((one) => one === value);
  if (found !== undefined) return found;
  throw refused(option, list.map((one) => `'${one}'`).join(' or '), value, where);
}

/** Throws QueueError unless the value is the id of a row. */
export function idOf(option: string, value: unknown, where?: Where): string {
  if (typeof value === 'string' && isJobId(value)) return value;
  throw refused(option, 'an id as a string of digits', value, where);
}

/** True if a row could have this id: Postgres refuses a statement with any other. */
export function isJobId(id: string): boolean {
  return /^[1-9]\d{0,18}$/.test(id) && BigInt(id) <= 9_223_372_036_854_775_807n;
}

/** The ms of a text like '5m'; NaN if it is none. */
export function parsedDuration(value: string): number {
  return value === '' ? Number.NaN : ms(value as StringValue);
}

function described(value: unknown): string {
  if (typeof value === 'string') return value.length > SHOWN_CHARS ? `${value.length} characters` : `'${value}'`;
  return typeof value === 'object' && value !== null && !(value instanceof Date) ? 'an object' : String(value);
}
