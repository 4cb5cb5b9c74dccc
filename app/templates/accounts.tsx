/** The accounts whose templates are read, and what Meta told of them: rows of the page's lower tables. */
import { Ago, type Column, count, Hidden, Submit, type TableRow, When } from '@conversure/jobqueue-console/ui';
import type { AccountEventView, AccountView } from '@/lib/templates';
import { syncTemplates } from './sync';

export const ACCOUNT_COLUMNS: readonly Column[] = [
  { id: 'account', title: 'Account', heads: true },
  { id: 'company', title: 'Company' },
  { id: 'templates', title: 'Templates', align: 'right' },
  { id: 'synced', title: 'Last synced' },
  { id: 'error', title: 'Last error' },
  { id: 'do', title: '', align: 'right' },
];

export function accountRow(
  { accountId, companyId, templates, syncedAt, error }: AccountView,
  canAct: boolean,
): TableRow {
  return {
    id: companyId,
    ...(error !== null && { tone: 'warn' as const }),
    cells: {
      account: <span className="mono break-all">{accountId}</span>,
      company: <span className="mono break-all">{companyId}</span>,
      templates: templates === null ? '–' : count(templates),
      synced: syncedAt === null ? <span className="soft">never</span> : <Ago at={new Date(syncedAt)} />,
      error: error === null ? <span className="soft">none</span> : <span className="break-words">{error}</span>,
      do: canAct && (
        <form action={syncTemplates}>
          <Hidden values={{ companyId }} />
          <Submit tone="plain" small label={`Sync now: the templates of ${companyId}`}>
            Sync now
          </Submit>
        </form>
      ),
    },
  };
}

export const EVENT_COLUMNS: readonly Column[] = [
  { id: 'message', title: 'What', heads: true },
  { id: 'severity', title: 'How grave' },
  { id: 'company', title: 'Company' },
  { id: 'at', title: 'When' },
];

export function eventRow({ id, companyId, event, severity, message, occurredAt }: AccountEventView): TableRow {
  return {
    id,
    ...(severity === 'critical' ? { tone: 'bad' as const } : severity === 'warning' ? { tone: 'warn' as const } : {}),
    cells: {
      message: (
        <span className="grid gap-0.5">
          <span className="break-words">{message}</span>
          <span className="soft mono break-all font-normal">{event}</span>
        </span>
      ),
      severity,
      company: <span className="mono break-all">{companyId}</span>,
      at: <When at={new Date(occurredAt)} />,
    },
  };
}
