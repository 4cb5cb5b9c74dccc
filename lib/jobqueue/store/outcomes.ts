/** The statements of those who wait for jobs. */
import type { Executor } from '../../../db/database.ts';
import type { Status } from '../job.ts';

export interface StatusRow {
  readonly id: string;
  readonly status: Status;
}

/** The status of each of these jobs and nothing else of it: two look-ups by primary key. An unknown id has no row. */
export async function statusesOf(executor: Executor, ids: readonly string[], timeoutMs: number): Promise<StatusRow[]> {
  return executor.execute<StatusRow>(
    {
      text: `select id::text as id, case when lease_until is null then 'PENDING' else 'PROCESSING' end as status
             from jobqueue.jobs where id = any($1::bigint[])
             union all
             select id::text, status::text from jobqueue.job_history where id = any($1::bigint[])`,
      params: [`{${ids.join(',')}}`],
    },
    { timeoutMs },
  );
}
