/** What a check found, in one sentence, the same on every screen and in every alert. Pure. */
import ms from 'ms';

export interface Found {
  readonly name: string;
  readonly subject: string;
  readonly value: number | null;
  readonly limit: number | null;
  readonly data: Readonly<Record<string, unknown>>;
}

/** One sentence without its full stop. Says what was measured, of what, and from when on that is too much. */
export function inWords(found: Found): string {
  const sentence = SENTENCES[found.name];
  return sentence ? sentence(found) : `${found.value ?? 'nothing'}, red from ${found.limit ?? 'never'} on`;
}

const SENTENCES: Readonly<Record<string, (found: Found) => string>> = {
  database: ({ value, data }) =>
    data.refused === undefined
      ? `it answered within ${duration(value)}`
      : `it refuses writes: ${String(data.refused).replace(/[.]$/, '')}`,
  protocol: ({ value, data }) =>
    value === 0
      ? 'every function that this code calls is installed'
      : `run npm run db:migrate: missing ${list(data.missing)}`,
  ticks: ({ value, limit }) =>
    value === null
      ? 'no tick has succeeded yet'
      : `the last successful tick was ${duration(value)} ago, red from ${duration(limit)} on`,
  oldest_due: ({ subject, value, limit, data }) =>
    subject === ''
      ? data.lanes === undefined
        ? 'nothing is due'
        : `nothing is due in the first ${thousands(data.lanes)} lanes; the others were not looked at`
      : `the oldest due job of ${subject} has waited for ${duration(value)}, red from ${duration(limit)} on`,
  dead_letters: ({ subject, value, limit, data }) =>
    subject === ''
      ? 'no dead letters within the last hour'
      : `${value} dead letters of ${subject} within the last hour, ${data.before} an hour in the day before, red from ${limit} on`,
  retries: ({ subject, value, limit, data }) =>
    subject === ''
      ? 'too few attempts to compare'
      : `${data.failed} of ${data.ended} attempts of ${subject} failed within 15 minutes (${percent(value)}), ` +
        `${percent(Number(data.before))} in the day before, red from ${percent(limit)} on`,
  run_time: ({ subject, value, limit, data }) =>
    subject === ''
      ? 'too few attempts to compare'
      : `the p95 of ${subject} ran for ${duration(value)} within 15 minutes, ${duration(Number(data.before))} in the day before, ` +
        `red from ${duration(limit)} on`,
  deadlines: ({ value, limit }) =>
    `${value} ticks in a row ended for lack of time${value !== null && value >= 100 ? ', or more' : ''}, red from ${limit} on`,
  slices: ({ subject, value, limit, data }) =>
    subject === ''
      ? 'no job goes on without end'
      : `job ${data.job} of ${subject} has been claimed ${thousands(value)} times, red from ${thousands(limit)} on: ` +
        'if its state does not change any more, cancel it',
  unhandled: ({ subject, value, limit }) =>
    subject === ''
      ? 'every due job has a handler here'
      : `the oldest due job of ${subject}, which has no handler here, has waited for ${duration(value)}, red from ${duration(limit)} on`,
  snapshot: ({ value, limit, data }) =>
    data.holder === undefined
      ? 'nothing holds back vacuum'
      : `a ${data.holder} (${data.who}) holds back vacuum, for ${duration(value)} and ${data.xids} transactions, ` +
        `red from ${duration(limit)} on`,
  sequences: ({ value, data }) =>
    value === 0
      ? 'every sequence is ahead of its rows'
      : `${list(data.behind)} would give ids that rows hold already, as after a restore without sequences: ` +
        'run select jobqueue.raise_sequences_1()',
  guard: ({ subject, value, limit, data }) =>
    `${subject} is paused: ${data.failed} of ${data.ended} attempts failed (${percent(value)}), more than ${percent(limit)}; ` +
    'resume it when the cause is mended',
};

/** Why a replay at n a minute does not move on just now. */
export function waitingInWords(waitsFor: 'outcomes' | 'resume' | 'handler' | null): string | null {
  return waitsFor === null ? null : WAITS[waitsFor];
}

const WAITS = {
  outcomes: 'waits for outcomes: as many jobs are open as its stop condition needs to judge',
  resume: 'waits for a resume: its type or queue is paused',
  handler: 'waits for a deployment that has a handler for its type',
} as const;

/** How long something lasted, to the unit that people say. */
export function duration(value: number | null): string {
  return value === null ? 'never' : ms(Math.round(value), { long: true });
}

function percent(share: number | null): string {
  return share === null ? 'never' : `${Math.round(share * 1000) / 10} %`;
}

function thousands(n: unknown): string {
  return Number(n).toLocaleString('en');
}

function list(names: unknown): string {
  return Array.isArray(names) ? names.join(', ') : String(names);
}
