/** The statements of those who follow along: each with a bound that does not depend on the backlog. */

import type { Executor } from '../database.ts';
import type { JobHeadRow } from './jobs.ts';
import { only } from './rows.ts';

export interface LineRow extends JobHeadRow {
  readonly error: string | null;
}

const MS = (column: string, alias: string) => `(extract(epoch from ${column}) * 1000)::float8 as ${alias}`;
const ERROR = `left(errors -> -1 ->> 'message', 300) as error`;

/** The jobs above an id, at most `limit`, and how those with these ids stand now; newest first. */
export async function followed(
  executor: Executor,
  { after, ids, limit }: { readonly after: string; readonly ids: readonly string[]; readonly limit: number },
): Promise<LineRow[]> {
  return executor.execute<LineRow>({
    text: `
      with meant as materialized (
        select n.ids || $3::bigint[] as ids from jobqueue.jobs_newest_1(jsonb_build_object('above', $1::text), null, $2::int) n
      ), known as (
        select id, type, queue, case when lease_until is null then 'PENDING' else 'PROCESSING' end as status, priority::int,
               (attempt + started::int)::int as attempts, max_attempts::int, ${MS('due_at', 'due_ms')}, ${MS('created_at', 'created_ms')},
               null::float8 as finished_ms, ${ERROR}
        from jobqueue.live_1((select ids from meant))
        union all
        select id, type, queue, status::text, priority::int, attempt::int, max_attempts::int, ${MS('due_at', 'due_ms')},
               ${MS('created_at', 'created_ms')}, ${MS('finished_at', 'finished_ms')}, ${ERROR}
        from jobqueue.ended_1((select ids from meant))
      )
      select k.id::text as id, k.type, k.queue, k.status, k.priority, k.attempts, k.max_attempts, k.due_ms, k.created_ms, k.finished_ms, k.error
      from known k
      order by k.id desc`,
    params: [after, limit, `{${ids.join(',')}}`],
  });
}

export interface PauseRow {
  readonly queue: string;
  readonly type: string;
  readonly reason: string | null;
  readonly paused_ms: number;
}

export async function pauses(executor: Executor, limit: number): Promise<PauseRow[]> {
  return executor.execute<PauseRow>({
    text: `select queue, type, reason, ${MS('paused_at', 'paused_ms')} from jobqueue.pauses order by queue, type limit $1`,
    params: [limit],
  });
}

export interface MatchedRow {
  readonly queue: string;
  readonly type: string;
  readonly status: 'PENDING' | 'PROCESSING';
  readonly jobs: number;
}

/** The next of those that a filter means, as an operation in bulk would meet them, grouped; at most `bound`. Locks nothing. */
export async function matched(
  executor: Executor,
  filterJson: string,
  cursor: unknown,
  bound: number,
): Promise<{ readonly groups: readonly MatchedRow[]; readonly cursor: unknown; readonly at_end: boolean }> {
  const progress = { upTo: '9223372036854775807', ...(cursor != null && { cursor }) };
  return only(
    await executor.execute<{ groups: MatchedRow[]; cursor: unknown; at_end: boolean }>({
      text: `
        with m as materialized (select * from jobqueue.matching_1($1::jsonb, $2::jsonb, $3::int))
        select m.cursor, m.at_end, (
          select coalesce(json_agg(g order by g.jobs desc), '[]') from (
            select j.queue, j.type, case when j.lease_until is null then 'PENDING' else 'PROCESSING' end as status, count(*)::int as jobs
            from jobqueue.live_places_1(m.ids) j group by 1, 2, 3) g) as groups
        from m`,
      params: [filterJson, JSON.stringify(progress), bound],
    }),
  );
}
