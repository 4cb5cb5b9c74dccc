/** The statement behind the health check. */
import type { Executor } from '../../../db/database.ts';
import { only } from './rows.ts';

export interface HealthRow {
  readonly last_drain_age_ms: number | null;
  readonly dead_letters: number;
  readonly protocol_ready: boolean;
}

/** Bounded probes only: no count runs past its limit. */
export async function health(executor: Executor): Promise<HealthRow> {
  const rows = await executor.execute<HealthRow>({
    text: `select (select extract(epoch from now() - max(started_at)) * 1000 from jobqueue.drains)::float8 as last_drain_age_ms,
                  (select count(*) from (select from jobqueue.job_history where status = 'DEAD_LETTER' limit 1000) d)::int as dead_letters,
                  to_regprocedure('jobqueue.step_1(jsonb,bigint[],jsonb,jsonb,jsonb,jsonb)') is not null as protocol_ready`,
    params: [],
  });
  return only(rows);
}
