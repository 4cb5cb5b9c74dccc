/** The outcome that the campaign would have, and the buttons that make it. */
import {
  atLeast,
  type Column,
  count,
  DataTable,
  duration,
  Facts,
  Hidden,
  plural,
  Reason,
  Section,
  Submit,
} from '@conversure/jobqueue-console/ui';
import Link from 'next/link';
import { type CampaignPreview, campaigns, type Example } from '@/lib/campaigns';
import type { NewCampaign } from '@/lib/campaigns/request';
import { makeCampaign } from './make';
import { PAGE } from './query';

const REASONS: readonly Column[] = [
  { id: 'reason', title: 'Skipped because', heads: true },
  { id: 'people', title: 'People', align: 'right' },
];

export async function Preview({ id, campaign }: { id: string; campaign: NewCampaign }) {
  const preview = await campaigns.preview(campaign);
  const { judged, people, willBeWritten, skipped, examples, template } = preview;
  return (
    <div id="preview" className="grid max-w-4xl gap-4">
      <Section title={`Preview: ${campaign.name}`} aside="nothing is made yet">
        <Facts facts={factsOf(preview)} />
        {judged < people && (
          <p className="banner" role="status">
            {plural(judged, 'person', 'people')} were looked at one by one; what becomes of the others is seen when they
            are planned.
          </p>
        )}
        {template.status !== 'APPROVED' && (
          <p className="banner border-warn" role="status">
            The template is {template.status.toLowerCase()}: the campaign pauses until Meta approves it.
          </p>
        )}
        {skipped.length > 0 && <DataTable label="Skipped by reason" columns={REASONS} rows={skipped.map(reasonRow)} />}
      </Section>
      {examples.length > 0 && (
        <Section title="As people read it">
          <div className="grid gap-3 md:grid-cols-3">
            {examples.map((example) => (
              <Sample key={example.phone} example={example} />
            ))}
          </div>
        </Section>
      )}
      <form action={makeCampaign} className="card grid gap-3 p-4" aria-label="Make the campaign">
        <Hidden values={{ kept: id }} />
        <p className="soft m-0">
          The campaign is made as this preview shows it. Changes in the form below apply after another preview.
        </p>
        <Reason />
        <div className="flex flex-wrap justify-end gap-2">
          <Link href={PAGE} className="button">
            Leave it
          </Link>
          <Submit tone="plain" name="start" value="later">
            Make it, start later
          </Submit>
          {willBeWritten > 0 && (
            <Submit name="start" value="now">
              {campaign.scheduledAt === undefined
                ? `Start: write to ${plural(willBeWritten, 'person', 'people')}`
                : 'Make it, start on time'}
            </Submit>
          )}
        </div>
      </form>
    </div>
  );
}

function factsOf({ people, isCountBound, willBeWritten, later, skipped, cost, perSecond, template }: CampaignPreview) {
  const left = skipped.reduce((sum, one) => sum + one.people, 0);
  return [
    ['Audience', atLeast(people, isCountBound)],
    ['Will be written to', count(willBeWritten)],
    ['Of these after quiet hours', count(later)],
    ['Skipped', count(left)],
    ['Cost', cost === null ? 'no price known' : `at most ${count(cost.most)} ${cost.currency}`],
    ['Takes at least', duration((willBeWritten / perSecond) * 1_000)],
    ['Category', template.category.toLowerCase()],
  ] as const;
}

function reasonRow({ reason, people }: CampaignPreview['skipped'][number]) {
  return { id: reason, cells: { reason: reason.replaceAll('_', ' '), people: count(people) } };
}

function Sample({ example: { phone, name, language, text, others } }: { example: Example }) {
  return (
    <figure className="card m-0 grid content-start gap-2 p-3">
      <figcaption className="soft break-words text-[0.9rem]">
        <span className="mono">{phone}</span> {name} ({language})
      </figcaption>
      <p className="m-0 whitespace-pre-wrap break-words rounded-md bg-sunken p-3">{text}</p>
      {others.map(({ key, value }) => (
        <p key={key} className="soft m-0 break-all text-[0.9rem]">
          {key}: {value}
        </p>
      ))}
    </figure>
  );
}
