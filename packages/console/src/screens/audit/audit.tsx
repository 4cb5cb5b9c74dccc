/** The audit log, newest first. */

import type { ScreenProps } from '../../options.ts';
import { one } from '../../ui/address.ts';
import { Empty, Head } from '../../ui/head.tsx';
import { Link } from '../../ui/link.tsx';
import { AuditTable } from './audit-table.tsx';

const PAGE = 100;

export async function Audit({ setup: { queue }, sent }: ScreenProps) {
  const before = /^[1-9]\d{0,17}$/.test(one(sent.before) ?? '') ? one(sent.before) : undefined;
  const entries = await queue.auditLog({ limit: PAGE, ...(before && { before }) });
  const last = entries.length === PAGE ? entries.at(-1) : undefined;
  return (
    <>
      <Head title="Audit" sub="Every change by people, guards and endpoints. Entries are never changed or removed." />
      {entries.length === 0 ? (
        <Empty title="Nothing yet">Every action here or over the API is listed with its actor.</Empty>
      ) : (
        <AuditTable entries={entries} />
      )}
      {last && (
        <nav aria-label="Pages of the audit log">
          <Link className="button" href={`/audit?before=${last.id}`}>
            Older
          </Link>
        </nav>
      )}
    </>
  );
}
