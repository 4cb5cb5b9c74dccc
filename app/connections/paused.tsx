/** Connections that refuse us, on the incident screen: their jobs wait until somebody resumes them. */
import { database } from '@conversure/jobqueue/postgres';
import type { OwnScreenProps } from '@conversure/jobqueue-console';
import { Ago, type Column, DataTable, Hidden, Section, Submit } from '@conversure/jobqueue-console/ui';
import { pausedConnections } from '@/lib/connections/connection';
import { resumePaused } from './resume';

const COLUMNS: readonly Column[] = [
  { id: 'what', title: 'Connection', heads: true },
  { id: 'why', title: 'Why' },
  { id: 'since', title: 'Paused' },
  { id: 'do', title: '', align: 'right' },
];

export async function PausedConnections({ session: { role } }: OwnScreenProps) {
  const connections = await pausedConnections(database());
  const rows = connections.map(({ companyId, provider, code, reason, pausedAt }) => ({
    id: `${companyId} ${provider}`,
    tone: 'warn' as const,
    cells: {
      what: `${provider} of ${companyId}`,
      why: (
        <span className="break-words">
          {reason} <span className="mono soft">{code}</span>
        </span>
      ),
      since: <Ago at={new Date(pausedAt)} />,
      do: role === 'operator' && (
        <form action={resumePaused}>
          <Hidden values={{ companyId, provider }} />
          <Submit small tone="plain" label={`Resume ${provider} of ${companyId}`}>
            Resume
          </Submit>
        </form>
      ),
    },
  }));
  return (
    <Section title="Connections" aside="what a remote system refuses">
      {rows.length === 0 ? (
        <p className="soft">Every connection may be used.</p>
      ) : (
        <DataTable label="Paused connections" columns={COLUMNS} rows={rows} />
      )}
    </Section>
  );
}
