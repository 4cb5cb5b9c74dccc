/** Schemas of operator requests, as the endpoint and the command line send them. Bounded, and strict: an unknown field is refused. */
import {
  anything,
  boolean,
  either,
  instant,
  integer,
  list,
  name,
  nullable,
  object,
  oneOf,
  optional,
  ratio,
  rowId,
  tagged,
  text,
} from '../core/fields.ts';
import { LIMITS } from '../core/limits.ts';
import type { InputOf, OutputOf } from '../core/standard-schema.ts';

const MOST_IDS = 1_000; // the queue's own bound for a list of ids
const ids = list(rowId, MOST_IDS);
const status = oneOf('PENDING', 'PROCESSING', 'COMPLETED', 'DEAD_LETTER', 'CANCELLED');

/** The holder of the secret, as the audit log records them. */
const actor = text(200);
const reason = text(1_000);

const liveJobs = object({
  ids: optional(ids),
  type: optional(name),
  queue: optional(name),
  priority: optional(integer(0, LIMITS.maxPriority)),
  status: optional(oneOf('PENDING', 'PROCESSING')),
  dueBefore: optional(instant),
  dueAfter: optional(instant),
});

const deadLetters = object({
  ids: optional(ids),
  type: optional(name),
  queue: optional(name),
  errorName: optional(text(200)),
  errorCode: optional(text(200)),
  messageContains: optional(text(200)),
  finishedAfter: optional(instant),
  finishedBefore: optional(instant),
});

/** The dead letters, and the due time of a job that was cancelled before its time. */
const revival = {
  filter: deadLetters,
  statuses: optional(list(oneOf('DEAD_LETTER', 'CANCELLED'), 2)),
  due: optional(oneOf('planned', 'now')),
};

const stopWhen = either(
  'either { failed } from 1 on, or { failureRatio, minOutcomes } with a ratio above 0 up to 1 of at least 1 job',
  object({ failed: integer(1) }),
  object({ failureRatio: ratio, minOutcomes: integer(1) }),
  object({ failureRatio: ratio, of: integer(1) }), // as releases up to 0.8 name it
);

const throttledReplay = {
  ...revival,
  maxJobs: optional(integer(1)),
  perMinute: integer(1, 10_000),
  stopWhen: optional(stopWhen),
  actor,
};

const target = { queue: optional(name), type: optional(name) };
/** The alerts of a check, of one subject or of all. */
const muted = { check: text(100), subject: optional(text(100)) };
const schedule = { name: text(100), actor, reason: optional(reason) };

const MOST_HOURS = 24 * 90;
const MOST_MUTED_MS = 30 * 24 * 3_600_000;

/** A Standard Schema: `validate` answers the action, or the path of each mistake. */
export const operatorRequest = tagged('action', {
  overview: { hours: optional(integer(1, MOST_HOURS), 24) },
  jobs: {
    status: optional(status),
    type: optional(name),
    queue: optional(name),
    search: optional(text(512)),
    /** `next` of the page before. */
    after: optional(text(2_000)),
    limit: optional(integer(1, 200)),
  },
  job: { id: rowId, payload: optional(boolean, false) },
  follow: {
    after: either("'0' or an id as digits", oneOf('0'), rowId),
    ids: optional(list(rowId, MOST_IDS, 0)),
    limit: optional(integer(1, MOST_IDS)),
  },
  previewCancel: { filter: liveJobs },
  cancel: { filter: liveJobs, reason, actor },
  retryNow: { ids, actor },
  update: {
    id: rowId,
    payload: optional(anything),
    priority: optional(integer(0, LIMITS.maxPriority)),
    scheduledFor: optional(instant),
    reason: optional(reason),
    actor,
  },
  previewReplay: revival,
  replay: { ...revival, maxJobs: optional(integer(1)), actor },
  throttledReplay,
  replays: {},
  stopReplay: { id: rowId, actor },
  ramp: throttledReplay, // these three as releases up to 0.8 name them
  ramps: {},
  stopRamp: { id: rowId, actor },
  freeKey: { type: name, idempotencyKey: text(LIMITS.idempotencyKeyChars), reason: optional(reason), actor },
  pause: { ...target, reason: optional(reason), actor },
  resume: { ...target, actor },
  environments: {},
  adopt: { environment: nullable(name), actor },
  incidents: {},
  acknowledgeIncident: { id: rowId, actor },
  muteCheck: { ...muted, forMs: integer(1_000, MOST_MUTED_MS), reason, actor },
  unmuteCheck: { ...muted, actor },
  schedules: {},
  pauseSchedule: schedule,
  resumeSchedule: schedule,
  runSchedule: schedule,
  overrideSchedule: {
    ...schedule,
    /** Null takes the operator's own line back. */
    line: nullable(object({ cron: optional(text(200)), timeZone: optional(text(100)) })),
  },
});

/** As it is sent: instants are texts. */
export type OperatorRequest = InputOf<typeof operatorRequest>;
/** As it is read. */
export type OperatorAction = OutputOf<typeof operatorRequest>;
