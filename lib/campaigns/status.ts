/** A campaign as its owner may know it: what it is, where it stands, and the report counted from its rows. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { type CampaignReport, readReport } from './campaign-send/report.ts';

export interface CampaignSummary {
  readonly campaignId: string;
  readonly companyId: string;
  readonly name: string;
  readonly status: string;
  readonly template: { readonly name: string; readonly language: string };
  /** Why it is paused, and until when if it goes on by itself. */
  readonly pause: { readonly code: string; readonly message: string } | null;
  readonly pausedUntil: string | null;
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly scheduledAt: string | null;
  readonly expiresAt: string | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** `null` if there is none. The report is of now, also of a campaign that has ended: people go on reading and answering. */
export async function readCampaign(
  database: Executor,
  campaignId: string,
): Promise<(CampaignSummary & { readonly report: CampaignReport }) | null> {
  const [campaign] = await database.execute<CampaignSummary>({
    text: `${SELECT} where c.id = $1`,
    params: [campaignId],
  });
  const report = campaign ? await readReport(database, campaignId) : null;
  return campaign && report ? { ...campaign, report } : null;
}

/** The newest first; up to 200. */
export function listCampaigns(
  database: Executor,
  { companyId, limit }: { companyId: string; limit: number },
): Promise<CampaignSummary[]> {
  return database.execute<CampaignSummary>({
    text: `${SELECT} where c.company_id = $1 order by c.created_at desc, c.id limit $2::int`,
    params: [companyId, Math.min(limit, MAX_LISTED)],
  });
}

const MAX_LISTED = 200;

export interface CampaignsPage {
  readonly campaigns: readonly CampaignSummary[];
  /** The id that the next page begins after; null if this is the last. */
  readonly next: string | null;
}

/** Those of all companies or of one, the newest first, 50 a page. `after`: the last id of the page before; an unknown one begins anew. */
export async function campaignsPage(
  database: Executor,
  { companyId, after }: { readonly companyId?: string | undefined; readonly after?: string | undefined },
): Promise<CampaignsPage> {
  const found = await database.execute<CampaignSummary>({
    text: `${SELECT}
      left join campaigns last on last.id = $2
      where ($1::text is null or c.company_id = $1) and (last.id is null or (c.created_at, c.id) < (last.created_at, last.id))
      order by c.created_at desc, c.id desc
      limit $3::int`,
    params: [companyId ?? null, after ?? null, PAGE + 1],
  });
  const campaigns = found.slice(0, PAGE);
  return { campaigns, next: found.length > PAGE ? (campaigns.at(-1)?.campaignId ?? null) : null };
}

const PAGE = 50;

const instant = (column: string) => `to_char(c.${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const SELECT = `
select c.id as "campaignId", c.company_id as "companyId", c.name, c.status,
       jsonb_build_object('name', t.name, 'language', t.language) as template,
       c.pause, ${instant('paused_until')} as "pausedUntil", c.failure,
       ${instant('scheduled_at')} as "scheduledAt", ${instant('expires_at')} as "expiresAt",
       ${instant('created_at')} as "createdAt", ${instant('started_at')} as "startedAt",
       ${instant('finished_at')} as "finishedAt"
from campaigns c
join templates t on t.id = c.template_id
`;
