/** The connections of a company: whether each may be used, why not, and a look whether its credentials are taken. */
import { Ago, address, type Column, DataTable, Hidden, plural, Status, Submit } from '@conversure/jobqueue-console/ui';
import Link from 'next/link';
import type { CompanyView, ConnectionView } from '@/lib/companies';
import { checkOfCompany } from '../change';

const COLUMNS: readonly Column[] = [
  { id: 'name', title: 'Connection', heads: true },
  { id: 'state', title: 'State' },
  { id: 'why', title: 'Why' },
  { id: 'do', title: '', align: 'right' },
];
export const NAMES = { whatsapp: 'WhatsApp', bitrix24: 'Bitrix24', ai: 'Language model' } as const;

interface ConnectionsProps {
  readonly company: CompanyView;
  readonly path: string;
  readonly canAct: boolean;
}

export function Connections({ company, path, canAct }: ConnectionsProps) {
  const rows = company.connections.map((connection) => {
    const { provider, pausedAt } = connection;
    return {
      id: provider,
      ...(pausedAt !== null && { tone: 'warn' as const }),
      cells: {
        name: NAMES[provider],
        state: pausedAt === null ? <Status of="running" /> : <Status of="paused" />,
        why: <Why of={connection} />,
        do: canAct && (
          <span className="flex flex-wrap justify-end gap-2">
            <form action={checkOfCompany}>
              <Hidden values={{ id: company.id, provider }} />
              <Submit small tone="plain" label={`Check now: ${NAMES[provider]}`}>
                Check now
              </Submit>
            </form>
            {pausedAt !== null && (
              <Link
                href={address(path, { resume: provider })}
                scroll={false}
                className="button small"
                aria-label={`Resume ${NAMES[provider]}…`}
              >
                Resume…
              </Link>
            )}
          </span>
        ),
      },
    };
  });
  return <DataTable label="Connections" columns={COLUMNS} rows={rows} />;
}

function Why({ of: { pausedAt, code, reason, failures, failingSince } }: { of: ConnectionView }) {
  if (pausedAt !== null)
    return (
      <span className="break-words">
        {reason} <span className="mono soft">{code}</span>, paused <Ago at={new Date(pausedAt)} />
      </span>
    );
  if (failingSince === null) return <span className="soft">–</span>;
  return (
    <span>
      {plural(failures, 'call')} in a row without an answer, since <Ago at={new Date(failingSince)} />
    </span>
  );
}
