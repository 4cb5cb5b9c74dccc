/** The statement that reads the ledger. */

import type { DrainReport, StopReason } from '../../core/drain-report.ts';
import type { Executor } from '../database.ts';

export interface LedgerRow {
  readonly id: string;
  readonly source: string;
  readonly started_ms: number;
  readonly last_step_ms: number;
  readonly deadline_ms: number;
  readonly finished_ms: number | null;
  readonly scheduled_ms: number | null;
  readonly execution_id: string | null;
  readonly cold_start: boolean;
  readonly died: boolean;
  readonly stop_reason: StopReason | null;
  readonly round_trips: number;
  readonly database_ms: number;
  readonly round_trip_ms: number;
  readonly report: DrainReport;
  readonly overlaps: number;
  readonly gap_ms: number | null;
}

const MILLISECONDS = (column: string, alias: string) => `(extract(epoch from ${column}) * 1000)::float8 as ${alias}`;

/**
 * Newest first; `before`: only those that began before that drain. Overlaps are looked for among the 2,000 drains that began
 * before the end of the newest, from an hour before the oldest on: no function may take longer.
 */
export async function ledger(
  executor: Executor,
  { before, id, limit }: { readonly before: string | null; readonly id: string | null; readonly limit: number },
): Promise<LedgerRow[]> {
  return executor.execute<LedgerRow>({
    text: `
      with page as materialized (
        select d.*, coalesce(d.finished_at, case when d.deadline_at < now() then d.last_step_at else now() end) as ended_at
        from jobqueue.drains d
        where ($1::uuid is null or (d.started_at, d.id) < (select b.started_at, b.id from jobqueue.drains b where b.id = $1::uuid))
          and ($3::uuid is null or d.id = $3::uuid)
        order by d.started_at desc, d.id desc limit $2::int
      ), neighbours as materialized (
        select n.id, n.started_at, coalesce(n.finished_at, case when n.deadline_at < now() then n.last_step_at else now() end) as ended_at
        from jobqueue.drains n
        where n.started_at <= (select max(ended_at) from page) and n.started_at >= (select min(started_at) from page) - interval '1 hour'
        order by n.started_at desc limit 2000
      )
      select p.id::text as id, p.source, ${MILLISECONDS('p.started_at', 'started_ms')}, ${MILLISECONDS('p.last_step_at', 'last_step_ms')},
             ${MILLISECONDS('p.deadline_at', 'deadline_ms')}, ${MILLISECONDS('p.finished_at', 'finished_ms')},
             ${MILLISECONDS('p.scheduled_at', 'scheduled_ms')}, p.execution_id, p.cold_start,
             p.finished_at is null and p.deadline_at < now() as died, p.stop_reason, p.round_trips, p.database_ms, p.round_trip_ms, p.report,
             (select count(*) from neighbours n
              where n.id <> p.id and n.started_at < p.ended_at and n.ended_at > p.started_at)::int as overlaps,
             (select (extract(epoch from p.started_at - q.started_at) * 1000)::float8 from jobqueue.drains q
              where q.source = p.source and q.started_at < p.started_at order by q.started_at desc limit 1) as gap_ms
      from page p
      order by p.started_at desc, p.id desc`,
    params: [before, limit, id],
  });
}
