/** Rate limits that are closed because a remote system asked for it: they hold jobs back without a pause. */

import type { RateLimitView } from '@conversure/jobqueue';
import { ActionForm } from '../../ui/action-form.tsx';
import { Hidden } from '../../ui/field.tsx';
import { Submit } from '../../ui/submit.tsx';
import { type Column, DataTable } from '../../ui/table.tsx';
import { Ago } from '../../ui/when.tsx';

const COLUMNS: readonly Column[] = [
  { id: 'what', title: 'Breaker', heads: true },
  { id: 'kind', title: 'Kind', from: 'wide' },
  { id: 'why', title: 'Why' },
  { id: 'until', title: 'Open' },
  { id: 'do', title: '', align: 'right' },
];

interface BreakersProps {
  readonly limits: readonly RateLimitView[];
  readonly canAct: boolean;
}

export function Breakers({ limits, canAct }: BreakersProps) {
  const blocked = limits.filter(({ blockedUntil }) => blockedUntil !== null);
  if (blocked.length === 0) return <p className="soft">None: every rate limit gives tokens.</p>;
  const rows = blocked.map(({ key, blockedUntil }) => ({
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
        <ActionForm run="unblock">
          <Hidden values={{ key }} />
          <Submit small tone="plain" label={`End the block of ${key}`}>
            Lift
          </Submit>
        </ActionForm>
      ),
    },
  }));
  return <DataTable label="Breakers" columns={COLUMNS} rows={rows} />;
}
