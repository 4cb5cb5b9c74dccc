/** A new campaign in steps: whose it is, which template, the form, a preview, and only then the campaign itself. */
import { Empty, Head, one } from '@conversure/jobqueue-console/ui';
import type { Metadata } from 'next';
import Link from 'next/link';
import { redirect } from 'next/navigation';
import { campaigns } from '@/lib/campaigns';
import { isCampaignId } from '@/lib/campaigns/request';
import { companies } from '@/lib/companies';
import { companyId as anyCompanyId } from '@/lib/fields';
import { isImportId } from '@/lib/imports/request';
import { keptFor } from '../../kept-form';
import { Refused } from '../../messages';
import { requireSession } from '../../operator';
import { CampaignForm } from './campaign-form';
import { ChooseCompany, ChooseTemplate } from './choose';
import { Preview } from './preview';
import { choiceOf, filledIn, PAGE, peopleIn, usableTemplates } from './query';

export const metadata: Metadata = { title: 'New campaign' };

export default async function NewCampaign({ searchParams }: PageProps<'/campaigns/new'>) {
  const { role } = await requireSession();
  const sent = await searchParams;
  const kept = await keptFor(PAGE, sent.kept);
  const made = kept === null && one(sent.kept) !== undefined ? await campaignOf(one(sent.kept) ?? '') : null;
  if (made !== null) redirect(`/campaigns/${made}`); // somebody came back to a preview that became a campaign
  const asked = anyCompanyId.safeParse(kept?.fields.company ?? one(sent.company)).data;
  const company = asked === undefined ? null : await companies.read(asked);
  const importId = [one(sent.import)].find((id) => id !== undefined && isImportId(id));
  const head = (
    <Head
      title="New campaign"
      sub="One template, once to each person. Nothing is sent before you have seen the preview."
    />
  );
  if (role !== 'operator')
    return (
      <>
        {head}
        <Empty title="Operators make campaigns">You are signed in as a viewer.</Empty>
      </>
    );
  if (company === null)
    return (
      <>
        {head}
        <Refused code={sent.refused} />
        <ChooseCompany unknown={one(sent.company)} known={(await companies.page({})).companies} />
      </>
    );
  const templates = await usableTemplates(company.id);
  const named = kept?.fields.template ?? one(sent.template);
  const template = templates.find((each) => choiceOf(each) === named);
  if (template === undefined)
    return (
      <>
        {head}
        <Refused code={sent.refused} />
        {templates.length === 0 ? (
          <Empty title="No template that can be sent">
            {company.id} has none that Meta approved and a campaign can fill.{' '}
            <Link href={PAGE}>Choose another company</Link>.
          </Empty>
        ) : (
          <ChooseTemplate company={company.id} templates={templates} importId={importId} />
        )}
      </>
    );
  const people = kept === null ? null : await peopleIn(kept.id);
  const filled = kept !== null && kept.refusal === null ? await filledIn(kept.fields, template, people) : null;
  return (
    <>
      {head}
      <Refused code={sent.refused} />
      {kept !== null && filled !== null && 'campaign' in filled && <Preview id={kept.id} campaign={filled.campaign} />}
      <CampaignForm company={company} template={template} kept={kept} people={people} importId={importId} />
    </>
  );
}

async function campaignOf(id: string): Promise<string | null> {
  return isCampaignId(id) && (await campaigns.read(id)) !== null ? id : null;
}
