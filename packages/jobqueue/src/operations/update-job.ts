/** Another payload, priority or due time for a job that waits. */

import { type Actor, checkActor } from '../core/actor.ts';
import { QueueError } from '../core/errors.ts';
import { restoredJob } from '../core/follow-up.ts';
import type { Job } from '../core/job.ts';
import { LIMITS } from '../core/limits.ts';
import { idOf, instant, integer, type Names, name, number, onlyKnown, refused, text } from '../core/options.ts';
import { encodePayload } from '../core/payload.ts';
import type { Executor } from '../postgres/database.ts';
import { updateJob as send } from '../postgres/statements/updates.ts';
import { findJob, getJob, type JobView } from '../reads/job-view.ts';
import type { HeldKey } from './live-jobs.ts';

/** What becomes different of a job: one or more of these. */
export interface JobChanges {
  /** Checked by the schema of the job's type, as an enqueue checks it; at most 256 KiB as JSON. */
  readonly payload?: unknown;
  /** 0 to 10, higher is more urgent. */
  readonly priority?: number;
  /** Not before this instant, at most 10 years ahead; the past means now. */
  readonly scheduledFor?: Date;
  /** Not before this many ms from now, by the database's clock. Not together with `scheduledFor`. */
  readonly delayMs?: number;
}

/** The result of an update. */
export interface UpdatedJob {
  /** `false`: nothing has changed, because the job had begun or ended, or there is none. */
  readonly updated: boolean;
  /** Null if there is no such job. */
  readonly id: string | null;
  /** The status that it was found in; null if there is no such job. */
  readonly status: JobView['status'] | null;
}

const WHERE = { call: 'update' };
const CHANGE_NAMES: Names<JobChanges> = { payload: true, priority: true, scheduledFor: true, delayMs: true };

/** What the statement decides under the lock of the job's row; only the schema's check goes before it, as the type of a job never changes. */
export async function updateJob(
  executor: Executor,
  jobs: ReadonlyMap<string, Job>,
  { job, changes }: { readonly job: string | HeldKey; readonly changes: JobChanges },
  by?: Actor,
): Promise<UpdatedJob> {
  const options = by === undefined ? {} : checkActor(by);
  const plain = plainChanges(changes);
  const find = finderOf(executor, job);
  const found = await find();
  if (found?.status !== 'PENDING') return resultOf(false, found);
  const payload = changes.payload !== undefined ? encoded(jobs, found, changes.payload) : null;
  const rest = JSON.stringify(plain);
  // put together as text: a payload is encoded once, by its own rules
  const json = payload === null ? rest : `{"payload":${payload}${rest === '{}' ? '' : ','}${rest.slice(1)}`;
  const updated = await send(executor, found.id, json, options);
  return updated ? resultOf(true, found) : resultOf(false, await getJob(executor, found.id));
}

function resultOf(updated: boolean, found: JobView | null): UpdatedJob {
  return { updated, id: found?.id ?? null, status: found?.status ?? null };
}

function finderOf(executor: Executor, job: string | HeldKey): () => Promise<JobView | null> {
  if (typeof job === 'string') {
    const id = idOf('id', job, WHERE);
    return () => getJob(executor, id);
  }
  onlyKnown(job, { type: true, idempotencyKey: true }, WHERE);
  const type = name('type', job.type, WHERE);
  const key = text('idempotencyKey', job.idempotencyKey, LIMITS.idempotencyKeyChars, WHERE);
  return () => findJob(executor, type, key);
}

function encoded(jobs: ReadonlyMap<string, Job>, { type, payload: stored }: JobView, payload: unknown): string {
  const job = jobs.get(type);
  if (job === undefined) throw new QueueError('unknown_type', `update: this queue does not know '${type}'`);
  return encodePayload(job, restoredJob(jobs, type, payload, stored), '');
}

/** All but the payload. */
function plainChanges(changes: JobChanges): object {
  onlyKnown(changes, CHANGE_NAMES, WHERE);
  const { priority, scheduledFor, delayMs } = changes;
  if (Object.values(changes).every((value) => value === undefined))
    throw refused('changes', 'one or more of payload, priority, and scheduledFor or delayMs', changes, WHERE);
  if (scheduledFor !== undefined && delayMs !== undefined)
    throw refused('delayMs', 'scheduledFor or delayMs, not both', delayMs, WHERE);
  const to = scheduledFor === undefined ? undefined : instant('scheduledFor', scheduledFor, WHERE);
  if (scheduledFor !== undefined && scheduledFor.getTime() > Date.now() + LIMITS.scheduledForMs)
    throw refused('scheduledFor', 'an instant at most 10 years ahead', scheduledFor, WHERE);
  return {
    ...(priority !== undefined && {
      priority: integer('priority', priority, { min: 0, max: LIMITS.maxPriority }, WHERE),
    }),
    ...(to !== undefined && { scheduledFor: to }),
    ...(delayMs !== undefined && {
      delayMs: number('delayMs', delayMs, { min: 0, max: LIMITS.scheduledForMs }, WHERE),
    }),
  };
}
