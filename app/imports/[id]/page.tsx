/** One import: what it waits for, how far it is, what became of its rows, and the rows to correct. */
import { address, Head, When } from '@conversure/jobqueue-console/ui';
import type { Metadata } from 'next';
import Link from 'next/link';
import { notFound } from 'next/navigation';
import { HttpError } from '@/lib/http/errors';
import { type ImportView, imports, isUnderWay } from '@/lib/imports';
import { chosen } from '@/lib/imports/request';
import { Refused } from '../../messages';
import { requireSession } from '../../operator';
import { choiceForm } from '../choices';
import { Steering } from './steering';
import { Waiting } from './waiting';

export const metadata: Metadata = { title: 'Import' };

export default async function Import({ params, searchParams }: PageProps<'/imports/[id]'>) {
  const { role } = await requireSession();
  const { id } = await params;
  const view = await imports.read(id);
  if (view === null) notFound();
  const { refused, ...tried } = await searchParams;
  const choices = choiceForm({}).safeParse(tried);
  const answer = chosen(choices.success ? choices.data : {});
  const preview = view.status === 'waiting' ? await imports.preview(id, answer).catch(nullIfGone) : null;
  const { importId, companyId, fileName, status, progress, failure, jobId, dryRun, repeats } = view;
  return (
    <>
      {isUnderWay(view) && <meta httpEquiv="refresh" content="3" />}
      <Head title={<span className="break-all">{fileName ?? importId}</span>}>
        {role === 'operator' && status === 'completed' && !dryRun && view.counts.created > 0 && (
          <Link className="button primary" href={address('/campaigns/new', { company: companyId, import: importId })}>
            Write to its people
          </Link>
        )}
      </Head>
      <Refused code={choices.success ? refused : 'request_invalid'} />
      <p>
        Company{' '}
        <Link href={`/companies/${encodeURIComponent(companyId)}`} className="link">
          {companyId}
        </Link>
        , <strong>{status}</strong>
        {dryRun && ', a dry run: nothing is written'}
        {jobId !== null && (
          <>
            , <Link href={`/jobs/${jobId}`}>job {jobId}</Link>
          </>
        )}
      </p>
      {repeats !== null && (
        <p className="banner" role="status">
          This company sent the same file before:{' '}
          <Link href={`/imports/${encodeURIComponent(repeats)}`}>{repeats}</Link>
        </p>
      )}
      <progress max={100} value={progress.percent} aria-label="Progress by bytes" />
      {failure && (
        <p className="refused" role="alert">
          {failure.message} <span className="soft">({failure.code})</span>
        </p>
      )}
      {preview && <Waiting view={view} preview={preview} dryRun={answer.dryRun ?? dryRun} />}
      <Steering view={view} />
      <Facts view={view} />
    </>
  );
}

function Facts({ view }: { view: ImportView }) {
  const { importId, counts, countries, undo, createdAt, finishedAt } = view;
  const file = (name: string) => `/imports/${encodeURIComponent(importId)}/${name}`;
  const kept = Object.entries(undo?.kept ?? {});
  return (
    <>
      <table>
        <tbody>
          {Object.entries(counts).map(([outcome, count]) => (
            <tr key={outcome}>
              <th>{outcome === 'optOuts' ? 'opt-outs added' : outcome}</th>
              <td className="number">{count ?? '–'}</td>
            </tr>
          ))}
          {Object.entries(countries.default).map(([country, count]) => (
            <tr key={country}>
              <th>numbers read as {country}, by default</th>
              <td className="number">{count}</td>
            </tr>
          ))}
          {Object.entries(countries.row).map(([country, count]) => (
            <tr key={country}>
              <th>numbers read as {country}, by their row</th>
              <td className="number">{count}</td>
            </tr>
          ))}
          <tr>
            <th>numbers with their own country code</th>
            <td className="number">{countries.number}</td>
          </tr>
          {undo && (
            <tr>
              <th>taken back</th>
              <td className="number">{undo.removed}</td>
            </tr>
          )}
          {kept.map(([reason, count]) => (
            <tr key={reason}>
              <th>kept: {reason}</th>
              <td className="number">{count}</td>
            </tr>
          ))}
          <tr>
            <th>sent</th>
            <td className="number">
              <When at={new Date(createdAt)} />
            </td>
          </tr>
          <tr>
            <th>ended</th>
            <td className="number">
              <When at={finishedAt === null ? null : new Date(finishedAt)} />
            </td>
          </tr>
        </tbody>
      </table>
      {counts.errors > 0 && (
        <p>
          <a href={file('errors')} download>
            The refused rows, to correct and import again
          </a>
        </p>
      )}
      {counts.warnings > 0 && (
        <p>
          <a href={file('warnings')} download>
            What was left out of imported rows, and why
          </a>
        </p>
      )}
      {kept.length > 0 && (
        <p>
          <a href={file('kept')} download>
            The leads that were kept, and why
          </a>
        </p>
      )}
    </>
  );
}

/** The import has ended since its row was read: its file is gone, and the next look at the page says how it ended. */
function nullIfGone(error: unknown): null {
  if (error instanceof HttpError && error.code === 'file_gone') return null;
  throw error;
}
