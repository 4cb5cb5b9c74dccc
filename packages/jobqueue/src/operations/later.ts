/** The calls of operators before their code is loaded: each loads it, then does the same. */
import type { Operators } from './operations.ts';

/** The calls that answer a promise. */
export type LaterOperators = Omit<Operators, 'redactPayload'>;

const CALLS: Readonly<Record<keyof LaterOperators, true>> = {
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
  schedules: true,
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

/** `load` answers the calls themselves; an error of loading is each caller's. */
export function laterOperators(load: () => Promise<Operators>): LaterOperators {
  const calls = Object.keys(CALLS).map((name) => [
    name,
    async (...args: never[]) => {
      const offered = await load();
      return (offered[name as keyof LaterOperators] as (...args: never[]) => Promise<unknown>)(...args);
    },
  ]);
  return Object.fromEntries(calls) as LaterOperators; // CALLS has every name, and nothing else
}
