/** A campaign as a run finds it: what it is about, and whether there is anything to do. */

import type { Executor } from '@conversure/jobqueue/postgres';
import type { campaigns } from '../../../db/schema/campaigns.ts';
import type { Audience } from './audience.ts';
import type { Source } from './parameters.ts';
import type { QuietHours } from './quiet-hours.ts';

export type CampaignStatus = (typeof campaigns.$inferSelect)['status'];

export interface OpenCampaign {
  readonly campaignId: string;
  readonly companyId: string;
  readonly templateId: string;
  readonly status: CampaignStatus;
  readonly audience: Audience;
  readonly sources: Readonly<Record<string, Source>>;
  readonly quietHours: QuietHours | null;
  readonly needsConsent: boolean;
  readonly failureRatio: number;
  readonly failureSample: number;
  readonly planPosition: string;
  readonly planLimit: string | null;
  /** ms; null: it starts now. */
  readonly startsInMs: number | null;
  /** ms until a pause ends by itself; null: an operator has to. */
  readonly resumesInMs: number | null;
  readonly pause: { readonly code: string; readonly message: string } | null;
  /** ms since everybody had been sent to. */
  readonly settlingForMs: number | null;
  /** Settings of the company: the country that numbers without a country code are dialled from, its time zone, its send rate. */
  readonly country: string;
  readonly companyZone: string;
  readonly perSecond: number;
}

/**
 * `null` if there is none, or it is another company's. A pause whose time is over ends here; the audience of leads is frozen at
 * the first look: who becomes a lead later is not in it.
 */
export async function openCampaign(
  database: Executor,
  { campaignId, companyId }: { campaignId: string; companyId?: string | undefined },
): Promise<OpenCampaign | null> {
  const [row] = await database.execute<OpenCampaign>({ text: OPEN, params: [campaignId, companyId ?? null] });
  return row ?? null;
}

/**
 * The lock comes first and everything joins it: of two that open at once, the second sees what the first wrote. Without it, the row
 * would be read as it was before: without the limit of its audience, which then is nobody.
 */
const OPEN = `
with locked as (
  select * from campaigns where id = $1 for no key update
), resumed as (
  update campaigns c
  set status = case when c.planned_at is null then 'planning' else 'running' end,
      paused_at = null, paused_until = null, pause = null, breaker_from = clock_timestamp()
  from locked
  where c.id = locked.id and locked.status = 'paused' and locked.paused_until <= now()
  returning c.*
), frozen as (
  update campaigns c
  set plan_limit = (select coalesce(max(id), 0) from leads where company_id = c.company_id),
      started_at = coalesce(c.started_at, now())
  from locked
  where c.id = locked.id and locked.status = 'planning' and locked.plan_limit is null and coalesce(locked.scheduled_at <= now(), true)
  returning c.*
), found as (
  select * from resumed
  union all
  select * from frozen
  union all
  select * from locked where not exists (select from resumed) and not exists (select from frozen)
)
select c.id as "campaignId", c.company_id as "companyId", c.template_id::text as "templateId", c.status, c.audience, c.parameters as sources,
       c.quiet_hours as "quietHours", c.needs_consent as "needsConsent",
       c.failure_ratio as "failureRatio", c.failure_sample as "failureSample",
       c.plan_position::text as "planPosition", c.plan_limit::text as "planLimit",
       (extract(epoch from case when c.scheduled_at > now() then c.scheduled_at - now() end) * 1000)::float8 as "startsInMs",
       (extract(epoch from c.paused_until - now()) * 1000)::float8 as "resumesInMs", c.pause,
       (extract(epoch from now() - c.settling_at) * 1000)::float8 as "settlingForMs",
       co.default_country as country,
       coalesce(s.time_zone, 'Asia/Dubai') as "companyZone", coalesce(s.whatsapp_per_second, 20) as "perSecond"
from found c
join companies co on co.id = c.company_id
left join company_settings s on s.company_id = c.company_id
where $2::text is null or c.company_id = $2
`;
