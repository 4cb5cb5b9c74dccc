/** Statuses from webhooks, on their way to the rows that they speak of. What decides stands in apply_statuses, a SQL function. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { errorText, isBilled, type StatusEvent } from '../providers/whatsapp/events.ts';

/** Errors are Meta's words; the row keeps a sentence of them. */
const ERROR_CHARS = 500;

/** Applies statuses in any order; answers how many were parked until their messages are known. */
export async function applyStatuses(
  database: Executor,
  companyId: string,
  events: readonly StatusEvent[],
): Promise<number> {
  const statuses = events.map((event) => ({
    opaqueId: event.biz_opaque_callback_data,
    wamid: event.id,
    status: event.status === 'played' ? 'read' : event.status, // a voice message that was heard
    atMs: Number(event.timestamp) * 1000,
    code: event.errors?.[0]?.code,
    error: errorText(event.errors)?.slice(0, ERROR_CHARS).toWellFormed(),
    billable: isBilled(event.pricing),
    category: event.pricing?.category,
    model: event.pricing?.pricing_model,
  }));
  const [row] = await database.execute<{ parked: number }>({
    text: 'select apply_statuses($1, $2::jsonb) as parked',
    params: [companyId, JSON.stringify(statuses)],
  });
  return row?.parked ?? 0;
}

/** Applies what was parked and whose message is known by now; answers how many young ones still wait. */
export async function applyParkedStatuses(database: Executor, companyId: string): Promise<number> {
  const [row] = await database.execute<{ waiting: number }>({
    text: 'select apply_parked_statuses($1) as waiting',
    params: [companyId],
  });
  return row?.waiting ?? 0;
}
