/** The statements behind screens: pages of jobs, groups of dead letters, what is known of one job. */

import type { Status } from '../../core/job.ts';
import type { Executor } from '../database.ts';
import type { JobHeadRow } from './jobs.ts';
import { only } from './rows.ts';

export interface JobLineRow extends JobHeadRow {
  readonly idempotency_key: string | null;
  readonly started_ms: number | null;
  readonly error_name: string | null;
  readonly error_message: string | null;
}

export interface JobsPageRow {
  readonly jobs: readonly JobLineRow[];
  readonly next: readonly string[] | null;
  readonly searchedTo: string | null;
  readonly isPart: boolean;
}

/** See packages/jobqueue/sql/functions/jobs_page_1.sql. */
export async function jobsPage(
  executor: Executor,
  filterJson: string,
  cursorJson: string | null,
  limit: number,
): Promise<JobsPageRow> {
  const rows = await executor.execute<{ answer: JobsPageRow }>({
    text: 'select jobqueue.jobs_page_1($1::jsonb, $2::jsonb, $3::int) as answer',
    params: [filterJson, cursorJson, limit],
  });
  return only(rows).answer;
}

/** The number of live jobs that match a filter, up to `bound`; see matching_1.sql. */
export async function countMatching(
  executor: Executor,
  filterJson: string,
  bound: number,
): Promise<{ readonly n: number; readonly at_end: boolean }> {
  const rows = await executor.execute<{ n: number; at_end: boolean }>({
    text: `select least(cardinality(m.ids), $2::int) as n, m.at_end and cardinality(m.ids) <= $2::int as at_end
           from jobqueue.matching_1($1::jsonb, '{"upTo": 9223372036854775807}', $2::int) m`,
    params: [filterJson, bound],
  });
  return only(rows);
}

export interface DeadGroupsRow {
  readonly groups: readonly {
    readonly type: string;
    readonly fingerprint: string;
    readonly errorName: string | null;
    readonly errorCode: string | null;
    readonly shape: string | null;
    readonly total: number;
    readonly atLeast: boolean;
    readonly firstMs: number;
    readonly lastMs: number;
    readonly sampleId: string;
  }[];
  readonly total: number;
  readonly atLeast: boolean;
  readonly more: boolean;
}

/** See packages/jobqueue/sql/functions/dead_groups_2.sql. */
export async function deadGroups(executor: Executor, filterJson: string): Promise<DeadGroupsRow> {
  const rows = await executor.execute<{ answer: DeadGroupsRow }>({
    text: 'select jobqueue.dead_groups_2($1::jsonb) as answer',
    params: [filterJson],
  });
  return only(rows).answer;
}

interface RelativeRow {
  readonly id: string;
  readonly type: string | null;
  readonly status: Status | null;
  readonly waits: boolean;
}

export interface RelatedRow {
  readonly meta: Readonly<Record<string, unknown>> | null;
  readonly parent: RelativeRow | null;
  readonly children: readonly RelativeRow[];
  readonly childrenTotal: number;
  readonly drains: readonly {
    readonly id: string;
    readonly source: string;
    readonly startedMs: number;
    readonly holds: boolean;
  }[];
  readonly audit: readonly {
    readonly id: string;
    readonly atMs: number;
    readonly actor: string;
    readonly action: string;
    readonly details: unknown;
  }[];
}

/** See packages/jobqueue/sql/functions/trail_1.sql. */
export async function related(executor: Executor, id: string): Promise<RelatedRow> {
  const rows = await executor.execute<{ answer: RelatedRow }>({
    text: 'select jobqueue.trail_1($1::bigint) as answer',
    params: [id],
  });
  return only(rows).answer;
}
