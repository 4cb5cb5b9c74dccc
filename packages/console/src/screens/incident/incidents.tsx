/** Open incidents with their start, the first thing to do and who takes care of them, and the muted checks. Guards' pauses are among them. */

import type { Incident, Mute } from '@conversure/jobqueue';
import { ActionForm } from '../../ui/action-form.tsx';
import { Hidden } from '../../ui/field.tsx';
import { Link } from '../../ui/link.tsx';
import { Submit } from '../../ui/submit.tsx';
import { type Column, DataTable } from '../../ui/table.tsx';
import { Ago } from '../../ui/when.tsx';
import { duration } from '../../ui/words.ts';

const COLUMNS: readonly Column[] = [
  { id: 'check', title: 'Check', heads: true },
  { id: 'detail', title: 'Finding and next step' },
  { id: 'state', title: 'State' },
  { id: 'do', title: '', align: 'right' },
];

interface IncidentsProps {
  readonly incidents: readonly Incident[];
  readonly canAct: boolean;
}

export function Incidents({ incidents, canAct }: IncidentsProps) {
  if (incidents.length === 0) return <p className="soft">None so far.</p>;
  const rows = incidents.map((incident) => ({
    id: incident.id,
    ...(incident.closedAt === null && { tone: 'bad' as const }),
    cells: {
      check: (
        <span className="block">
          {incident.check.replaceAll('_', ' ')}
          {incident.subject !== '' && <span className="soft block font-normal">{incident.subject}</span>}
        </span>
      ),
      detail: <Found incident={incident} />,
      state: <State incident={incident} />,
      do: canAct && incident.closedAt === null && <Actions incident={incident} />,
    },
  }));
  return <DataTable label="Incidents" columns={COLUMNS} rows={rows} />;
}

function Found({ incident: { check, detail, next, page, closedAt } }: { incident: Incident }) {
  return (
    <span className="block min-w-52 max-w-[72ch] break-words">
      {sentence(detail)}
      {closedAt === null && (
        <span className="block">
          <span className="soft">Next: {next}.</span>{' '}
          <Link href={page} className="link" aria-label={`Look at ${check.replaceAll('_', ' ')}`}>
            Look
          </Link>
        </span>
      )}
    </span>
  );
}

function State({ incident: { openedAt, closedAt, acknowledgedAt, acknowledgedBy } }: { incident: Incident }) {
  if (closedAt !== null)
    return (
      <>
        <Ago at={openedAt} />, lasted {duration(closedAt.getTime() - openedAt.getTime())}
      </>
    );
  return (
    <span className="grid gap-1">
      <span>
        <span className="badge text-bad">open</span> since <Ago at={openedAt} />
      </span>
      {acknowledgedBy !== null && (
        <span className="soft break-words">
          acknowledged by {acknowledgedBy} <Ago at={acknowledgedAt} />
        </span>
      )}
    </span>
  );
}

function Actions({ incident: { id, check, subject, acknowledgedAt } }: { incident: Incident }) {
  const what = `${check.replaceAll('_', ' ')} ${subject}`.trim();
  const params = new URLSearchParams({ mute: check, ...(subject !== '' && { subject }) });
  return (
    <span className="flex gap-2 xl:justify-end">
      {acknowledgedAt === null && (
        <ActionForm run="acknowledge">
          <Hidden values={{ id }} />
          <Submit small tone="plain" label={`Acknowledge ${what}`}>
            Acknowledge
          </Submit>
        </ActionForm>
      )}
      <Link href={`/incident?${params}`} scroll={false} className="button small" aria-label={`Mute ${what}`}>
        Mute…
      </Link>
    </span>
  );
}

const MUTE_COLUMNS: readonly Column[] = [
  { id: 'what', title: 'Muted', heads: true },
  { id: 'until', title: 'Ends' },
  { id: 'why', title: 'Why' },
  { id: 'do', title: '', align: 'right' },
];

export function Mutes({ mutes, canAct }: { mutes: readonly Mute[]; canAct: boolean }) {
  if (mutes.length === 0) return null;
  const rows = mutes.map(({ check, subject, until, actor, reason }) => {
    const what = `${check.replaceAll('_', ' ')}${subject === '*' ? '' : ` of ${subject}`}`;
    return {
      id: `${check} ${subject}`,
      tone: 'warn' as const,
      cells: {
        what,
        until: <Ago at={until} />,
        why: (
          <span className="break-words">
            {reason} <span className="soft">by {actor}</span>
          </span>
        ),
        do: canAct && (
          <ActionForm run="unmute">
            <Hidden values={{ check, subject }} />
            <Submit small tone="plain" label={`Unmute ${what}`}>
              Unmute
            </Submit>
          </ActionForm>
        ),
      },
    };
  });
  return <DataTable label="Muted checks" columns={MUTE_COLUMNS} rows={rows} />;
}

function sentence(detail: string): string {
  return `${detail.slice(0, 1).toUpperCase()}${detail.slice(1)}.`;
}
