/** Computes how long Postgres has nothing for a drain to do. */
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

/** In ms by the database's clock; null if there is something now, or could be at any moment. See rest_1.sql. */
export async function restMs(executor: Executor, types: readonly string[], timeoutMs: number): Promise<number | null> {
  const statement = {
    text: 'select jobqueue.rest_1($1::jsonb) as rest',
    params: [JSON.stringify(Object.fromEntries(types.map((type) => [type, 0])))],
  };
  return only(await executor.execute<{ rest: number | null }>(statement, { timeoutMs })).rest;
}
