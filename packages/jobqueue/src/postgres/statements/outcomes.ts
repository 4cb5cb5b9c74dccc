/** The statements of those who wait for jobs. */

import type { Status } from '../../core/job.ts';
import type { Executor } from '../database.ts';

export interface StatusRow {
  readonly id: string;
  readonly status: Status;
}

/** The status of each of these jobs and nothing else of it: two look-ups by primary key. An unknown id has no row. */
export async function statusesOf(executor: Executor, ids: readonly string[], timeoutMs: number): Promise<StatusRow[]> {
  return executor.execute<StatusRow>(
    {
      // After a restore without sequences two jobs can have one id: the live one is meant.
      text: `select id::text as id, case when lease_until is null then 'PENDING' else 'PROCESSING' end as status
             from jobqueue.live_1($1::bigint[])
             union all
             select h.id::text, h.status::text from jobqueue.ended_1($1::bigint[]) h
             where not exists (select from jobqueue.jobs j where j.id = h.id)`,
      params: [`{${ids.join(',')}}`],
    },
    { timeoutMs },
  );
}
