/** The statements about whose database it is. */
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

export async function owner(executor: Executor): Promise<string | null> {
  const rows = await executor.execute<{ name: string }>({ text: 'select name from jobqueue.environment', params: [] });
  return rows[0]?.name ?? null;
}

/** See adopt_1.sql. */
export async function adopt(executor: Executor, environment: string | null, actor: string): Promise<string | null> {
  const rows = await executor.execute<{ before: string | null }>({
    text: 'select jobqueue.adopt_1($1::text, $2::text) as before',
    params: [environment, actor],
  });
  return only(rows).before;
}
