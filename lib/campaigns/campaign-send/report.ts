/** Reports a campaign's results, counted from its recipients. No stored counter has to be kept in step. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { wordsOf } from '../../providers/whatsapp.ts';

export interface CampaignReport {
  /** Everybody of the audience: the sum of all that follows up to `unconfirmed`. */
  readonly planned: number;
  readonly skipped: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  /** Recipients that wait, by reason. */
  readonly pending: number;
  readonly deferred: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  readonly sending: number;
  /** Each counted where it stands now: who has read it is not among the delivered. */
  readonly accepted: number;
  readonly sent: number;
  readonly delivered: number;
  readonly read: number;
  readonly failed: {
    readonly total: number;
    /** Meta's code, null where there is none, and what it means. Most frequent first. */
    readonly byCode: readonly { readonly code: number | null; readonly count: number; readonly meaning: string }[];
  };
  /** Called without an answer; a webhook may still tell. */
  readonly unknown: number;
  /** No webhook told in time: perhaps sent, perhaps not. */
  readonly unconfirmed: number;
  /** People who wrote, or opted out, within a week of the message. */
  readonly replies: number;
  readonly optOuts: number;
  readonly cost: {
    readonly currency: string | null;
    /** The cost so far at the campaign's prices, over the messages that Meta has billed; null if some of them have no known price. */
    readonly total: number | null;
    /** Messages that went out and of which Meta has not said whether it bills them: neither billed nor free. */
    readonly unknown: number;
    /** `unknown` is also a category: that of messages without one. */
    readonly byCategory: readonly {
      readonly category: string;
      readonly billed: number;
      readonly free: number;
      readonly unknown: number;
      readonly cost: number | null;
    }[];
  };
}

interface Row {
  statuses: Record<string, number>;
  skipped: Record<string, number>;
  deferred: Record<string, number>;
  failed: { code: number | null; count: number }[];
  replies: number;
  opt_outs: number;
  currency: string | null;
  categories: CampaignReport['cost']['byCategory'];
}

/** `null` if there is no such campaign. */
export async function readReport(database: Executor, campaignId: string): Promise<CampaignReport | null> {
  const [row] = await database.execute<Row>({ text: REPORT, params: [campaignId] });
  if (row === undefined) return null;
  const of = (status: string) => row.statuses[status] ?? 0;
  const costs = row.categories.map(({ cost }) => cost);
  return {
    planned: sum(Object.values(row.statuses)),
    skipped: { total: of('skipped'), byReason: row.skipped },
    pending: of('pending'),
    deferred: { total: of('deferred'), byReason: row.deferred },
    sending: of('sending'),
    accepted: of('accepted'),
    sent: of('sent'),
    delivered: of('delivered'),
    read: of('read'),
    failed: { total: of('failed'), byCode: row.failed.map((one) => ({ ...one, meaning: meaningOf(one.code) })) },
    unknown: of('unknown'),
    unconfirmed: of('unconfirmed'),
    replies: row.replies,
    optOuts: row.opt_outs,
    cost: {
      currency: row.currency,
      total: costs.includes(null) ? null : sum(costs as number[]),
      unknown: sum(row.categories.map(({ unknown }) => unknown)),
      byCategory: row.categories,
    },
  };
}

function meaningOf(code: number | null): string {
  if (code === null) return 'no reason was given';
  return wordsOf(code) ?? `Meta answered with error ${code}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

const REPORT = `
with r as (
  select * from recipients where campaign_id = $1
)
select
  (select coalesce(jsonb_object_agg(status, n), '{}') from (select status, count(*) as n from r group by 1) s) as statuses,
  (select coalesce(jsonb_object_agg(skip_reason, n), '{}')
   from (select skip_reason, count(*) as n from r where status = 'skipped' group by 1) s) as skipped,
  (select coalesce(jsonb_object_agg(reason, n), '{}')
   from (select coalesce(deferred_for, 'other') as reason, count(*) as n from r where status = 'deferred' group by 1) s) as deferred,
  (select coalesce(jsonb_agg(jsonb_build_object('code', error_code, 'count', n) order by n desc, error_code), '[]')
   from (select error_code, count(*) as n from r where status = 'failed' group by 1) s) as failed,
  (select count(*)::int from r
   where attempt > 0 and exists (
     select from conversations v join messages m on m.conversation_id = v.id
     where v.company_id = r.company_id and v.phone_e164 = r.phone_e164 and v.last_inbound_at > r.claimed_at
       and m.direction = 'inbound' and m.occurred_at > r.claimed_at
       and m.occurred_at < r.claimed_at + interval '7 days')) as replies,
  (select count(*)::int from r
   where attempt > 0 and exists (
     select from opt_outs o
     where o.company_id = r.company_id and o.phone_e164 = r.phone_e164 and o.lifted_at is null
       and o.opted_out_at > r.claimed_at and o.opted_out_at < r.claimed_at + interval '7 days')) as opt_outs,
  c.prices->>'currency' as currency,
  (select coalesce(jsonb_agg(jsonb_build_object('category', category, 'billed', billed, 'free', free, 'unknown', unknown, 'cost',
            case when billed = priced then coalesce(cost, 0) end) order by category), '[]')
   from (select coalesce(lower(pricing_category), 'unknown') as category,
                count(*) filter (where billable) as billed,
                count(*) filter (where not billable) as free,
                count(*) filter (where billable is null and status <> 'failed') as unknown,
                count(*) filter (where billable and price is not null) as priced,
                sum(price) filter (where billable) as cost
         from (select *, coalesce(r.cost, (c.prices->>lower(r.pricing_category))::numeric) as price from r) r
         where pricing_category is not null or billable is not null or status in ('sent', 'delivered', 'read')
         group by 1) s) as categories
from campaigns c
where c.id = $1
`;
