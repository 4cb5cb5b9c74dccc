/** An operator's actions on a campaign. Each is one statement, and repeating it changes nothing. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';
import { skipWaiting } from './campaign-send/end.ts';
import { enqueue, jobTemplate } from './enqueued-jobs.ts';

export interface Changed {
  readonly campaignId: string;
  readonly status: string;
}

/** Nothing more is claimed from now on; what is under way ends. Also takes the time off a pause that would end by itself. */
export async function pause(database: Executor, campaignId: string): Promise<Changed> {
  return changed(database, campaignId, 'pause', await database.execute({ text: PAUSE, params: [campaignId] }));
}

/** Starts a draft, goes on with what was paused, and brings back the jobs of one that lost them. */
export async function resume(database: Executor, campaignId: string): Promise<Changed> {
  const rows = await database.execute<{ status: string }>({ text: RESUME, params: [campaignId, jobTemplate()] });
  return changed(database, campaignId, 'resume', rows);
}

/** Cancels the campaign for good: waiting recipients are skipped, calls under way finish. */
export async function cancel(database: Executor, campaignId: string): Promise<Changed> {
  const rows = await database.execute<{ status: string }>({ text: CANCEL, params: [campaignId, jobTemplate()] });
  // Its job does it as well; here the answer comes with most of it done.
  for (let slices = 0; slices < CANCEL_SLICES; slices++) if (!(await skipWaiting(database, campaignId))) break;
  return changed(database, campaignId, 'cancel', rows);
}

/** A slice is 1,000 people and some 30 ms. */
const CANCEL_SLICES = 20;

/**
 * Sends again to recipients whose outcome is unknown, or to one of them. An operator decides it, because some will get the
 * message twice. Returns the number of recipients, at most 10,000.
 */
export async function retryUnconfirmed(
  database: Executor,
  campaignId: string,
  recipientId: string | null = null,
): Promise<Changed & { readonly retried: number }> {
  const rows = await database.execute<{ status: string; retried: number }>({
    text: RETRY,
    params: [campaignId, recipientId, jobTemplate()],
  });
  return { ...(await changed(database, campaignId, 'retry-unconfirmed', rows)), retried: rows[0]?.retried ?? 0 };
}

async function changed(
  database: Executor,
  campaignId: string,
  action: string,
  rows: readonly { status?: string }[],
): Promise<Changed> {
  const status = rows[0]?.status;
  if (status !== undefined) return { campaignId, status };
  const [found] = await database.execute<{ status: string }>({
    text: 'select status from campaigns where id = $1',
    params: [campaignId],
  });
  if (found === undefined) throw new HttpError(404, 'not_found', `There is no campaign ${campaignId}.`);
  throw new HttpError(409, 'campaign_status', `A campaign that is ${found.status} takes no ${action}.`);
}

const PAUSE = `
update campaigns
set status = 'paused', paused_at = coalesce(paused_at, now()), paused_until = null,
    pause = case when status = 'paused' and paused_until is null then pause
                 else '{"code": "operator", "message": "paused by an operator"}' end
where id = $1 and status in ('planning', 'running', 'paused')
returning status
`;

/** Only a pause or a draft begins a new run; else its jobs are asked for again, and those that live hold their keys. */
const RESUME = `
with started as (
  update campaigns
  set run          = run + case when status in ('paused', 'draft') then 1 else 0 end,
      breaker_from = case when status = 'paused' then clock_timestamp() else breaker_from end,
      status       = case when status not in ('paused', 'draft') then status
                          when planned_at is null then 'planning' else 'running' end,
      paused_at = null, paused_until = null, pause = null
  where id = $1 and status in ('draft', 'planning', 'running', 'paused', 'settling')
  returning *
), enqueued as (${enqueue('$2')}
)
select status, (select count(*) from enqueued) as jobs from started
`;

const CANCEL = `
with was as (
  select id, status from campaigns where id = $1 for no key update
), started as (
  update campaigns c
  set status = 'cancelled', finished_at = now(), paused_at = null, paused_until = null, pause = null, run = run + 1
  from was
  where c.id = was.id and was.status in ('draft', 'planning', 'running', 'paused')
  returning c.id, company_id, run, 1 as shards, now() as planned_at, null::timestamptz as scheduled_at, c.status
), dropped as (
  delete from campaign_entries e using started where e.campaign_id = started.id
), enqueued as (${enqueue('$2')}
)
select status, (select count(*) from enqueued) as jobs from started
union all
select status, 0 from was where status = 'cancelled' and not exists (select from started)
`;

const RETRY = `
with open as (
  select id, quiet_hours from campaigns where id = $1 and status in ('running', 'settling', 'completed')
  for update
), retried as (
  update recipients r
  set status = 'pending', status_at = now(), next_at = now(),
      closes_at = case when open.quiet_hours is not null then now() end -- looked at before it is claimed
  from open
  where r.campaign_id = open.id and r.id = any(array(
    select u.id from recipients u
    where u.campaign_id = $1 and u.status = 'unconfirmed' and ($2::bigint is null or u.id = $2::bigint)
    order by u.id
    limit 10000))
    and r.status = 'unconfirmed'
  returning 1
), started as (
  update campaigns c
  set status = 'running', run = run + 1, settling_at = null, finished_at = null, report = null,
      breaker_from = clock_timestamp()
  from open
  where c.id = open.id and exists (select from retried)
  returning c.*
), enqueued as (${enqueue('$3')}
)
select coalesce((select status from started), c.status) as status, (select count(*)::int from retried) as retried,
       (select count(*) from enqueued) as jobs
from campaigns c
join open using (id)
`;
