/** What an operator may ask for in one request, as the endpoint and the command line send it. Bounded, and strict: a misspelt field is refused. */
import { z } from 'zod';
import { LIMITS } from '../core/limits.ts';
import { instant, name, rowId, text as storable } from './fields.ts';

const MOST_IDS = 1_000; // the queue's own bound for a list of ids
const ids = z.array(rowId).min(1).max(MOST_IDS);
const text = (chars: number) => storable(chars).min(1);
const status = z.enum(['PENDING', 'PROCESSING', 'COMPLETED', 'DEAD_LETTER', 'CANCELLED']);

/** Who it is that holds the secret: for the audit log. */
const actor = text(200);
const reason = text(1_000);

const liveJobs = z.strictObject({
  ids: ids.exactOptional(),
  type: name.exactOptional(),
  queue: name.exactOptional(),
  priority: z.int().min(0).max(LIMITS.maxPriority).exactOptional(),
  status: z.enum(['PENDING', 'PROCESSING']).exactOptional(),
  dueBefore: instant.exactOptional(),
  dueAfter: instant.exactOptional(),
});

const deadLetters = z.strictObject({
  ids: ids.exactOptional(),
  type: name.exactOptional(),
  queue: name.exactOptional(),
  errorName: text(200).exactOptional(),
  errorCode: text(200).exactOptional(),
  messageContains: text(200).exactOptional(),
  finishedAfter: instant.exactOptional(),
  finishedBefore: instant.exactOptional(),
});
const statuses = z
  .array(z.enum(['DEAD_LETTER', 'CANCELLED']))
  .min(1)
  .max(2);

/** When a job that was cancelled before its time runs. */
const due = z.enum(['planned', 'now']);

const stopWhen = z.union([
  z.strictObject({ failed: z.int().min(1) }),
  z.strictObject({ failureRatio: z.number().gt(0).max(1), of: z.int().min(1) }),
]);

const target = { queue: name.exactOptional(), type: name.exactOptional() };
/** Which alerts: of a check, of one subject or of all. */
const muted = { check: text(100), subject: text(100).exactOptional() };
const schedule = { name: text(100), actor, reason: reason.exactOptional() };

export const operatorRequest = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('overview'),
    hours: z
      .int()
      .min(1)
      .max(24 * 90)
      .default(24),
  }),
  z.strictObject({
    action: z.literal('jobs'),
    status: status.exactOptional(),
    type: name.exactOptional(),
    queue: name.exactOptional(),
    search: text(512).exactOptional(),
    /** `next` of the page before. */
    after: text(2_000).exactOptional(),
    limit: z.int().min(1).max(200).exactOptional(),
  }),
  z.strictObject({ action: z.literal('job'), id: rowId, payload: z.boolean().default(false) }),
  z.strictObject({
    action: z.literal('follow'),
    after: z.union([z.literal('0'), rowId]),
    ids: z.array(rowId).max(MOST_IDS).exactOptional(),
    limit: z.int().min(1).max(MOST_IDS).exactOptional(),
  }),
  z.strictObject({ action: z.literal('previewCancel'), filter: liveJobs }),
  z.strictObject({ action: z.literal('cancel'), filter: liveJobs, reason, actor }),
  z.strictObject({ action: z.literal('retryNow'), ids, actor }),
  z.strictObject({
    action: z.literal('previewReplay'),
    filter: deadLetters,
    statuses: statuses.exactOptional(),
    due: due.exactOptional(),
  }),
  z.strictObject({
    action: z.literal('replay'),
    filter: deadLetters,
    statuses: statuses.exactOptional(),
    due: due.exactOptional(),
    maxJobs: z.int().min(1).exactOptional(),
    actor,
  }),
  z.strictObject({
    action: z.literal('ramp'),
    filter: deadLetters,
    statuses: statuses.exactOptional(),
    due: due.exactOptional(),
    maxJobs: z.int().min(1).exactOptional(),
    perMinute: z.int().min(1).max(10_000),
    stopWhen: stopWhen.exactOptional(),
    actor,
  }),
  z.strictObject({ action: z.literal('ramps') }),
  z.strictObject({ action: z.literal('stopRamp'), id: rowId, actor }),
  z.strictObject({
    action: z.literal('freeKey'),
    type: name,
    idempotencyKey: text(LIMITS.idempotencyKeyChars),
    reason: reason.exactOptional(),
    actor,
  }),
  z.strictObject({ action: z.literal('pause'), ...target, reason: reason.exactOptional(), actor }),
  z.strictObject({ action: z.literal('resume'), ...target, actor }),
  z.strictObject({ action: z.literal('environments') }),
  z.strictObject({ action: z.literal('adopt'), environment: name.nullable(), actor }),
  z.strictObject({ action: z.literal('incidents') }),
  z.strictObject({ action: z.literal('acknowledgeIncident'), id: rowId, actor }),
  z.strictObject({
    action: z.literal('muteCheck'),
    ...muted,
    forMs: z
      .int()
      .min(1_000)
      .max(30 * 24 * 3_600_000),
    reason,
    actor,
  }),
  z.strictObject({ action: z.literal('unmuteCheck'), ...muted, actor }),
  z.strictObject({ action: z.literal('schedules') }),
  z.strictObject({ action: z.literal('pauseSchedule'), ...schedule }),
  z.strictObject({ action: z.literal('resumeSchedule'), ...schedule }),
  z.strictObject({ action: z.literal('runSchedule'), ...schedule }),
  z.strictObject({
    action: z.literal('overrideSchedule'),
    ...schedule,
    /** Null takes the operator's own line back. */
    line: z.strictObject({ cron: text(200).exactOptional(), timeZone: text(100).exactOptional() }).nullable(),
  }),
]);

/** As it is sent: instants are texts. */
export type OperatorRequest = z.input<typeof operatorRequest>;
/** As it is read. */
export type OperatorAction = z.output<typeof operatorRequest>;
