/** Which jobs an operator means: the filters of operations in bulk, checked before anything is sent. */
import { QueueError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { isStorableInstant, isStorableText } from './serialize.ts';

/** Live jobs: all that fit every criterion given. At least one is needed. */
export interface JobFilter {
  /** 1 to 1,000. */
  readonly ids?: readonly string[];
  readonly type?: string;
  readonly queue?: string;
  readonly priority?: number;
  readonly status?: 'PENDING' | 'PROCESSING';
  /** The first instant that no longer counts. */
  readonly dueBefore?: Date;
  /** The first instant that counts. */
  readonly dueAfter?: Date;
}

/** Dead letters: all that fit every criterion given. At least one is needed. What is said of an error is said of the last one. */
export interface DeadLetterFilter {
  /** 1 to 1,000. */
  readonly ids?: readonly string[];
  readonly type?: string;
  readonly queue?: string;
  readonly errorName?: string;
  readonly errorCode?: string;
  /** Text as it stands in the message, upper and lower case alike as written; 1 to 200 characters. */
  readonly messageContains?: string;
  /** Of a group of `deadGroups`: name, code and shape of the message. */
  readonly fingerprint?: string;
  readonly finishedAfter?: Date;
  readonly finishedBefore?: Date;
}

/** The facts that only a replay tells of the jobs it means. */
export interface Revival {
  /** Default: dead letters alone. */
  readonly statuses?: readonly ('DEAD_LETTER' | 'CANCELLED')[];
  /** When a job that was cancelled before its time runs: at that time, the default, or now. */
  readonly due?: 'planned' | 'now';
}

/** Who does it, for the audit log: a person's name or an address, 1 to 200 characters. */
export interface By {
  readonly actor: string;
  /** Kept beside the name. */
  readonly reason?: string;
}

const MOST_IDS = 1_000; // a list that a person, or a screen, has put together
const TEXT_CHARS = 200;

/** The filter as matching_1.sql reads it. Throws QueueError `option_invalid`. */
export function jobFilterJson(filter: JobFilter): string {
  return filterJson(filter, {
    ids: idList,
    type: name,
    queue: name,
    priority: wholeBetween(0, LIMITS.maxPriority),
    status: oneOf(['PENDING', 'PROCESSING']),
    dueBefore: instant,
    dueAfter: instant,
  });
}

/** The filter as dead_2.sql reads it. Throws QueueError `option_invalid`. */
export function deadLetterFilterJson(filter: DeadLetterFilter, { statuses, due }: Revival): string {
  const json = filterJson(filter, {
    ids: idList,
    type: name,
    queue: name,
    errorName: text(TEXT_CHARS),
    errorCode: text(TEXT_CHARS),
    messageContains: text(TEXT_CHARS),
    fingerprint: text(TEXT_CHARS),
    finishedAfter: instant,
    finishedBefore: instant,
  });
  if (statuses?.length === 0) throw refused('statuses', "'DEAD_LETTER', 'CANCELLED', or both", 'none');
  const list = statuses?.map((status) => oneOf(['DEAD_LETTER', 'CANCELLED'])('statuses', status));
  const when = due && oneOf(['planned', 'now'])('due', due);
  return JSON.stringify({
    ...JSON.parse(json),
    ...(list && { statuses: [...new Set(list)] }),
    ...(when === 'now' && { due: when }),
  });
}

/** Throws QueueError unless somebody stands up for what is done. */
export function actorOf({ actor }: Pick<By, 'actor'>): string {
  return text(TEXT_CHARS)('actor', actor);
}

/** As the audit log keeps it. Throws QueueError. */
export function byOf(by: By): By {
  return { actor: actorOf(by), ...(by.reason !== undefined && { reason: reasonOf(by.reason) }) };
}

export function reasonOf(reason: string): string {
  return text(LIMITS.errorBytes / 8)('reason', reason);
}

/** A check of one option: answers what is sent, or throws QueueError. */
export type Check = (path: string, value: unknown) => unknown;

export const wholeBetween =
  (min: number, max: number) =>
  (path: string, value: unknown): number => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw refused(path, `an integer from ${min} to ${max}`, value);
  };

export function instant(path: string, value: unknown): string {
  if (value instanceof Date && isStorableInstant(value)) return value.toISOString();
  throw refused(path, 'a valid Date of the years 1 to 9999', value);
}

export function refused(path: string, expected: string, got: unknown): QueueError {
  const message = `expected ${expected}, got ${described(got)}`;
  return new QueueError('option_invalid', `${path}: ${message}`, { issues: [{ path, message }] });
}

function filterJson(filter: object, checks: Readonly<Record<string, Check>>): string {
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  const known = Object.keys(checks).join(', ');
  if (given.length === 0) throw refused('filter', `at least one of ${known}`, 'none');
  return JSON.stringify(
    Object.fromEntries(
      given.map(([key, value]) => {
        const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
        if (check === undefined) throw refused('filter', known, key); // a misspelt criterion must not mean every job
        return [key, check(`filter.${key}`, value)];
      }),
    ),
  );
}

function idList(path: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > MOST_IDS)
    throw refused(path, `1 to ${MOST_IDS} ids`, Array.isArray(value) ? `${value.length} ids` : value);
  return value.map((id: unknown, n) => idOf(`${path}[${n}]`, id));
}

export function idOf(path: string, id: unknown): string {
  if (typeof id === 'string' && isJobId(id)) return id;
  throw refused(path, 'an id as a string of digits', id);
}

/** True if a row could have this id: Postgres refuses a statement with any other. */
export function isJobId(id: string): boolean {
  return /^[1-9]\d{0,18}$/.test(id) && BigInt(id) <= 9_223_372_036_854_775_807n;
}

export function name(path: string, value: unknown): string {
  if (typeof value === 'string' && LIMITS.name.pattern.test(value)) return value;
  throw refused(path, `a name ${LIMITS.name.words}`, value);
}

export function text(chars: number) {
  return (path: string, value: unknown): string => {
    const fits = typeof value === 'string' && value.length >= 1 && value.length <= chars;
    if (fits && isStorableText(value)) return value;
    throw refused(path, `text of 1 to ${chars} characters that Postgres can store`, value);
  };
}

function oneOf(list: readonly string[]) {
  return (path: string, value: unknown): string => {
    if (typeof value === 'string' && list.includes(value)) return value;
    throw refused(path, list.map((one) => `'${one}'`).join(' or '), value);
  };
}

function described(value: unknown): string {
  if (typeof value === 'string') return value.length > 100 ? `${value.length} characters` : `'${value}'`;
  return typeof value === 'object' && value !== null && !(value instanceof Date) ? 'an object' : String(value);
}
