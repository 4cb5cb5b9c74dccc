/** A drain of a test that leaves to the next one what comes back soon. */
import type { DrainOptions, DrainReport } from '../../packages/jobqueue/src/index.ts';

/** Room for the first run of a type, which loads its handler, on a machine that does other things too. */
export const ROOMY_MS = 20_000;

export interface DueJobs {
  readonly queue: { drain(options: DrainOptions): Promise<DrainReport> };
  readonly sql: (text: string, ...params: unknown[]) => Promise<Record<string, unknown>[]>;
  readonly types?: readonly string[];
}

/**
 * Runs each job that is due now once, and ends. A plain drain also runs what falls due within ten seconds, such as a job that one of its runs
 * sent back. Null: nothing is due. A short budget would prevent that, but on a busy machine it also cuts a first run, which loads its handler.
 */
export async function drainDue({ queue, sql, types }: DueJobs): Promise<DrainReport | null> {
  const [row] = await sql(
    `select count(*)::int as due from jobqueue.jobs
     where due_at <= now() and (lease_until is null or lease_until < now()) and ($1::text[] is null or type = any($1::text[]))`,
    types ?? null,
  );
  const due = Number(row?.due);
  return due === 0 ? null : queue.drain({ budgetMs: ROOMY_MS, limit: due, ...(types && { types }) });
}
