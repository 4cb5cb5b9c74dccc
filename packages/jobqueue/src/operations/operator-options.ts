/** The names in the arguments of everything that operators are offered, checked in one place. Pure. */

import { type Names, onlyKnown } from '../core/options.ts';
import type { Operators } from './operations.ts';
import type { ReplayOptions, ThrottledReplayOptions } from './replay.ts';

type Verb = keyof Operators;
/** Null: no options object, or a filter, which filters.ts reads. */
type Argument<T> = Names<Extract<T, object>> | null;
/** Those behind the last one with options are left out. */
type Arguments<List extends readonly unknown[]> = Partial<{ readonly [Place in keyof List]: Argument<List[Place]> }>;
type Table = {
  readonly [Name in Exclude<Verb, 'replay' | 'schedules'>]?: Arguments<Parameters<Operators[Name]>>;
} & { readonly replay: readonly [null, Names<ReplayOptions | ThrottledReplayOptions>] };

const ACTOR = { actor: true } as const;
const BY = { actor: true, reason: true } as const;
const TARGET = { queue: true, type: true } as const;
const CHECK = { check: true, subject: true } as const;
const BULK = { signal: true, onProgress: true } as const;
const LIMIT = { perSecond: true, burst: true } as const;

const NAMES: Table = {
  preview: [{ queue: true, types: true, includePaused: true }],
  tail: [{ after: true, ids: true, limit: true }],
  pause: [TARGET, BY],
  resume: [TARGET, BY],
  cancel: [null, { ...BY, ...BULK }],
  reschedule: [null, { ...BY, ...BULK, to: true }],
  setPriority: [null, { ...BY, ...BULK, priority: true }],
  previewReplay: [null, { statuses: true, due: true }],
  replay: [null, { ...BY, ...BULK, statuses: true, due: true, maxJobs: true, perMinute: true, stopWhen: true }],
  replayWithPayload: [null, null, BY],
  listJobs: [
    { status: true, type: true, queue: true, search: true, fingerprint: true, from: true, until: true },
    { after: true, limit: true },
  ],
  deadGroups: [{ type: true }],
  freeKey: [{ type: true, idempotencyKey: true }, BY],
  stopReplay: [null, ACTOR],
  auditLog: [{ before: true, limit: true }],
  audit: [{ actor: true, action: true, details: true }],
  takeToken: [null, LIMIT],
  unblock: [null, ACTOR],
  stats: [{ from: true, to: true, types: true, by: true, together: true }],
  drains: [{ before: true, id: true, limit: true }],
  prune: [{ budgetMs: true }],
  pauseSchedule: [null, BY],
  resumeSchedule: [null, BY],
  overrideSchedule: [null, { cron: true, timeZone: true }, BY],
  runSchedule: [null, BY],
  acknowledgeIncident: [null, ACTOR],
  muteCheck: [CHECK, { ...BY, forMs: true }],
  unmuteCheck: [CHECK, ACTOR],
  adopt: [null, ACTOR],
};

/** The same calls, each of which refuses an option that it does not know before it does anything. */
export function strictOperators(offered: Operators): Operators {
  const strict = Object.entries(NAMES).map(([verb, names]) => {
    const call = offered[verb as Verb] as (...args: unknown[]) => Promise<unknown>;
    return [
      verb,
      async (...args: unknown[]) => {
        for (const [n, known] of (names as readonly (Names<object> | null)[]).entries()) {
          const given = args[n];
          if (known && typeof given === 'object' && given !== null) onlyKnown(given, known, { call: `${verb}` });
        }
        return call(...args);
      },
    ] as const;
  });
  return { ...offered, ...Object.fromEntries(strict) };
}
