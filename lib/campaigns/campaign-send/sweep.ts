/** Looks after recipients whom no run looks after any more: claims that died, Meta's cap, calls nobody ever heard of again. */
import type { Executor } from '@conversure/jobqueue/postgres';

/** Twice what a claim may live: its run is dead, and what it called may have been sent. */
const STALE_CLAIM_S = 120;
/** The longest that a webhook may still report an unanswered call, if webhooks of later messages have come … */
const GRACE_S = 15 * 60;
/** … and where none have: then it may be them that are late, and not the message that was lost. */
const LONGEST_GRACE_S = 60 * 60;
/** The most copies of a message with an unknown outcome that is sent again; more would be worse than none. */
const MAX_RESENDS = 3;
/** One statement's worth; the next sweep takes more. */
const ROWS = 1_000;

export interface Swept {
  /** Claims that died. */
  readonly died: number;
  /** Put back to wait out Meta's cap, or to be sent again. */
  readonly revived: number;
  readonly unconfirmed: number;
}

/** Bounded, idempotent, and safe beside runs that send: only rows that nobody holds are touched. */
export async function sweep(database: Executor, campaignId: string): Promise<Swept> {
  const [swept] = await database.execute<{ died: number; revived: number; unconfirmed: number }>({
    text: SWEEP,
    params: [campaignId, STALE_CLAIM_S, GRACE_S, LONGEST_GRACE_S, MAX_RESENDS, ROWS],
  });
  return swept as NonNullable<typeof swept>;
}

const SWEEP = `
with campaign as (
  select id, status in ('running', 'settling') as is_open, resend_unknown,
         (select max(r.status_at) from recipients r
          where r.company_id = c.company_id and r.campaign_id = c.id and r.attempt > 0
            and r.status in ('sent', 'delivered', 'read')) as heard_at
  from campaigns c
  where id = $1
), stale as (
  select r.id from recipients r join campaign on r.campaign_id = campaign.id
  where r.status = 'sending' and r.claimed_at < now() - $2::int * interval '1 second'
  order by r.id limit $6::int for update of r skip locked
), died as (
  update recipients r set status = 'unknown', status_at = now(), error = 'the function that sent it ended before its answer came'
  from stale where r.id = stale.id
  returning r.opaque_id
), attempts as (
  update delivery_attempts a set outcome = 'unknown', ended_at = now()
  from died where a.opaque_id = died.opaque_id and a.outcome is null
), capped as (
  select r.id, r.status_at from recipients r join campaign on r.campaign_id = campaign.id and campaign.is_open
  where r.status = 'failed' and r.error_code = 131049 and r.capped_at is null
  order by r.id limit $6::int for update of r skip locked
), waited_out as (
  update recipients r
  set status = 'deferred', deferred_for = 'capped', capped_at = now(), status_at = now(),
      next_at = greatest(capped.status_at, now() - interval '1 hour') + interval '24 hours' * (1 + 0.1 * random()),
      closes_at = now() -- its quiet hours are looked at again when it is due
  from capped where r.id = capped.id
  returning 1
), silent as (
  select r.id, campaign.is_open and campaign.resend_unknown and r.attempt < $5::int as again
  from recipients r join campaign on r.campaign_id = campaign.id
  where r.status = 'unknown'
    and r.status_at < now() - (case when campaign.heard_at > r.claimed_at + interval '1 minute' then $3::int else $4::int end)
                              * interval '1 second'
  order by r.id limit $6::int for update of r skip locked
), given_up as (
  update recipients r
  set status = case when silent.again then 'pending' else 'unconfirmed' end, status_at = now(),
      next_at = now(), closes_at = now()
  from silent where r.id = silent.id
  returning silent.again
)
select (select count(*)::int from died) as died,
       (select count(*)::int from waited_out) + (select count(*)::int from given_up where again) as revived,
       (select count(*)::int from given_up where not again) as unconfirmed
`;
