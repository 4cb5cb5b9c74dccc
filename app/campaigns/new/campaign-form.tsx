/** The form of a new campaign. It comes back as it was typed, right or wrong, with its list. */
import { address, Hidden, plural, Submit } from '@conversure/jobqueue-console/ui';
import Link from 'next/link';
import { columnsIn } from '@/lib/campaigns/people-file';
import type { Person } from '@/lib/campaigns/request';
import type { CompanyView } from '@/lib/companies';
import type { TemplateView } from '@/lib/templates';
import { AreaField, CheckField, type Kept, KeptRefusal, SelectField, TextField } from '../../kept-form';
import { lookAtCampaign } from './make';
import { labelsOf, ParameterFields } from './parameter-fields';
import { FileField, Part } from './parts';
import { choiceOf, PAGE } from './query';

interface CampaignFormProps {
  readonly company: CompanyView;
  readonly template: TemplateView;
  readonly kept: Kept;
  readonly people: readonly Person[] | null;
  readonly importId: string | undefined;
}

const LABELS = {
  name: 'Name',
  audience: 'Who',
  anyTag: 'Has one of these tags',
  allTags: 'Has all of these tags',
  noTag: 'Has none of these tags',
  sources: 'Came from one of these sources',
  importId: 'Came with this import, by its id',
  createdFrom: 'Known since',
  createdBefore: 'Known before',
  file: 'CSV file, to 4 MB and 10,000 people',
  scheduledAt: 'Starts',
  expiresAt: 'Ends',
  quietFrom: 'Quiet from',
  quietTo: 'Quiet to',
  capMessages: 'At most so many campaign messages …',
  capHours: '… in so many hours',
  shards: 'Jobs that send in parallel',
  currency: 'Currency',
  price: 'Price of one message',
} as const;

export function CampaignForm({ company, template, kept, people, importId }: CampaignFormProps) {
  const { perSecond } = company.sections.messaging.values;
  return (
    <form
      action={lookAtCampaign}
      key={kept?.id}
      className="campaign card grid max-w-4xl gap-5 p-4"
      aria-label="New campaign"
    >
      <KeptRefusal kept={kept} labels={{ ...LABELS, ...labelsOf(template) }} />
      <Hidden
        values={{
          company: company.id,
          template: choiceOf(template),
          list: people === null ? undefined : kept?.id,
          fileName: kept?.fields.fileName,
          leftOut: kept?.fields.leftOut,
        }}
      />
      <Part title="Message">
        <p className="m-0">
          <span className="mono break-all">{template.name}</span>, {template.language},{' '}
          {template.category.toLowerCase()} of <span className="mono break-all">{company.id}</span>{' '}
          <Link href={address(PAGE, { company: company.id, import: importId })} className="link">
            Another template
          </Link>
        </p>
        <p className="m-0 whitespace-pre-wrap break-words rounded-md bg-sunken p-3">{template.body}</p>
        <TextField name="name" label={LABELS.name} kept={kept} required maxLength={200} />
        <ParameterFields template={template} kept={kept} columns={people === null ? [] : columnsIn(people)} />
      </Part>
      <Part title="People">
        <SelectField
          name="audience"
          label={LABELS.audience}
          kept={kept}
          value="leads"
          choices={[
            ['leads', 'leads of the company'],
            ['list', 'the people of a file'],
          ]}
        />
        <div className="for-leads">
          <div className="grid gap-4 sm:grid-cols-2">
            {(['anyTag', 'allTags', 'noTag', 'sources'] as const).map((name) => (
              <AreaField key={name} name={name} label={LABELS[name]} kept={kept} rows={2} hint="By lines or commas." />
            ))}
            <TextField name="importId" label={LABELS.importId} kept={kept} value={importId} maxLength={64} />
            <span className="max-sm:hidden" />
            <TextField name="createdFrom" label={LABELS.createdFrom} kept={kept} type="datetime-local" />
            <TextField name="createdBefore" label={LABELS.createdBefore} kept={kept} type="datetime-local" />
          </div>
        </div>
        <div className="for-list">
          <FileField
            label={LABELS.file}
            kept={kept}
            now={
              people === null
                ? null
                : `${kept?.fields.fileName ?? 'a file'}, ${plural(people.length, 'person', 'people')}${leftOutIn(kept)}`
            }
          />
        </div>
        <CheckField name="needsConsent" label="Only people who agreed to marketing" kept={kept} />
      </Part>
      <Part title="Time">
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            name="scheduledAt"
            label={LABELS.scheduledAt}
            kept={kept}
            type="datetime-local"
            hint="Empty: immediately."
          />
          <TextField
            name="expiresAt"
            label={LABELS.expiresAt}
            kept={kept}
            type="datetime-local"
            hint="Who was not reached by then is skipped. Empty: never."
          />
        </div>
        <CheckField
          name="isQuiet"
          label="Quiet hours, by each person's own clock"
          kept={kept}
          value="1"
          hint={`Of people whose zone is not known, by the clock of ${company.sections.messaging.values.timeZone}.`}
        />
        <div className="grid grid-cols-2 gap-4">
          <TextField name="quietFrom" label={LABELS.quietFrom} kept={kept} value="21:00" type="time" step={900} />
          <TextField name="quietTo" label={LABELS.quietTo} kept={kept} value="09:00" type="time" step={900} />
        </div>
      </Part>
      <Part title="Limits and cost">
        <div className="grid grid-cols-2 gap-4">
          <TextField
            name="capMessages"
            label={LABELS.capMessages}
            kept={kept}
            inputMode="numeric"
            hint="To one person, over all campaigns. Empty: no limit."
          />
          <TextField name="capHours" label={LABELS.capHours} kept={kept} inputMode="numeric" />
          <TextField
            name="shards"
            label={LABELS.shards}
            kept={kept}
            value="1"
            inputMode="numeric"
            hint={`1 to 16. Together they send at most ${perSecond} a second, the company's setting.`}
          />
          <span />
          <TextField
            name="price"
            label={LABELS.price}
            kept={kept}
            inputMode="decimal"
            hint="For the estimate and the report. Empty: unknown."
          />
          <TextField name="currency" label={LABELS.currency} kept={kept} maxLength={3} placeholder="USD" />
        </div>
        <CheckField
          name="resendUnknown"
          label="Send unconfirmed messages again: some people get them twice"
          kept={kept}
        />
      </Part>
      <div className="flex flex-wrap justify-end gap-2">
        <Link href="/campaigns" className="button">
          Leave it
        </Link>
        <Submit>Look at it</Submit>
      </div>
    </form>
  );
}

function leftOutIn(kept: Kept): string {
  const leftOut = Number(kept?.fields.leftOut ?? 0);
  return leftOut > 0 ? `, ${plural(leftOut, 'row')} left out because the file says that they refuse messages` : '';
}
