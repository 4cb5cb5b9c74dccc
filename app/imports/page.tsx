/** Send a file of leads, and see the latest imports. */

import { randomUUID } from 'node:crypto';
import { type Column, DataTable, Empty, Head, one, Section, When } from '@conversure/jobqueue-console/ui';
import type { Metadata } from 'next';
import Link from 'next/link';
import { companies } from '@/lib/companies';
import { companyId as anyCompanyId } from '@/lib/fields';
import { type ImportView, imports } from '@/lib/imports';
import { Refused } from '../messages';
import { requireSession } from '../operator';
import { ChoiceFields, YesOrNo } from './choice-fields';
import { importLeads } from './upload';

export const metadata: Metadata = { title: 'Imports' };

const COLUMNS: readonly Column[] = [
  { id: 'file', title: 'File', heads: true },
  { id: 'company', title: 'Company' },
  { id: 'status', title: 'Status' },
  { id: 'done', title: 'Done', align: 'right' },
  { id: 'refused', title: 'Refused', align: 'right' },
  { id: 'created', title: 'Uploaded' },
];

export default async function Imports({ searchParams }: PageProps<'/imports'>) {
  await requireSession();
  const sent = await searchParams;
  const companyId = anyCompanyId.safeParse(one(sent.company)).data;
  const [latest, known] = await Promise.all([imports.list(), companies.page({})]);
  return (
    <>
      <Head title="Imports" sub="Files of leads. What a file does not say is asked before anything is written." />
      <Refused code={sent.refused} />
      <form action={importLeads}>
        <input type="hidden" name="importId" value={randomUUID()} />
        <p>
          <label htmlFor="companyId">Company</label>
          <input id="companyId" name="companyId" list="companies" defaultValue={companyId} required maxLength={100} />
        </p>
        <datalist id="companies">
          {known.companies.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </datalist>
        <p>
          <label htmlFor="file">CSV file, to 4 MB</label>
          <input id="file" name="file" type="file" accept=".csv,text/csv" required />
        </p>
        <details>
          <summary>More choices</summary>
          <ChoiceFields />
          <p>
            <label htmlFor="mapping">Columns as saved under</label>
            <input id="mapping" name="mapping" maxLength={100} placeholder="found by the headers" />
          </p>
        </details>
        <YesOrNo name="preview" isYes label="Show me the first rows before anything is written" />
        <button type="submit" className="button primary">
          Import
        </button>
      </form>
      <Section title="Latest">
        {latest.length === 0 ? (
          <Empty title="No imports yet" />
        ) : (
          <DataTable label="Latest imports" columns={COLUMNS} rows={latest.map(row)} />
        )}
      </Section>
    </>
  );
}

function row({ importId, fileName, companyId, status, dryRun, progress, counts, createdAt }: ImportView) {
  return {
    id: importId,
    cells: {
      file: (
        <Link href={`/imports/${encodeURIComponent(importId)}`} className="link break-all">
          {fileName ?? importId}
        </Link>
      ),
      company: <span className="mono break-all">{companyId}</span>,
      status: dryRun ? `${status}, dry run` : status,
      done: `${progress.percent} %`,
      refused: counts.errors,
      created: <When at={new Date(createdAt)} />,
    },
    ...(status === 'failed' ? { tone: 'bad' as const } : status === 'waiting' ? { tone: 'warn' as const } : {}),
  };
}
