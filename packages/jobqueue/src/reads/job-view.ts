/** Reads for people and screens: one job, what is due. Every probe is bounded. */

import type { Job, Progress } from '../core/job.ts';
import { checkDeclared } from '../core/known-names.ts';
import { isJobId, name } from '../core/options.ts';
import { isStorableText, type StoredError } from '../core/serialize.ts';
import { waitsForChildren } from '../enqueue/children.ts';
import type { Executor } from '../postgres/database.ts';
import { type DueLane, dueLanes, findById, findByKey, type JobRow } from '../postgres/statements/jobs.ts';
import { dateOf } from '../postgres/statements/rows.ts';
import { headOf, type JobHead } from './job-head.ts';

/** The most due jobs that a preview counts in a lane; more is shown as "at least". */
const PREVIEW_BOUND = 1_000;
const PREVIEW_LANES = 200;

/** A job, live or finished, with everything stored about it. Payload and state are not redacted. */
export interface JobView extends JobHead {
  readonly fence: number;
  readonly idempotencyKey: string | null;
  readonly payload: unknown;
  readonly state: unknown;
  readonly progress: Progress | null;
  readonly result: unknown;
  /** One entry per failed attempt, oldest first; at most the last 100. */
  readonly errors: readonly (StoredError & { readonly at: string })[];
  /** It is the parent in a flow, and some child has not completed. */
  readonly waitsForChildren: boolean;
  readonly startedAt: Date | null;
}

export async function getJob(executor: Executor, id: string): Promise<JobView | null> {
  if (!isJobId(id)) return null;
  return view(await findById(executor, id));
}

export async function findJob(executor: Executor, type: string, idempotencyKey: string): Promise<JobView | null> {
  if (![type, idempotencyKey].every(isStorableText)) return null;
  return view(await findByKey(executor, type, idempotencyKey));
}

/** Due jobs that a drain would find, by lane. */
export interface Preview {
  /** Most urgent first, at most 200 lanes. */
  readonly lanes: readonly (DueLane & { readonly handled: boolean; readonly atLeast: boolean })[];
  /** Jobs that a drain with this filter would find due now; a lane counts up to 1,000. */
  readonly due: number;
  /** There are more lanes with due jobs. */
  readonly more: boolean;
}

/** Jobs that a drain with this filter would claim. Claims nothing. */
export async function preview(
  executor: Executor,
  jobs: ReadonlyMap<string, Job>,
  filter: { queue?: string; types?: readonly string[]; includePaused?: boolean },
): Promise<Preview> {
  if (filter.queue !== undefined) name('queue', filter.queue);
  checkDeclared(jobs, filter.types ?? []);
  const found = await dueLanes(executor, PREVIEW_BOUND, { queue: filter.queue ?? null, types: filter.types ?? null });
  const lanes = found.slice(0, PREVIEW_LANES).map((lane) => ({
    ...lane,
    handled: Boolean(jobs.get(lane.type)?.handler),
    atLeast: lane.due === PREVIEW_BOUND,
  }));
  const claimable = lanes.filter((lane) => lane.handled && (filter.includePaused || !lane.paused));
  return {
    lanes,
    due: claimable.reduce((sum, lane) => sum + lane.due, 0),
    more: found.length > PREVIEW_LANES,
  };
}

function view(row: JobRow | null): JobView | null {
  return row === null ? null : viewOf(row);
}

/** The job as its users see it. */
export function viewOf(row: JobRow): JobView {
  return {
    ...headOf(row),
    fence: row.fence,
    idempotencyKey: row.idempotency_key,
    payload: row.payload,
    state: row.state,
    progress: row.progress,
    result: row.result,
    errors: row.errors ?? [],
    waitsForChildren: row.finished_ms === null && waitsForChildren(row.due_ms),
    startedAt: dateOf(row.started_ms),
  };
}
