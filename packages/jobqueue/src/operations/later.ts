/** The calls of operators before their code is loaded: each loads it, then does the same. */
import type { Schedules } from '../schedules/runtime.ts';
import type { Operators } from './operations.ts';

/** The calls that answer a promise. */
export type LaterOperators = Omit<Operators, 'redactPayload'>;

const CALLS: Readonly<Record<Exclude<keyof LaterOperators, 'schedules'>, true>> = {
  preview: true,
  tail: true,
  pauses: true,
  checkNames: true,
  previewJobs: true,
  pause: true,
  resume: true,
  cancel: true,
  reschedule: true,
  setPriority: true,
  update: true,
  previewReplay: true,
  replay: true,
  replayWithPayload: true,
  listJobs: true,
  countJobs: true,
  deadGroups: true,
  related: true,
  freeKey: true,
  replays: true,
  stopReplay: true,
  auditLog: true,
  audit: true,
  overview: true,
  health: true,
  metrics: true,
  rateLimits: true,
  takeToken: true,
  unblock: true,
  stats: true,
  drains: true,
  prune: true,
  pauseSchedule: true,
  resumeSchedule: true,
  overrideSchedule: true,
  runSchedule: true,
  environments: true,
  adopt: true,
  incidents: true,
  acknowledgeIncident: true,
  muteCheck: true,
  unmuteCheck: true,
  mutes: true,
};

const OF_SCHEDULES: Readonly<Record<keyof Schedules, true>> = {
  create: true,
  update: true,
  delete: true,
  get: true,
  list: true,
  preview: true,
};

type Call = (...args: never[]) => Promise<unknown>;

/** `load` answers the calls themselves; an error of loading is each caller's. */
export function laterOperators(load: () => Promise<Operators>): LaterOperators {
  const later = (names: object, holder: (offered: Operators) => object) =>
    Object.keys(names).map((name) => [
      name,
      async (...args: never[]) => (holder(await load()) as Record<string, Call>)[name]?.(...args),
    ]);
  const schedules = Object.assign(
    async () => (await load()).schedules(),
    Object.fromEntries(later(OF_SCHEDULES, (offered) => offered.schedules)),
  );
  const calls = Object.fromEntries(later(CALLS, (offered) => offered));
  return { ...calls, schedules } as LaterOperators; // both tables have every name, and nothing else
}
