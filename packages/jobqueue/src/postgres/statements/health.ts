/** The statements behind the health check. */
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

/** A check's finding, of one subject if it has subjects. Durations in ms. */
export interface Finding {
  readonly subject: string;
  /** Null: there is nothing to measure, such as ticks before the first. */
  readonly value: number | null;
  /** Red from this value on; null: nothing to compare with. */
  readonly limit: number | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface CheckRow extends Finding {
  readonly name: string;
  readonly ok: boolean;
  /** The subjects that are red, the worst first, at most 20. */
  readonly red: readonly Finding[];
}

/** See packages/jobqueue/sql/functions/health_1.sql. */
export async function health(executor: Executor, thresholds: object): Promise<readonly CheckRow[]> {
  const rows = await executor.execute<{ answer: { checks: readonly CheckRow[] } }>({
    text: 'select jobqueue.health_1($1::jsonb) as answer',
    params: [JSON.stringify(thresholds)],
  });
  return only(rows).answer.checks;
}

/** See packages/jobqueue/sql/functions/try_write_1.sql. Rejects as any write would. */
export async function tryWrite(executor: Executor): Promise<void> {
  await executor.execute({ text: 'select jobqueue.try_write_1()', params: [] });
}

/** Those of the functions that this database does not have. */
export async function missingFunctions(executor: Executor, functions: readonly string[]): Promise<readonly string[]> {
  const rows = await executor.execute<{ name: string }>({
    text: 'select f as name from unnest($1::text[]) as f where to_regprocedure(f) is null',
    params: [[...functions]],
  });
  return rows.map(({ name }) => name);
}
