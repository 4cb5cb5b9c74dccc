/** The ways in which a campaign leaves `running`: paused, failed, settling, completed. Each only from where it may. */
import type { Executor } from '@conversure/jobqueue/postgres';

export interface Reason {
  readonly code: string;
  readonly message: string;
}

/** Nothing more is claimed; what is under way ends. `resumeInMs`: it goes on by itself then. */
export async function pauseCampaign(
  database: Executor,
  campaignId: string,
  reason: Reason,
  resumeInMs: number | null = null,
): Promise<boolean> {
  const paused = await database.execute({
    text: `
      update campaigns
      set status = 'paused', paused_at = now(), pause = $2::jsonb, paused_until = now() + $3::float8 * interval '1 ms'
      where id = $1 and status in ('planning', 'running')
      returning 1`,
    params: [campaignId, JSON.stringify(reason), resumeInMs],
  });
  return paused.length > 0;
}

/** Starts counting failures anew: the breaker ignores all earlier outcomes. */
export async function forgiveFailures(database: Executor, campaignId: string): Promise<void> {
  await database.execute({
    text: 'update campaigns set breaker_from = clock_timestamp() where id = $1',
    params: [campaignId],
  });
}

/** Ends the campaign as failed. This is final: waiting recipients are skipped. */
export async function failCampaign(database: Executor, campaignId: string, reason: Reason): Promise<void> {
  await database.execute({
    text: `
      update campaigns set status = 'failed', failure = $2::jsonb, finished_at = now()
      where id = $1 and status in ('planning', 'running')`,
    params: [campaignId, JSON.stringify(reason)],
  });
}

/** Those who waited when it was cancelled or failed; bounded, answers whether there may be more. */
export async function skipWaiting(database: Executor, campaignId: string): Promise<boolean> {
  const skipped = await database.execute({
    text: `
      with waiting as (
        select r.id, c.status
        from recipients r join campaigns c on c.id = r.campaign_id
        where r.campaign_id = $1 and c.status in ('cancelled', 'failed') and r.status in ('pending', 'deferred')
        order by r.next_at, r.id
        limit 1000
        for update of r skip locked
      )
      update recipients r
      set status = 'skipped', status_at = now(), deferred_for = null,
          skip_reason = case waiting.status when 'cancelled' then 'cancelled' else 'campaign_failed' end
      from waiting where r.id = waiting.id
      returning 1`,
    params: [campaignId],
  });
  return skipped.length === 1000;
}

/** Once nobody waits and nobody is being sent to. */
export async function beginSettling(database: Executor, campaignId: string): Promise<void> {
  await database.execute({
    text: `
      update campaigns set status = 'settling', settling_at = now()
      where id = $1 and status = 'running'
        and not exists (select from recipients where campaign_id = $1 and status in ('pending', 'deferred'))
        and not exists (select from recipients where campaign_id = $1 and status = 'sending')`,
    params: [campaignId],
  });
}

/** Somebody waits again: one who was capped, or is to be sent to again. */
export async function backToRunning(database: Executor, campaignId: string): Promise<void> {
  await database.execute({
    text: `
      update campaigns set status = 'running', settling_at = null
      where id = $1 and status = 'settling'
        and exists (select from recipients where campaign_id = $1 and status in ('pending', 'deferred'))`,
    params: [campaignId],
  });
}

/** The recipients that a settling campaign still waits for. */
export async function unsettled(
  database: Executor,
  campaignId: string,
): Promise<{ unknown: number; accepted: number }> {
  const [row] = await database.execute<{ unknown: number; accepted: number }>({
    text: `
      select count(*) filter (where status in ('sending', 'unknown'))::int as unknown,
             count(*) filter (where status = 'accepted')::int as accepted
      from recipients where campaign_id = $1 and status in ('sending', 'unknown', 'accepted')`,
    params: [campaignId],
  });
  return row as NonNullable<typeof row>;
}

export async function completeCampaign(database: Executor, campaignId: string, report: object): Promise<void> {
  await database.execute({
    text: `
      update campaigns set status = 'completed', finished_at = now(), report = $2::jsonb
      where id = $1 and status = 'settling'
        and not exists (select from recipients where campaign_id = $1 and status in ('pending', 'deferred'))
        and not exists (select from recipients where campaign_id = $1 and status in ('sending', 'unknown'))`,
    params: [campaignId, JSON.stringify(report)],
  });
}
