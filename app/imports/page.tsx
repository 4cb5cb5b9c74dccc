/** Send a file of leads, and see the latest imports. */
import { randomUUID } from 'node:crypto';
import Link from 'next/link';
import { type ImportView, imports } from '@/lib/imports';
import { requireSession } from '../operator';
import { Refused } from '../refused';
import { When } from '../when';
import { ChoiceFields, YesOrNo } from './choiceFields';
import { importLeads } from './upload';

export default async function Imports({ searchParams }: PageProps<'/imports'>) {
  await requireSession();
  const { refused } = await searchParams;
  const latest = await imports.list();
  return (
    <>
      <h1>Imports</h1>
      <Refused code={refused} />
      <form action={importLeads}>
        <input type="hidden" name="importId" value={randomUUID()} />
        <p>
          <label htmlFor="companyId">Company</label>
          <input id="companyId" name="companyId" required maxLength={100} />
        </p>
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
        <button type="submit">Import</button>
      </form>
      <h2>Latest</h2>
      {latest.length === 0 ? <p className="soft">No imports yet.</p> : <ImportTable latest={latest} />}
    </>
  );
}

function ImportTable({ latest }: { latest: readonly ImportView[] }) {
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>File</th>
            <th>Company</th>
            <th>Status</th>
            <th className="number">Done</th>
            <th className="number">Refused</th>
            <th>Created</th>
          </tr>
        </thead>
        <tbody>
          {latest.map(({ importId, fileName, companyId, status, dryRun, progress, counts, createdAt }) => (
            <tr key={importId}>
              <td>
                <Link href={`/imports/${encodeURIComponent(importId)}`}>{fileName ?? importId}</Link>
              </td>
              <td>{companyId}</td>
              <td>{dryRun ? `${status}, dry run` : status}</td>
              <td className="number">{progress.percent} %</td>
              <td className="number">{counts.errors}</td>
              <td>
                <When at={new Date(createdAt)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
