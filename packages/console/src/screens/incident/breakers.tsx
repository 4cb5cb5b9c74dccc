/** What holds jobs back without anybody having paused them: rate limits that a remote system closed, connections that refuse us. */

import type { RateLimitView } from '@conversure/jobqueue';
import type { PausedConnection } from '@/lib/connections/connection';
import { Hidden } from '../ui/field';
import { Submit } from '../ui/submit';
import { type Column, DataTable } from '../ui/table';
import { Ago } from '../when';
import { resumeRemote, unblockLimit } from './pause';

const COLUMNS: readonly Column[] = [
  { id: 'what', title: 'Breaker', heads: true },
  { id: 'kind', title: 'Kind', from: 'wide' },
  { id: 'why', title: 'Why' },
  { id: 'until', title: 'Open' },
  { id: 'do', title: '', align: 'right' },
];

interface BreakersProps {
  readonly limits: readonly RateLimitView[];
  readonly connections: readonly PausedConnection[];
  readonly canAct: boolean;
}

export function Breakers({ limits, connections, canAct }: BreakersProps) {
  const blocked = limits.filter(({ blockedUntil }) => blockedUntil !== null);
  if (blocked.length + connections.length === 0)
    return <p className="soft">None is open: every rate limit gives tokens, every connection may be used.</p>;
  const rows = [
    ...blocked.map(({ key, blockedUntil }) => ({
      id: `limit ${key}`,
      cells: {
        what: <span className="mono break-all">{key}</span>,
        kind: 'rate limit',
        why: 'a remote system asked to wait',
        until: (
          <>
            ends <Ago at={blockedUntil} />
          </>
        ),
        do: canAct && (
          <form action={unblockLimit}>
            <Hidden values={{ key }} />
            <Submit small tone="plain" label={`Lift the block of ${key}`}>
              Lift
            </Submit>
          </form>
        ),
      },
    })),
    ...connections.map(({ companyId, provider, code, reason, pausedAt }) => ({
      id: `connection ${companyId} ${provider}`,
      tone: 'warn' as const,
      cells: {
        what: `${provider} of ${companyId}`,
        kind: 'connection',
        why: (
          <span className="break-words">
            {reason} <span className="mono soft">{code}</span>
          </span>
        ),
        until: <Ago at={new Date(pausedAt)} />,
        do: canAct && (
          <form action={resumeRemote}>
            <Hidden values={{ companyId, provider }} />
            <Submit small tone="plain" label={`Resume ${provider} of ${companyId}`}>
              Resume
            </Submit>
          </form>
        ),
      },
    })),
  ];
  return <DataTable label="Breakers" columns={COLUMNS} rows={rows} />;
}
