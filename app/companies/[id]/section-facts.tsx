/** One section of a company's settings as it stands, with the way to its form. */
import { address, Section, When } from '@conversure/jobqueue-console/ui';
import Link from 'next/link';
import type { SectionView } from '@/lib/companies';
import { type SectionName, sectionOf } from '@/lib/companies/sections';
import { asText, type Setting, type Value } from '@/lib/companies/setting';

interface SectionFactsProps {
  readonly path: string;
  readonly section: SectionName;
  readonly view: SectionView;
  readonly canAct: boolean;
}

export function SectionFacts({ path, section, view, canAct }: SectionFactsProps) {
  const { title, settings, secrets } = sectionOf(section);
  return (
    <div id={section}>
      <Section
        title={title}
        aside={
          canAct && (
            <Link className="button small" href={address(path, { edit: section })} aria-label={`Change: ${title}`}>
              Change…
            </Link>
          )
        }
      >
        <dl className="card grid grid-cols-2 gap-x-6 gap-y-3 p-3 lg:grid-cols-3">
          {Object.entries(settings).map(([key, setting]) => (
            <Fact key={key} name={setting.label}>
              <Shown setting={setting} value={view.values[key]} />
            </Fact>
          ))}
          {Object.entries(secrets).map(([key, { label }]) => (
            <Fact key={key} name={label}>
              <SecretState of={view.secrets[key]} />
            </Fact>
          ))}
        </dl>
      </Section>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="soft text-[0.85rem]">{name}</dt>
      <dd className="m-0 break-words">{children}</dd>
    </div>
  );
}

/** The longest list shown, in characters; the form shows all of it. */
const SHOWN_CHARS = 300;

function Shown({ setting: { control }, value = null }: { setting: Setting; value: Value | undefined }) {
  if (control === 'check') return value === true ? 'yes' : 'no';
  const text = asText(value).replaceAll('\n', control === 'list' ? ', ' : '\n');
  const words = typeof control === 'object' ? (control.find(([one]) => one === text)?.[1] ?? text) : text;
  if (words === '') return <span className="soft">not set</span>;
  return words.length > SHOWN_CHARS ? `${words.slice(0, SHOWN_CHARS)}…` : words;
}

export function SecretState({ of }: { of: SectionView['secrets'][string] | undefined }) {
  const changed = of?.changedAt && (
    <span className="soft">
      {' '}
      (<When at={new Date(of.changedAt)} /> by {of.changedBy})
    </span>
  );
  if (!of?.isSet) return <span className="soft">not set{changed}</span>;
  return (
    <>
      set
      {changed}
    </>
  );
}
