/** What turned red, and what is well again. Guards' pauses are among them. */
import type { Incident } from '@/lib/jobqueue';
import { type Column, DataTable } from '../ui/table';
import { duration } from '../ui/words';
import { Ago } from '../when';

const COLUMNS: readonly Column[] = [
  { id: 'check', title: 'Check', heads: true },
  { id: 'detail', title: 'What was found' },
  { id: 'opened', title: 'Opened' },
  { id: 'closed', title: 'Closed' },
];

export function Incidents({ incidents }: { incidents: readonly Incident[] }) {
  if (incidents.length === 0) return <p className="soft">None so far.</p>;
  const rows = incidents.map(({ id, check, detail, openedAt, closedAt }) => ({
    id,
    ...(closedAt === null && { tone: 'bad' as const }),
    cells: {
      check: check.replaceAll('_', ' '),
      detail: <span className="block min-w-52 break-words">{detail}</span>,
      opened: <Ago at={openedAt} />,
      closed:
        closedAt === null ? (
          <span className="badge text-bad">open</span>
        ) : (
          `after ${duration(closedAt.getTime() - openedAt.getTime())}`
        ),
    },
  }));
  return <DataTable label="Incidents" columns={COLUMNS} rows={rows} />;
}
