/** One import: how far it is, what became of its rows, and the rows to correct. */
import Link from 'next/link';
import { notFound } from 'next/navigation';
import { imports } from '@/lib/imports';
import { requireOperator } from '../../operator';
import { When } from '../../when';

export default async function Import({ params }: PageProps<'/imports/[id]'>) {
  await requireOperator();
  const { id } = await params;
  const found = await imports.read(id);
  if (found === null) notFound();
  const { importId, companyId, fileName, status, progress, counts, failure, jobId, createdAt, finishedAt } = found;
  const underWay = status === 'pending' || status === 'running';
  return (
    <>
      {underWay && <meta httpEquiv="refresh" content="3" />}
      <h1>{fileName ?? importId}</h1>
      <p>
        Company {companyId}, <strong>{status}</strong>
        {jobId !== null && (
          <>
            , <Link href={`/jobs/${jobId}`}>job {jobId}</Link>
          </>
        )}
      </p>
      <progress max={100} value={progress.percent} aria-label="Progress by bytes" />
      {failure && (
        <p className="refused" role="alert">
          {failure.message} <span className="soft">({failure.code})</span>
        </p>
      )}
      <table>
        <tbody>
          {Object.entries(counts).map(([outcome, count]) => (
            <tr key={outcome}>
              <th>{outcome}</th>
              <td className="number">{count ?? '–'}</td>
            </tr>
          ))}
          <tr>
            <th>sent (UTC)</th>
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
          <a href={`/imports/${encodeURIComponent(importId)}/errors`} download>
            The refused rows, to correct and import again
          </a>
        </p>
      )}
    </>
  );
}
