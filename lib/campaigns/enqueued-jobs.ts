/** The jobs of a campaign as `jobqueue.add_jobs` takes them, so that the statement that starts it enqueues them: both or neither. */
import { campaignSend } from './campaign-send/job.ts';

/** JSON, as the parameter that `ENQUEUE` reads. */
export function jobTemplate(): string {
  const { type, queue, priority, maxAttempts } = campaignSend;
  return JSON.stringify({ type, queue, priority, max_attempts: maxAttempts });
}

/**
 * SQL: one job for each shard of each campaign that the CTE `started` (a row of `campaigns`) holds. Keyed by the campaign's run:
 * starting twice is once, and a job that was dead-lettered has given its key up.
 */
export function enqueue(parameter: string): string {
  return `
  select job.id as job_id
  from started c
  cross join lateral jobqueue.add_jobs((
    select jsonb_agg(${parameter}::jsonb || jsonb_build_object(
      'payload', jsonb_build_object('campaignId', c.id, 'companyId', c.company_id, 'shard', shard),
      'idempotency_key', 'campaign:' || c.id || ':' || c.run || ':' || shard,
      'scheduled_for', case when c.planned_at is null then c.scheduled_at end))
    from generate_series(0, c.shards - 1) as shard)) as job`;
}
