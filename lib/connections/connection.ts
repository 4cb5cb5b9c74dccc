/** A company's connection to a remote system: paused when that refuses it as a whole, and how long it has not answered. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { log } from '../log.ts';
import { alertPaused } from './alert.ts';
import type { Connection, Pause } from './provider.ts';

export { type Connection, type Pause, PROVIDERS, type Provider } from './provider.ts';

/** Stops all use of the connection until `resumeConnection`, and alerts. The first reason stands; answers whether this call paused it. */
export async function pauseConnection(
  database: Executor,
  { companyId, provider }: Connection,
  { code, reason }: Pause,
): Promise<boolean> {
  const paused = await database.execute({
    text: `
      insert into connections as c (company_id, provider, paused_at, paused_code, paused_reason)
      values ($1, $2, now(), $3, $4)
      on conflict (company_id, provider) do update
      set paused_at = now(), paused_code = excluded.paused_code, paused_reason = excluded.paused_reason
      where c.paused_at is null
      returning 1`,
    params: [companyId, provider, code, reason],
  });
  if (paused.length === 0) return false;
  log.error({ companyId, provider, code, reason }, 'connection_paused');
  await alertPaused({ companyId, provider }, { code, reason });
  return true;
}

/** Lets it be used again; jobs that waited come back within six minutes (`waitingJobs`). Answers whether it was paused. */
export async function resumeConnection(database: Executor, { companyId, provider }: Connection): Promise<boolean> {
  const resumed = await database.execute({
    text: `
      with counted_anew as (
        update connection_refusals set fresh = 0 where company_id = $1 and provider = $2
      )
      update connections
      set paused_at = null, paused_code = null, paused_reason = null, failures = 0, failing_since = null
      where company_id = $1 and provider = $2 and paused_at is not null
      returning 1`,
    params: [companyId, provider],
  });
  return resumed.length > 0;
}

/** Why it is paused, or null if it may be used. */
export async function readPause(database: Executor, { companyId, provider }: Connection): Promise<Pause | null> {
  const [row] = await database.execute<{ paused_code: string; paused_reason: string }>({
    text: 'select paused_code, paused_reason from connections where company_id = $1 and provider = $2 and paused_at is not null',
    params: [companyId, provider],
  });
  return row ? { code: row.paused_code, reason: row.paused_reason } : null;
}

export interface PausedConnection extends Connection, Pause {
  readonly pausedAt: string;
}

/** Those that wait for an operator, the last paused first; 200 at most, more nobody reads. */
export async function pausedConnections(database: Executor): Promise<PausedConnection[]> {
  return database.execute<PausedConnection>({
    text: `
      select company_id as "companyId", provider, paused_code as code, paused_reason as reason,
             to_json(paused_at) as "pausedAt"
      from connections
      where paused_at is not null
      order by paused_at desc
      limit 200`,
    params: [],
  });
}

/** One more call that got no answer: how many in a row, and for how long, ms. */
export async function noteOutage(
  database: Executor,
  { companyId, provider }: Connection,
): Promise<{ failures: number; forMs: number }> {
  const [row] = await database.execute<{ failures: number; for_ms: number }>({
    text: `
      insert into connections as c (company_id, provider, failures, failing_since)
      values ($1, $2, 1, now())
      on conflict (company_id, provider) do update
      set failures = least(c.failures + 1, 1000), failing_since = coalesce(c.failing_since, now())
      returning failures, (extract(epoch from now() - failing_since) * 1000)::float8 as for_ms`,
    params: [companyId, provider],
  });
  const { failures, for_ms: forMs } = row as NonNullable<typeof row>;
  return { failures, forMs };
}

/** It answers again. Writes nothing where it never failed, so every success may say so. */
export async function noteAnswer(database: Executor, { companyId, provider }: Connection): Promise<void> {
  await database.execute({
    text: `
      update connections set failures = 0, failing_since = null
      where company_id = $1 and provider = $2 and failing_since is not null`,
    params: [companyId, provider],
  });
}
