/** One campaign: where it stands and why, its report, and what can be done with it. */
import { type Column, count, DataTable, Facts, Head, Live, one, Section, When } from '@conversure/jobqueue-console/ui';
import type { Metadata } from 'next';
import Link from 'next/link';
import { notFound } from 'next/navigation';
import { type CampaignReport, campaigns } from '@/lib/campaigns';
import { isCampaignId } from '@/lib/campaigns/request';
import { Done, Refused } from '../../messages';
import { requireSession } from '../../operator';
import { CampaignStatus } from '../status';
import { Outcomes } from './outcomes';
import { SteerPanel } from './steer-panel';
import { Steps, stepsOf } from './steps';

export const metadata: Metadata = { title: 'Campaign' };

const FAILURES: readonly Column[] = [
  { id: 'meaning', title: 'Why', heads: true },
  { id: 'code', title: 'Code', align: 'right' },
  { id: 'people', title: 'People', align: 'right' },
];
const COSTS: readonly Column[] = [
  { id: 'category', title: 'Category', heads: true },
  { id: 'billed', title: 'Billed', align: 'right' },
  { id: 'free', title: 'Free', align: 'right' },
  { id: 'unknown', title: 'Unknown', align: 'right' },
  { id: 'cost', title: 'Cost', align: 'right' },
];
/** The report is counted from the rows: some 0.2 s of the database with a million of them, so larger campaigns are looked at more rarely. */
const liveMs = ({ planned }: CampaignReport) => (planned < 100_000 ? 5_000 : 60_000);

export default async function Campaign({ params, searchParams }: PageProps<'/campaigns/[id]'>) {
  const { role } = await requireSession();
  const { id } = await params;
  const campaign = isCampaignId(id) ? await campaigns.read(id) : null;
  if (campaign === null) notFound();
  const sent = await searchParams;
  const { name, companyId, status, template, pause, pausedUntil, failure, report } = campaign;
  const steps = role === 'operator' ? stepsOf(campaign) : [];
  const asked = steps.find(({ step }) => step === one(sent.do));
  return (
    <>
      <Head title={name} sub={<CampaignStatus of={status} />}>
        <Live everyMs={liveMs(report)} />
        <Steps id={id} steps={steps} />
      </Head>
      <Refused code={sent.refused} />
      <Done params={sent} />
      {pause && (
        <p className="banner border-warn" role="status">
          {pause.message} <span className="soft">({pause.code})</span>
          {pausedUntil && (
            <>
              {' '}
              It goes on by itself at <When at={new Date(pausedUntil)} />.
            </>
          )}
        </p>
      )}
      {failure && (
        <p className="refused" role="alert">
          {failure.message} <span className="soft">({failure.code})</span>
        </p>
      )}
      <Outcomes report={report} />
      <Facts
        facts={[
          ['Audience', count(report.planned)],
          ['Replies', count(report.replies)],
          ['Opt-outs', count(report.optOuts)],
          ['Cost', costOf(report)],
          ['Company', <CompanyLink key="company" id={companyId} />],
          ['Template', <TemplateLink key="template" companyId={companyId} of={template} />],
          ['Created', <When key="created" at={new Date(campaign.createdAt)} />],
          ['Starts', <When key="starts" at={instant(campaign.scheduledAt)} />],
          ['Started', <When key="started" at={instant(campaign.startedAt)} />],
          ['Ended', <When key="ended" at={instant(campaign.finishedAt)} />],
        ]}
      />
      {report.failed.byCode.length > 0 && (
        <Section title="Failures">
          <DataTable label="Failures by code" columns={FAILURES} rows={failures(report)} />
        </Section>
      )}
      {report.cost.byCategory.length > 0 && (
        <Section title="Cost">
          <DataTable label="Cost by category" columns={COSTS} rows={costs(report)} />
        </Section>
      )}
      {report.planned > 0 && (
        <p>
          <a href={`/campaigns/${encodeURIComponent(id)}/recipients`} download>
            All recipients, with what became of each
          </a>
        </p>
      )}
      {asked && <SteerPanel id={id} asked={asked} />}
    </>
  );
}

function TemplateLink({ companyId, of }: { companyId: string; of: { name: string; language: string } }) {
  return (
    <Link href={`/templates?company=${encodeURIComponent(companyId)}`} className="link">
      {of.name}, {of.language}
    </Link>
  );
}

function CompanyLink({ id }: { id: string }) {
  return (
    <Link href={`/campaigns?company=${encodeURIComponent(id)}`} className="link mono">
      {id}
    </Link>
  );
}

const instant = (at: string | null) => (at === null ? null : new Date(at));

function costOf({ cost: { currency, total, unknown, byCategory } }: CampaignReport): string {
  const billed = byCategory.reduce((sum, one) => sum + one.billed, 0);
  const known =
    total === null || currency === null ? `${count(billed)} billed, no price known` : `${total} ${currency}`;
  return unknown === 0 ? known : `${known}; ${count(unknown)} unknown`;
}

function costs({ cost: { currency, byCategory } }: CampaignReport) {
  return byCategory.map(({ category, billed, free, unknown, cost }) => ({
    id: category,
    cells: {
      category: category.replaceAll('_', ' '),
      billed: count(billed),
      free: count(free),
      unknown: count(unknown),
      cost: cost === null || currency === null ? 'no price known' : `${cost} ${currency}`,
    },
  }));
}

function failures({ failed }: CampaignReport) {
  return failed.byCode.map(({ code, count: people, meaning }) => ({
    id: `${code}`,
    cells: { meaning, code: code === null ? '–' : <span className="mono">{code}</span>, people: count(people) },
  }));
}
