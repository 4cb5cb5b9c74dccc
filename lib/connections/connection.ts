/** A company's connection to a remote system: paused when that refuses it as a whole, and how long it has not answered. */
import type { Executor } from '../../db/client.ts';
import { log } from '../log.ts';

export type Provider = 'whatsapp' | 'bitrix24' | 'ai';

export interface Connection {
  readonly companyId: string;
  readonly provider: Provider;
}

/** Why an operator has to act; `code` is the vendor's. Neither may hold a secret. */
export interface Pause {
  readonly code: string;
  readonly reason: string;
}

/** Stops all use of the connection until `resumeConnection`. The first reason stands; answers whether this call paused it. */
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
  if (paused.length > 0) log.error({ companyId, provider, code, reason }, 'connection_paused');
  return paused.length > 0;
}

/** Lets it be used again; jobs that waited come back within five minutes. Answers whether it was paused. */
export async function resumeConnection(database: Executor, { companyId, provider }: Connection): Promise<boolean> {
  const resumed = await database.execute({
    text: `
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
