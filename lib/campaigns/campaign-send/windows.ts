/** Looks at the quiet hours again, of recipients whose last look is too old to send by. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { OpenCampaign } from './open.ts';
import { windowsOf } from './quiet-hours.ts';
import { clockOf } from './zones.ts';

const ROWS = 500;

/** Up to a slice of them; answers whether there may be more. Whoever has no allowed hour any more is skipped. */
export async function renewWindows(database: Executor, campaign: OpenCampaign): Promise<boolean> {
  const due = await database.execute<{ id: string; phone: string; timeZone: string | null }>({
    text: DUE,
    params: [campaign.campaignId, ROWS],
  });
  if (due.length === 0) return false;
  const windows = campaign.quietHours && windowsOf(campaign.quietHours);
  const now = Date.now();
  const rows = due.map(({ id, phone, timeZone }) => {
    if (windows === null) return { id };
    const window = windows(now, clockOf({ phone, timeZone }, campaign.companyZone).zones);
    return window === null ? { id, never: true } : { id, ...window };
  });
  await database.execute({ text: RENEW, params: [campaign.campaignId, JSON.stringify(rows)] });
  return due.length === ROWS;
}

const DUE = `
select id::text as id, phone_e164 as phone, time_zone as "timeZone"
from recipients r
where campaign_id = $1 and status in ('pending', 'deferred') and next_at <= now() and closes_at <= now()
order by r.next_at, r.id
limit $2::int
`;

const RENEW = `
update recipients r
set status       = case when i.never then 'skipped' when to_timestamp(i."opensAtMs" / 1000) > now() then 'deferred' else r.status end,
    skip_reason  = case when i.never then 'no_allowed_hour' end,
    deferred_for = case when to_timestamp(i."opensAtMs" / 1000) > now() then 'quiet_hours' else r.deferred_for end,
    next_at      = greatest(r.next_at, to_timestamp(i."opensAtMs" / 1000)),
    closes_at    = to_timestamp(i."closesAtMs" / 1000)
from jsonb_to_recordset($2::jsonb) as i(id bigint, never boolean, "opensAtMs" float8, "closesAtMs" float8)
where r.id = i.id and r.campaign_id = $1 and r.status in ('pending', 'deferred')
`;
