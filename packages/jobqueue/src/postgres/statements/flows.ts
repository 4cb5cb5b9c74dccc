/** The statements of flows: enqueue a tree, read what became of a parent's children. */

import type { Status } from '../../core/job.ts';
import type { StoredError } from '../../core/serialize.ts';
import type { Executor, Statement } from '../database.ts';

/** See packages/jobqueue/sql/functions/add_flow_1.sql; its rows come in the order of the entries. */
export function addFlowStatement(jobsJson: string): Statement {
  return {
    text: 'select id::text as id, duplicate from jobqueue.add_flow_1($1::text::jsonb) order by ordinal',
    params: [jobsJson],
  };
}

export interface ChildRow {
  readonly id: string;
  readonly type: string | null;
  readonly status: Status | null;
  readonly result: unknown;
  readonly error: StoredError | null;
}

/** The children behind `after`, by id, at most `limit`. */
export async function childrenAfter(
  executor: Executor,
  parent: string,
  after: string,
  limit: number,
): Promise<ChildRow[]> {
  return executor.execute<ChildRow>({
    text: `with c as materialized (
             select child_id from jobqueue.flows where parent_id = $1::bigint and child_id > $2::bigint
             order by child_id limit $3::int
           )
           select c.child_id::text as id, k.type, k.status, k.result, k.errors -> -1 as error
           from c
           left join (
             select id, type::text as type, case when lease_until is null then 'PENDING' else 'PROCESSING' end as status,
                    null::jsonb as result, errors
             from jobqueue.live_1(array(select child_id from c))
             union all
             select id, type, status::text, result, case when status <> 'COMPLETED' then errors end
             from jobqueue.ended_1(array(select child_id from c))) k on k.id = c.child_id
           order by c.child_id`,
    params: [parent, after, limit],
  });
}
