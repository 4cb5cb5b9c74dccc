/** Reads for live views: changes since the last poll, pauses, and the jobs that a bulk operation would meet. */

import { type JobFilter, jobFilterJson } from '../core/filters.ts';
import { idOf, integer, refused } from '../core/options.ts';
import type { Executor } from '../postgres/database.ts';
import * as store from '../postgres/statements/follow.ts';
import { headOf, type JobHead } from './job-head.ts';
import type { Pause } from './overview.ts';

/** A look at what changed: as many new jobs, and as many old ones. */
const MOST_FOLLOWED = 1_000;
/** Nobody pauses more than they have queues and types. */
const MOST_PAUSES = 1_000;
/** Counted in portions that each stay far below a second; a preview says "at least" beyond. */
const PORTION = 10_000;
const MOST_PORTIONS = 10;

/** A job as `queue.tail` reports it. */
export interface TailedJob extends JobHead {
  /** The last one's message, its first 300 characters. */
  readonly error: string | null;
}

/** The position of `queue.tail`, and the jobs that it watches. */
export interface TailOptions {
  /** Only jobs with higher ids are new. */
  readonly after: string;
  /** Known jobs to look at again, at most 1,000. */
  readonly ids?: readonly string[];
  /** The most new jobs, 1 to 1,000, default 500. */
  readonly limit?: number;
}

/** New jobs, and how the known ones stand; newest first. */
export async function tailJobs(executor: Executor, options: TailOptions): Promise<readonly TailedJob[]> {
  const { after, ids = [], limit = 500 } = options;
  if (ids.length > MOST_FOLLOWED) throw refused('ids', `at most ${MOST_FOLLOWED} ids`, ids.length);
  const rows = await store.followed(executor, {
    after: after === '0' ? after : idOf('after', after),
    ids: ids.map((id, n) => idOf(`ids[${n}]`, id)),
    limit: integer('limit', limit, { min: 1, max: MOST_FOLLOWED }),
  });
  return rows.map(lineOf);
}

export async function listPauses(executor: Executor): Promise<readonly Pause[]> {
  const rows = await store.pauses(executor, MOST_PAUSES);
  return rows.map(({ paused_ms, ...pause }) => ({ ...pause, since: new Date(paused_ms) }));
}

/** Live jobs that an operation would meet. */
export interface JobsPreview {
  /** Counted up to 100,000, or among so many. */
  readonly total: number;
  /** There may be more. */
  readonly atLeast: boolean;
  readonly groups: readonly store.MatchedRow[];
}

/** Live jobs that an operation with this filter would meet. Changes nothing. */
export async function previewJobs(executor: Executor, filter: JobFilter): Promise<JobsPreview> {
  const filterJson = jobFilterJson(filter);
  const groups = new Map<string, store.MatchedRow>();
  let found: Awaited<ReturnType<typeof store.matched>> | null = null;
  for (let portion = 0; portion < MOST_PORTIONS && !found?.at_end; portion++) {
    found = await store.matched(executor, filterJson, found?.cursor, PORTION);
    for (const group of found.groups) {
      const key = JSON.stringify([group.queue, group.type, group.status]);
      groups.set(key, { ...group, jobs: group.jobs + (groups.get(key)?.jobs ?? 0) });
    }
  }
  const all = [...groups.values()].sort((a, b) => b.jobs - a.jobs);
  return { total: all.reduce((sum, { jobs }) => sum + jobs, 0), atLeast: found?.at_end !== true, groups: all };
}

function lineOf(row: store.LineRow): TailedJob {
  return { ...headOf(row), error: row.error };
}
