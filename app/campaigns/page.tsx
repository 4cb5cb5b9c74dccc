/** Campaigns of all companies, or of one, the newest first. */
import {
  address,
  type Column,
  DataTable,
  Empty,
  Field,
  Head,
  Live,
  one,
  Pages,
  When,
} from '@conversure/jobqueue-console/ui';
import type { Metadata } from 'next';
import Link from 'next/link';
import { type CampaignSummary, campaigns } from '@/lib/campaigns';
import { isCampaignId } from '@/lib/campaigns/request';
import { companyId as anyCompanyId } from '@/lib/fields';
import { Refused } from '../messages';
import { requireSession } from '../operator';
import { CampaignStatus } from './status';

export const metadata: Metadata = { title: 'Campaigns' };

const COLUMNS: readonly Column[] = [
  { id: 'name', title: 'Campaign', heads: true },
  { id: 'status', title: 'Status' },
  { id: 'company', title: 'Company' },
  { id: 'template', title: 'Template', from: 'wide' },
  { id: 'created', title: 'Created', from: 'wide' },
  { id: 'finished', title: 'Ended', from: 'widest' },
];
/** A campaign moves by the second, its list does not. */
const LIVE_MS = 15_000;

export default async function Campaigns({ searchParams }: PageProps<'/campaigns'>) {
  const { role } = await requireSession();
  const sent = await searchParams;
  const companyId = anyCompanyId.safeParse(one(sent.company)).data;
  const after = one(sent.after);
  const page = await campaigns.page({ companyId, after: after && isCampaignId(after) ? after : undefined });
  return (
    <>
      <Head title="Campaigns" sub="One template, once to each person of an audience. Newest first.">
        <Live everyMs={LIVE_MS} />
        {role === 'operator' && (
          <Link className="button primary" href={address('/campaigns/new', { company: companyId })}>
            New campaign
          </Link>
        )}
      </Head>
      <Refused code={sent.refused} />
      <form method="get" action="/campaigns" className="flex flex-wrap items-end gap-2">
        <Field name="company" label="Company">
          <input id="field-company" name="company" defaultValue={companyId} maxLength={100} placeholder="all of them" />
        </Field>
        <button type="submit" className="button">
          Show
        </button>
      </form>
      {page.campaigns.length === 0 ? (
        <Empty title="No campaigns">
          {companyId
            ? 'This company has none. Its id has to be written in full.'
            : 'New campaign makes one, and so does POST /api/campaigns.'}
        </Empty>
      ) : (
        <DataTable label="Campaigns" columns={COLUMNS} rows={page.campaigns.map(row)} />
      )}
      <Pages of="campaigns" path="/campaigns" params={{ company: companyId }} after={after} next={page.next} />
    </>
  );
}

function row(campaign: CampaignSummary) {
  const { campaignId, companyId, name, status, template, createdAt, finishedAt } = campaign;
  return {
    id: campaignId,
    cells: {
      name: (
        <Link href={`/campaigns/${campaignId}`} className="link">
          {name}
        </Link>
      ),
      status: <CampaignStatus of={status} />,
      company: <span className="mono">{companyId}</span>,
      template: `${template.name}, ${template.language}`,
      created: <When at={new Date(createdAt)} />,
      finished: <When at={finishedAt === null ? null : new Date(finishedAt)} />,
    },
    ...(status === 'paused' ? { tone: 'warn' as const } : status === 'failed' ? { tone: 'bad' as const } : {}),
  };
}
