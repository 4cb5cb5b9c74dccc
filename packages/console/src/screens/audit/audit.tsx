/** Who did what, the latest first. */
import type { Metadata } from 'next';
import Link from 'next/link';
import { queue } from '@/lib/queue';
import { requireSession } from '../operator';
import { one } from '../ui/address';
import { Empty, Head } from '../ui/head';
import { AuditTable } from './audit-table';

export const metadata: Metadata = { title: 'Audit' };

const PAGE = 100;

export default async function Audit({ searchParams }: PageProps<'/audit'>) {
  await requireSession();
  const { before: sent } = await searchParams;
  const before = /^[1-9]\d{0,17}$/.test(one(sent) ?? '') ? one(sent) : undefined;
  const entries = await queue.auditLog({ limit: PAGE, ...(before && { before }) });
  const last = entries.length === PAGE ? entries.at(-1) : undefined;
  return (
    <>
      <Head title="Audit" sub="Every action of people, of guards and of endpoints. Entries are only ever added." />
      {entries.length === 0 ? (
        <Empty title="Nothing yet">Whatever somebody does here, or over the API, will be listed with their name.</Empty>
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
