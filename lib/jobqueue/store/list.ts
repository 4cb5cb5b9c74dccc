/** The statements behind lists of jobs: newest first, by keyset, each with a bound that does not depend on the backlog. */
import type { Executor } from '../../../db/database.ts';
import type { Status } from '../job.ts';
import { only } from './rows.ts';

export interface LineRow {
  readonly id: string;
  readonly type: string;
  readonly queue: string;
  readonly status: Status;
  readonly priority: number;
  readonly attempts: number;
  readonly max_attempts: number;
  readonly due_ms: number;
  readonly created_ms: number;
  readonly finished_ms: number | null;
  readonly error: string | null;
}

export interface ListQuery {
  readonly type: string | null;
  readonly queue: string | null;
  readonly before: string | null;
  readonly limit: number;
}

/** A rare type is looked for among so many of the latest ids a call: some 50 ms, however long the tables are. */
const WINDOW = 20_000;
/** Drains hold some dozen jobs each; more running ones than this no list could show. */
const RUNNING_DRAINS = 200;
const MOST_TYPES = 200;

const MS = (column: string, alias: string) => `(extract(epoch from ${column}) * 1000)::float8 as ${alias}`;
const ERROR = `left(errors -> -1 ->> 'message', 300) as error`;

const LIVE = `
  id, type, queue, case when lease_until is null then 'PENDING' else 'PROCESSING' end as status, priority::int,
  (attempt + (lease_until is not null and started_fence = fence)::int)::int as attempts, max_attempts::int, ${MS('due_at', 'due_ms')},
  ${MS('created_at', 'created_ms')}, null::float8 as finished_ms, ${ERROR}`;
const FINISHED = `
  id, type, queue, status::text as status, priority::int, attempt::int as attempts, max_attempts::int, ${MS('due_at', 'due_ms')},
  ${MS('created_at', 'created_ms')}, ${MS('finished_at', 'finished_ms')}, ${ERROR}`;

/**
 * Of all jobs, or of those that wait or are completed: looks at the latest `WINDOW` ids of each table, and answers how far down
 * that was. Null: there is nothing below.
 */
export async function latest(
  executor: Executor,
  status: 'PENDING' | 'COMPLETED' | null,
  { type, queue, before, limit }: ListQuery,
): Promise<{ readonly jobs: readonly LineRow[]; readonly floor: string | null }> {
  const window = status === null && type === null && queue === null ? limit : WINDOW; // without a filter every row is meant
  const rows = await executor.execute<{ answer: { jobs: LineRow[]; floor: string | null } }>({
    text: `
      with live as materialized (
        select ${LIVE} from jobqueue.jobs
        where $6::bool and ($1::bigint is null or id < $1) order by id desc limit $5
      ), finished as materialized (
        select ${FINISHED} from jobqueue.job_history
        where $7::bool and ($1::bigint is null or id < $1) order by id desc limit $5
      ), seen as (
        select greatest((select min(id) from live having count(*) = $5), (select min(id) from finished having count(*) = $5)) as floor
      ), meant as (
        select j.* from (select * from live union all select * from finished) j, seen
        where j.id >= coalesce(seen.floor, 0) and ($2::text is null or j.type = $2) and ($3::text is null or j.queue = $3)
          and ($8::text is null or j.status = $8)
        order by j.id desc limit $4
      )
      select json_build_object(
        'floor', (select floor::text from seen),
        'jobs', (select coalesce(json_agg(to_jsonb(m) || jsonb_build_object('id', m.id::text) order by m.id desc), '[]') from meant m)) as answer`,
    params: [before, type, queue, limit, window, status !== 'COMPLETED', status !== 'PENDING', status],
  });
  return only(rows).answer;
}

/** Leases stand in no index; the drains that are under way know what they hold. */
export async function running(executor: Executor, { type, queue, before, limit }: ListQuery): Promise<LineRow[]> {
  return executor.execute<LineRow>({
    text: `
      select id::text as id, ${LIVE.replace('id,', '')} from jobqueue.jobs
      where id = any(array(select unnest(d.running) from (
              select running from jobqueue.drains where finished_at is null order by started_at desc limit ${RUNNING_DRAINS}) d))
        and lease_until is not null and ($1::bigint is null or id < $1) and ($2::text is null or type = $2) and ($3::text is null or queue = $3)
      order by jobqueue.jobs.id desc limit $4`,
    params: [before, type, queue, limit],
  });
}

/** Dead letters and cancelled jobs have an index by type: the latest of each type are merged. */
export async function ended(
  executor: Executor,
  status: 'DEAD_LETTER' | 'CANCELLED',
  { type, queue, before, limit }: ListQuery,
): Promise<LineRow[]> {
  const those = `status = '${status}'`; // written out, as the index's own predicate is
  return executor.execute<LineRow>({
    text: `
      with recursive types as (
        (select type from jobqueue.job_history where ${those} order by type limit 1)
        union all
        select (select h.type from jobqueue.job_history h where h.${those} and h.type > t.type order by h.type limit 1)
        from types t where t.type is not null
      )
      select id::text as id, ${FINISHED.replace('id,', '')}
      from (select type as name from types where type is not null limit ${MOST_TYPES}) t
      cross join lateral (
        select * from jobqueue.job_history
        where ${those} and type = t.name and ($1::bigint is null or id < $1) and ($3::text is null or queue = $3)
        order by id desc limit $4
      ) h
      where $2::text is null or t.name = $2
      order by h.id desc limit $4`,
    params: [before, type, queue, limit],
  });
}

/** The jobs above an id, at most `limit`, and how those with these ids stand now; newest first. */
export async function followed(
  executor: Executor,
  { after, ids, limit }: { readonly after: string; readonly ids: readonly string[]; readonly limit: number },
): Promise<LineRow[]> {
  const both = (where: string, bound = '') => `
      select * from (
        (select ${LIVE} from jobqueue.jobs where ${where} ${bound}) union all
        (select ${FINISHED} from jobqueue.job_history where ${where} ${bound})) j`;
  return executor.execute<LineRow>({
    text: `
      with news as (${both('id > $1::bigint', 'order by id desc limit $2')}), known as (${both('id = any($3::bigint[])')})
      select j.id::text as id, j.type, j.queue, j.status, j.priority, j.attempts, j.max_attempts, j.due_ms, j.created_ms,
             j.finished_ms, j.error
      from ((select * from news order by id desc limit $2) union select * from known) j
      order by j.id desc`,
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
            from jobqueue.jobs j where j.id = any(m.ids) group by 1, 2, 3) g) as groups
        from m`,
      params: [filterJson, JSON.stringify(progress), bound],
    }),
  );
}
