/** Keeps what Meta tells of accounts, tells people of what is grave, and stops a connection whose account is gone. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { alertAccount } from '../connections/alert.ts';
import { pauseConnection } from '../connections/connection.ts';
import type { AccountEvent } from './account-events.ts';

/** Days that events are kept; older ones say nothing about today. */
const KEPT_DAYS = 90;
/** Meta repeats a webhook for a while; the same words later are news. */
const SAME_MINUTES = 10;

/** Stores it for these companies. Alerts once an event and company, from a warning on; a connection that can send nothing more is paused. */
export async function noteAccountEvent(
  database: Executor,
  companies: readonly string[],
  { field, event, severity, message, stops }: AccountEvent & { readonly field: string },
): Promise<number> {
  const stored = await database.execute<{ company_id: string }>({
    text: `
      with old as (
        delete from account_events e
        using jsonb_array_elements_text($1::jsonb) as c
        where e.company_id = c and e.occurred_at < now() - interval '${KEPT_DAYS} days'
      )
      insert into account_events (company_id, field, event, severity, message)
      select c, $2, $3, $4, $5
      from jsonb_array_elements_text($1::jsonb) as c
      where not exists (
        select from account_events e
        where e.company_id = c and e.field = $2 and e.event = $3 and e.message = $5
          and e.occurred_at > now() - interval '${SAME_MINUTES} minutes')
      returning company_id`,
    params: [JSON.stringify(companies), field, event, severity, message],
  });
  for (const { company_id: companyId } of stored)
    if (severity !== 'info' && !stops) await alertAccount(companyId, { severity, message });
  if (stops)
    for (const companyId of companies)
      await pauseConnection(database, { companyId, provider: 'whatsapp' }, { code: event, reason: message });
  return stored.length;
}

export interface StoredAccountEvent {
  readonly id: string;
  readonly companyId: string;
  readonly field: string;
  readonly event: string;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly message: string;
  /** ISO. */
  readonly occurredAt: string;
}

const LISTED = 20;

/** The newest of all companies or of one, 20 at most. */
export function newestAccountEvents(database: Executor, companyId: string | undefined): Promise<StoredAccountEvent[]> {
  return database.execute<StoredAccountEvent>({
    text: `
      select id::text as id, company_id as "companyId", field, event, severity, message,
             to_char(occurred_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "occurredAt"
      from account_events e
      where $1::text is null or company_id = $1
      order by e.occurred_at desc, e.id desc
      limit ${LISTED}`,
    params: [companyId ?? null],
  });
}
