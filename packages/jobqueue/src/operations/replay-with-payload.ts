/** Replays one dead letter with another payload: checked as an enqueue checks it, changed and replayed in one statement. */

import { type Actor, checkActor } from '../core/actor.ts';
import { QueueError } from '../core/errors.ts';
import { restoredJob } from '../core/follow-up.ts';
import type { Job } from '../core/job.ts';
import { idOf } from '../core/options.ts';
import { encodePayload } from '../core/payload.ts';

import type { Executor } from '../postgres/database.ts';
import { replayAmended as send } from '../postgres/statements/replays.ts';
import { getJob } from '../reads/job-view.ts';

/** The result of a replay with a new payload. */
export interface ReplayedWithPayload {
  /** `false`: it is no dead letter any more, or another job holds its idempotency key. */
  readonly replayed: boolean;
  /** The job that holds its key. */
  readonly holder: string | null;
}

export async function replayWithPayload(
  executor: Executor,
  jobs: ReadonlyMap<string, Job>,
  { id, payload }: { readonly id: string; readonly payload: unknown },
  by: Actor,
): Promise<ReplayedWithPayload> {
  const options = checkActor(by);
  const stored = await getJob(executor, idOf('id', id));
  if (stored === null) throw new QueueError('job_unknown', `replayWithPayload: there is no job ${id}`);
  const job = jobs.get(stored.type);
  if (job === undefined)
    throw new QueueError('unknown_type', `replayWithPayload: this queue does not know '${stored.type}'`);
  const json = encodePayload(job, restoredJob(jobs, stored.type, payload, stored.payload), '');
  const { changed, refusals } = await send(executor, id, json, options);
  return { replayed: changed === 1, holder: refusals[0]?.holder ?? null };
}
