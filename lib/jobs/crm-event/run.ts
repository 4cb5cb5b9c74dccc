/** Fetches the item that an event of the portal names, and applies it. Events are a hint: they may be old, doubled or our own. */
import { database } from '../../../db/client.ts';
import type { Executor } from '../../../db/database.ts';
import { waitForOperator } from '../../connections/outage.ts';
import { askOne, Later } from '../../crm/ask.ts';
import { applyItem, unlinkItem } from '../../crm/incoming.ts';
import { crmOf } from '../../crm/settings.ts';
import { NonRetryableError } from '../../jobqueue/errors.ts';
import type { Handler, JobContext } from '../../jobqueue/job.ts';
import { mapOf } from '../../providers/bitrix24.ts';

interface Payload {
  readonly companyId: string;
  readonly event: 'ONCRMLEADADD' | 'ONCRMLEADUPDATE' | 'ONCRMLEADDELETE';
  readonly itemId: string;
}

export const run: Handler<Payload> = (context) => applyEvent(database(), context);

export async function applyEvent(executor: Executor, context: JobContext<Payload>): Promise<unknown> {
  const { companyId, event, itemId } = context.payload;
  if (event === 'ONCRMLEADDELETE') return { applied: await unlinkItem(executor, companyId, itemId) };
  const crm = await crmOf(executor, companyId);
  if (crm === null) throw new NonRetryableError(`company ${companyId} has no CRM: set a webhook of its portal`);
  if (crm.isPaused) return waitForOperator(null);
  try {
    const asked = await askOne(
      { database: executor, context, companyId, crm, state: null },
      { method: 'crm.item.get', params: { entityTypeId: 1, id: Number(itemId) } },
    );
    if (asked.kind === 'refused') {
      if (asked.error.effect === 'not_found') return { applied: await unlinkItem(executor, companyId, itemId) };
      throw new NonRetryableError(asked.error.message);
    }
    const fields = mapOf(mapOf(asked.result).item);
    return { applied: await applyItem(executor, companyId, { id: itemId, fields }, { imports: crm.importsLeads }) };
  } catch (error) {
    if (error instanceof Later) return error.next;
    throw error;
  }
}
