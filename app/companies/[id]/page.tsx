/** One company: whether its connections work, and every setting with its form. Of a secret only that it is set, since when and by whom. */
import { Head, one, Section, When } from '@conversure/jobqueue-console/ui';
import type { Metadata } from 'next';
import Link from 'next/link';
import { notFound } from 'next/navigation';
import { companies } from '@/lib/companies';
import { SECTION_NAMES, sectionOf } from '@/lib/companies/sections';
import { companyId as anyCompanyId } from '@/lib/fields';
import { KeptRefusal, keptFor } from '../../kept-form';
import { Done, Refused } from '../../messages';
import { requireSession } from '../../operator';
import { Connections } from './connections';
import { ResumePanel } from './resume-panel';
import { SectionFacts } from './section-facts';
import { SectionForm } from './section-form';

export const metadata: Metadata = { title: 'Company' };

export default async function Company({ params, searchParams }: PageProps<'/companies/[id]'>) {
  const { role } = await requireSession();
  const id = anyCompanyId.safeParse(decoded((await params).id)).data;
  const company = id === undefined ? null : await companies.read(id);
  if (company === null) notFound();
  const path = `/companies/${encodeURIComponent(company.id)}`;
  const sent = await searchParams;
  const kept = await keptFor(path, sent.kept);
  const canAct = role === 'operator';
  const edited = canAct ? SECTION_NAMES.find((name) => name === one(sent.edit)) : undefined;
  const resumed = company.connections.find(
    ({ provider, pausedAt }) => provider === one(sent.resume) && pausedAt !== null,
  );
  if (edited !== undefined)
    return (
      <>
        <Head
          title={`${sectionOf(edited).title}: ${company.sections.company.values.name}`}
          sub="Nothing is saved if somebody has changed it since this form was opened."
        />
        <SectionForm id={company.id} path={path} section={edited} view={company.sections[edited]} kept={kept} />
      </>
    );
  return (
    <>
      <Head
        title={String(company.sections.company.values.name)}
        sub={
          <>
            <span className="mono break-all">{company.id}</span>, made <When at={new Date(company.createdAt)} />
          </>
        }
      >
        <Link className="button" href={`/imports?company=${encodeURIComponent(company.id)}`}>
          Import leads
        </Link>
        <Link className="button" href={`/campaigns?company=${encodeURIComponent(company.id)}`}>
          Campaigns
        </Link>
        <Link className="button" href={`/opt-outs?company=${encodeURIComponent(company.id)}`}>
          Opt-outs
        </Link>
      </Head>
      <Refused code={sent.refused} />
      <KeptRefusal kept={kept} />
      <Done params={sent} />
      <Section title="Connections" aside="paused ones wait for an operator">
        <Connections company={company} path={path} canAct={canAct} />
      </Section>
      {SECTION_NAMES.map((name) => (
        <SectionFacts key={name} path={path} section={name} view={company.sections[name]} canAct={canAct} />
      ))}
      {canAct && resumed && <ResumePanel id={company.id} path={path} connection={resumed} />}
    </>
  );
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return '';
  }
}
