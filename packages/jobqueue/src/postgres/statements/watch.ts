/** The statements of the watch: look, confirm what was told, list incidents. */
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

/** A notice about an incident: it has opened, or it has closed. */
export interface Notice {
  readonly id: string;
  readonly kind: 'red' | 'green';
  readonly check: string;
  readonly subject: string;
  readonly value?: number | null;
  readonly limit?: number | null;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly openedMs: number;
  readonly lastedMs: number;
}

export interface WatchAnswer {
  readonly token: string;
  readonly notices: readonly Notice[];
  /** Postgres' message if the check itself failed. */
  readonly failed?: string;
}

/** See packages/jobqueue/sql/functions/watch_1.sql. A drain asks the same as a maintenance task of its exchange. */
export async function watch(executor: Executor, request: object, timeoutMs: number): Promise<WatchAnswer | null> {
  const rows = await executor.execute<{ answer: WatchAnswer | null }>(
    { text: 'select jsonb_strip_nulls(jobqueue.watch_1($1::jsonb)) as answer', params: [JSON.stringify(request)] },
    { timeoutMs },
  );
  return only(rows).answer;
}

/** Notes that somebody was told, if the notices are still handed out under this token. Whoever hears that it is over needs no alert any more. */
export async function confirmNotices(executor: Executor, { token, notices }: WatchAnswer): Promise<void> {
  const over = notices.filter(({ kind }) => kind === 'green');
  await executor.execute({
    text: `update jobqueue.incidents
           set notified_at = coalesce(notified_at, now()),
               recovery_notified_at = case when id = any($3::bigint[]) then now() end,
               notice = null, notice_until = null, notice_tries = 0
           where id = any(array(
             select i.id from jobqueue.incidents i
             where i.id = any($2::bigint[]) and i.notice = $1::uuid
             order by i.id for no key update))`,
    params: [token, notices.map(({ id }) => id), over.map(({ id }) => id)],
  });
}

export interface IncidentRow {
  readonly id: string;
  readonly check_name: string;
  readonly subject: string;
  readonly opened_ms: number;
  readonly notified_ms: number | null;
  readonly closed_ms: number | null;
  readonly recovery_notified_ms: number | null;
  readonly acknowledged_ms: number | null;
  readonly acknowledged_by: string | null;
  readonly detail: { value?: number | null; limit?: number | null; data?: Readonly<Record<string, unknown>> };
}

/** The newest first. */
export async function newestIncidents(executor: Executor, limit: number): Promise<readonly IncidentRow[]> {
  return executor.execute<IncidentRow>({
    text: `select id::text as id, check_name, subject, (extract(epoch from opened_at) * 1000)::float8 as opened_ms,
                  (extract(epoch from notified_at) * 1000)::float8 as notified_ms,
                  (extract(epoch from closed_at) * 1000)::float8 as closed_ms,
                  (extract(epoch from recovery_notified_at) * 1000)::float8 as recovery_notified_ms,
                  (extract(epoch from acknowledged_at) * 1000)::float8 as acknowledged_ms, acknowledged_by, detail
           from jobqueue.incidents
           order by id desc
           limit $1`,
    params: [limit],
  });
}
