/** Filters of bulk operations, checked before anything is sent. */
import { LIMITS } from './limits.ts';
import { idOf, instant, integer, name, oneOf, refused, text } from './options.ts';

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
  /** The group of `deadGroups`: name, code and shape of the message. */
  readonly fingerprint?: string;
  readonly finishedAfter?: Date;
  readonly finishedBefore?: Date;
}

/** The facts that only a replay tells of the jobs it means. */
export interface Revival {
  /** True if the app has the console's page afterwards. */
  readonly statuses?: readonly ('DEAD_LETTER' | 'CANCELLED')[];
  /** When a job that was cancelled before its time runs: at that time, the default, or now. */
  readonly due?: 'planned' | 'now';
}

const MOST_IDS = 1_000; // a list that a person, or a screen, has put together
const TEXT_CHARS = 200;

/** The filter as matching_1.sql reads it. Throws QueueError `option_invalid`. */
export function jobFilterJson(filter: JobFilter): string {
  return filterJson(filter, {
    ids: idList,
    type: name,
    queue: name,
    priority: (path, value) => integer(path, value, { min: 0, max: LIMITS.maxPriority }),
    status: (path, value) => oneOf(path, value, ['PENDING', 'PROCESSING']),
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
    errorName: short,
    errorCode: short,
    messageContains: short,
    fingerprint: short,
    finishedAfter: instant,
    finishedBefore: instant,
  });
  if (statuses?.length === 0) throw refused('statuses', "'DEAD_LETTER', 'CANCELLED', or both", 'none');
  const list = statuses?.map((status) => oneOf('statuses', status, ['DEAD_LETTER', 'CANCELLED']));
  const when = due && oneOf('due', due, ['planned', 'now']);
  return JSON.stringify({
    ...JSON.parse(json),
    ...(list && { statuses: [...new Set(list)] }),
    ...(when === 'now' && { due: when }),
  });
}

/** A check of one option: answers what is sent, or throws QueueError. */
type Check = (path: string, value: unknown) => unknown;

const short: Check = (path, value) => text(path, value, TEXT_CHARS);

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
