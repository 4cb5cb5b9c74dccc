import type { Executor } from '../database.ts';
import { only } from './rows.ts';

/** True if the job was waiting, and has the changes now; see packages/jobqueue/sql/functions/update_job.sql. */
export async function updateJob(
  executor: Executor,
  id: string,
  changesJson: string,
  options: object,
): Promise<boolean> {
  const rows = await executor.execute<{ updated: boolean }>({
    text: 'select jobqueue.update_job($1::bigint, $2::jsonb, $3::jsonb) as updated',
    params: [id, changesJson, JSON.stringify(options)],
  });
  return only(rows).updated;
}
