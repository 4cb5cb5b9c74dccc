/** Entries of the audit log as a table. */

import type { AuditEntry } from '@conversure/jobqueue';
import { Link } from '../../ui/link.tsx';
import { type Column, DataTable } from '../../ui/table.tsx';
import { When } from '../../ui/when.tsx';

const COLUMNS: readonly Column[] = [
  { id: 'at', title: 'When', heads: true },
  { id: 'actor', title: 'Who' },
  { id: 'action', title: 'What' },
  { id: 'details', title: 'Details' },
];

export function AuditTable({ entries }: { entries: readonly AuditEntry[] }) {
  const rows = entries.map((entry) => ({
    id: entry.id,
    cells: {
      at: <When at={entry.at} />,
      actor: <span className="break-words">{entry.actor}</span>,
      action: <span className="badge text-ink">{entry.action.replaceAll('_', ' ')}</span>,
      details: <Details details={entry.details} />,
    },
  }));
  return <DataTable label="Audit log" columns={COLUMNS} rows={rows} />;
}

function Details({ details }: { details: unknown }) {
  const entries = Object.entries((details ?? {}) as Record<string, unknown>).filter(([, value]) => value !== null);
  if (entries.length === 0) return <span className="soft">–</span>;
  return (
    <span className="flex min-w-56 flex-wrap gap-x-3 gap-y-0.5">
      {entries.map(([name, value]) => (
        <span key={name} className="break-all">
          <span className="soft">{name} </span>
          {name === 'jobId' ? (
            <Link href={`/jobs/${value}`}>{String(value)}</Link>
          ) : (
            <span className="mono">{printed(value)}</span>
          )}
        </span>
      ))}
    </span>
  );
}

function printed(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}
