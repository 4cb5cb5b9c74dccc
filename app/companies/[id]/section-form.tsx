/** The form of one section: what was typed comes back when it is refused, but for secrets. */
import { Hidden, Reason, Submit } from '@conversure/jobqueue-console/ui';
import type { SectionView } from '@/lib/companies';
import { type SectionName, sectionOf } from '@/lib/companies/sections';
import { asText, type Setting, type Value } from '@/lib/companies/setting';
import {
  AreaField,
  CheckField,
  type Kept,
  KeptRefusal,
  SecretField,
  SelectField,
  TextField,
  typed,
} from '../../kept-form';
import { changeSettings } from '../change';
import { SecretState } from './section-facts';

interface SectionFormProps {
  readonly id: string;
  readonly path: string;
  readonly section: SectionName;
  readonly view: SectionView;
  readonly kept: Kept;
}

export function SectionForm({ id, path, section, view, kept: any }: SectionFormProps) {
  const { settings, secrets } = sectionOf(section);
  const kept = any !== null && any.fields.section === section ? any : null;
  const labels = Object.fromEntries(
    [...Object.entries(settings), ...Object.entries(secrets)].map(([key, { label }]) => [key, label]),
  );
  return (
    <form action={changeSettings} key={kept?.id} className="card grid max-w-4xl gap-4 p-4" aria-label="Settings">
      <KeptRefusal kept={kept} labels={{ ...labels, reason: 'Reason' }} />
      <Hidden values={{ id, section, seen: JSON.stringify(view.values) }} />
      <div className="grid gap-4 sm:grid-cols-2">
        {Object.entries(settings).map(([key, setting]) => (
          <SettingField key={key} name={key} setting={setting} value={view.values[key]} kept={kept} />
        ))}
      </div>
      {Object.entries(secrets).map(([key, { label, hint }]) => (
        <div key={key} className="grid gap-2">
          <SecretField
            name={key}
            label={label}
            kept={kept}
            hint={
              <>
                Now <SecretState of={view.secrets[key]} />. Left empty it stays so. {hint}
              </>
            }
          />
          {view.secrets[key]?.isSet && <CheckField name={`remove-${key}`} label={`Remove: ${label}`} kept={kept} />}
        </div>
      ))}
      <Reason value={typed(kept, 'reason')} />
      <div className="flex flex-wrap justify-end gap-2">
        <a href={path} className="button">
          Leave it
        </a>
        <Submit>Save</Submit>
      </div>
    </form>
  );
}

interface SettingFieldProps {
  readonly name: string;
  readonly setting: Setting;
  readonly value: Value | undefined;
  readonly kept: Kept;
}

function SettingField({ name, setting: { label, hint, control, type }, value, kept }: SettingFieldProps) {
  const shared = { name, label, hint, kept, value: asText(value) };
  if (typeof control === 'object') return <SelectField {...shared} choices={control} />;
  switch (control) {
    case 'check':
      return <CheckField {...shared} />;
    case 'list':
      return <AreaField {...shared} rows={4} />;
    case 'area':
      return <AreaField {...shared} />;
    case 'line':
      return <TextField {...shared} {...(type !== 'text' && { inputMode: 'decimal' as const })} />;
  }
}
