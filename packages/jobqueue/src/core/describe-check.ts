/** Describes a check's result, the same on every screen and in every alert: fact and limit, next step, page. Pure. */
import { duration } from './duration.ts';

export interface CheckResult {
  readonly name: string;
  readonly subject: string;
  readonly value: number | null;
  readonly limit: number | null;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Words {
  /** Measurement and limit in words. Without a full stop. */
  readonly fact: (found: CheckResult) => string;
  /** The imperative. */
  readonly next: (found: CheckResult) => string;
  /** The page of the console that shows it, with its parameters. */
  readonly page: (found: CheckResult) => readonly [path: string, parameters?: Readonly<Record<string, unknown>>];
}

/** Fact and limit, in one sentence without its full stop. */
export function describeCheck(found: CheckResult): string {
  return CHECKS[found.name]?.fact(found) ?? `value ${found.value ?? 'unknown'} (limit ${found.limit ?? 'none'})`;
}

/** The next step for a red check, as an imperative without its full stop. */
export function nextStep(found: CheckResult): string {
  return CHECKS[found.name]?.next(found) ?? 'update @conversure/jobqueue here: a newer version found this';
}

/** The console's page of what was found, from its root: a group of dead letters, a type's jobs, or the screen of the check. */
export function pageOf(found: CheckResult): string {
  const [path, parameters = {}] = CHECKS[found.name]?.page(found) ?? ['/incident'];
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (typeof value === 'string') query.set(name, value);
  return query.size === 0 ? path : `${path}?${query}`;
}

/** The page as an absolute link; null if the console's address is not set. */
export function linkTo(consoleUrl: string | undefined, found: CheckResult): string | null {
  return consoleUrl === undefined ? null : `${consoleUrl.replace(/\/+$/, '')}${pageOf(found)}`;
}

const pending: Words['page'] = ({ subject }) => ['/jobs', { status: 'PENDING', type: subject }];

const CHECKS: Readonly<Record<string, Words>> = {
  database: {
    fact: ({ value, data }) =>
      data.refused === undefined
        ? `it answered within ${time(value)}`
        : `it refuses writes: ${String(data.refused).replace(/[.]$/, '')}`,
    next: () => 'fix the named cause; until then jobs can be read, but neither run nor be enqueued',
    page: () => ['/'],
  },
  protocol: {
    fact: ({ value, data }) =>
      value === 0 ? 'every function that this code calls is installed' : `functions are missing: ${list(data.missing)}`,
    next: () => 'run npx jobqueue migrate on this database',
    page: () => ['/'],
  },
  ticks: {
    fact: ({ value, limit }) =>
      value === null
        ? 'no tick has succeeded yet'
        : `last successful tick was ${time(value)} ago (limit ${time(limit)})`,
    next: () =>
      'check what the scheduler gets from /api/cron/drain (401: set its secret; 500: read the log), and drain by hand until then',
    page: () => ['/ticks'],
  },
  oldest_due: {
    fact: ({ subject, value, limit, data }) =>
      subject === ''
        ? data.lanes === undefined
          ? 'no job is due'
          : `no job is due in the first ${thousands(data.lanes)} lanes; the others were not checked`
        : `oldest due ${subject} job has waited ${time(value)} (limit ${time(limit)})`,
    next: () => 'drain by hand; if it happens again, raise the concurrency or drain more often',
    page: pending,
  },
  dead_letters: {
    fact: ({ subject, value, limit, data }) =>
      subject === ''
        ? 'no dead letters in the last hour'
        : `${value}${data.isBound === true ? '+' : ''} ${subject} dead letters in the last hour ` +
          `(limit ${limit}; the day before: ${data.before} an hour)${largest(data)}`,
    next: ({ subject }) => `read the error; pause ${subject} if more will follow; replay them when the cause is fixed`,
    page: ({ subject, data }) => ['/dead-letters', { type: subject, group: data.fingerprint }],
  },
  retries: {
    fact: ({ subject, value, limit, data }) =>
      subject === ''
        ? 'too few attempts to compare'
        : `${data.failed} of ${data.ended} ${subject} attempts failed in the last 15 min: ${percent(value)} ` +
          `(limit ${percent(limit)}; the day before: ${percent(Number(data.before))})`,
    next: ({ subject }) => `read the newest errors of ${subject}; pause it while its remote system is down`,
    page: ({ subject }) => ['/jobs', { type: subject }],
  },
  run_time: {
    fact: ({ subject, value, limit, data }) =>
      subject === ''
        ? 'too few attempts to compare'
        : `p95 run time of ${subject} was ${time(value)} in the last 15 min ` +
          `(limit ${time(limit)}; the day before: ${time(Number(data.before))})`,
    next: () => 'find out what its handler waits for',
    page: ({ subject }) => ['/jobs', { status: 'PROCESSING', type: subject }],
  },
  deadlines: {
    fact: ({ value, limit }) =>
      `${value}${value !== null && value >= 100 ? '+' : ''} ticks in a row ran out of time (limit ${limit})`,
    next: () => 'raise the concurrency or the maximum duration, or drain more often',
    page: () => ['/ticks'],
  },
  slices: {
    fact: ({ subject, value, limit, data }) =>
      subject === ''
        ? 'no job has an excessive number of slices'
        : `job ${data.job} of ${subject} has been claimed ${thousands(value)} times (limit ${thousands(limit)})`,
    next: () => 'check if its state still changes; if not, cancel it',
    page: ({ subject, data }) => [subject === '' ? '/jobs' : `/jobs/${data.job}`],
  },
  unhandled: {
    fact: ({ subject, value, limit }) =>
      subject === ''
        ? 'every due job has a handler here'
        : `oldest due ${subject} job has no handler here and has waited ${time(value)} (limit ${time(limit)})`,
    next: ({ subject }) => `deploy the code that handles ${subject}, or cancel its jobs`,
    page: pending,
  },
  snapshot: {
    fact: ({ value, limit, data }) =>
      data.holder === undefined
        ? 'nothing holds back vacuum'
        : `a ${data.holder} (${data.who}) has held back vacuum for ${time(value)} and ${data.xids} transactions (limit ${time(limit)})`,
    next: () => 'end it; a session ends by select pg_terminate_backend(pid)',
    page: () => ['/incident'],
  },
  sequences: {
    fact: ({ value, data }) =>
      value === 0
        ? 'every sequence is ahead of its rows'
        : `${list(data.behind)} would hand out ids that rows already have, as after a restore without sequences`,
    next: ({ data }) => `run select ${schemaOf(data.behind)}.raise_sequences_1() in that database`,
    page: () => ['/'],
  },
  guard: {
    fact: ({ subject, value, limit, data }) =>
      `${subject} was paused: ${data.failed} of its last ${data.ended} attempts failed, ${percent(value)} (limit ${percent(limit)})`,
    next: ({ subject }) => `fix the cause, then resume ${subject}`,
    page: () => ['/incident'],
  },
};

/** Every check that can be red, by its name. */
export const CHECK_NAMES: readonly string[] = Object.keys(CHECKS);

/** The schema of the sequences that are behind, as SQL writes it. */
function schemaOf(sequences: unknown): string {
  const [first] = Array.isArray(sequences) ? sequences : [];
  return /^(.+)[.]/.exec(String(first))?.[1] ?? 'jobqueue';
}

/** The most frequent error: names and codes only, never a message. */
function largest({ group, errorName, errorCode }: CheckResult['data']): string {
  if (typeof group !== 'number') return '';
  const error = [errorName, errorCode].filter((part) => typeof part === 'string').join(' ');
  return `, ${group} of them ${error === '' ? 'without an error' : error}`;
}

function thousands(n: unknown): string {
  return Number(n).toLocaleString('en');
}

function time(ms: number | null): string {
  return ms === null ? 'never' : duration(ms);
}

function percent(share: number | null): string {
  return share === null ? 'never' : `${Math.round(share * 1000) / 10} %`;
}

function list(names: unknown): string {
  return Array.isArray(names) ? names.join(', ') : String(names);
}
