/**
 * Fetches the items of the portal that changed, 50 with one request, and applies each. Events are a hint: they may be old, doubled or our
 * own, so what happened is judged by what is there now.
 */

import { type Continue, continueWith, type Handler, type JobContext, NonRetryableError } from '@conversure/jobqueue';
import { database, type Executor } from '@conversure/jobqueue/postgres';
import { waitForOperator } from '../../connections/outage.ts';
import { judgeRefusals } from '../../connections/refusals.ts';
import { refusalOf } from '../../halves.ts';
import { log } from '../../log.ts';
import { BATCH_COMMANDS, mapOf } from '../../providers/bitrix24.ts';
import { type Asking, askAll, Later } from '../ask.ts';
import { claimArrivals, endArrivals, isWaiting, type Waiting } from '../inbox.ts';
import { type Applied, applyItem, unlinkItem, untakenOf } from '../incoming.ts';
import { crmOf } from '../settings.ts';

interface Payload {
  readonly companyId: string;
  readonly event: 'ONCRMLEADADD' | 'ONCRMLEADUPDATE' | 'ONCRMLEADDELETE';
  readonly itemId: string;
}

/** Another job looks at the item, or carries its lead, at the moment. */
const LOOK_AGAIN_MS = 2_000;

export const run: Handler<Payload> = (context) => applyEvent(database(), context);

export async function applyEvent(executor: Executor, context: JobContext<Payload>): Promise<unknown> {
  const { companyId, itemId } = context.payload;
  const crm = await crmOf(executor, companyId);
  if (crm === null) throw new NonRetryableError(`company ${companyId} has no CRM: set a webhook of its portal`);
  if (crm === 'paused') return waitForOperator(null);
  const waiting = await claimArrivals(executor, companyId, { itemId, others: BATCH_COMMANDS - 1 });
  if (waiting.length === 0) {
    const isHeld = await isWaiting(executor, companyId, itemId);
    return isHeld ? continueWith(null, { delayMs: LOOK_AGAIN_MS }) : { applied: 'before' };
  }
  const asking = { database: executor, context, companyId, crm, state: null };
  const outcomes: Outcomes = new Map();
  const untaken: string[] = [];
  let later: Continue | null = null;
  try {
    await applyAll(asking, waiting, { outcomes, untaken });
  } catch (error) {
    if (!(error instanceof Later)) throw error;
    later = error.next;
  } finally {
    const own = waiting.find((one) => one.itemId === itemId);
    // It was asked for in vain for a day; what changes there later is told anew.
    if (own?.isStale && !outcomes.has(itemId))
      outcomes.set(itemId, { refusal: `no answer for item ${itemId} for a day` });
    // An item that is refused waits for the job of its own, which says so.
    const isDone = ([id, outcome]: readonly [string, Outcome]) =>
      outcome !== 'late' && outcome !== 'waits' && (typeof outcome === 'string' || id === itemId);
    await endArrivals(executor, companyId, waiting, new Set([...outcomes].filter(isDone).map(([id]) => id)));
  }
  const own = outcomes.get(itemId);
  if (own === 'waits') return waitForOperator(null);
  if (typeof own === 'object') throw new NonRetryableError(own.refusal);
  if (own === undefined || own === 'late') return later ?? continueWith(null, { delayMs: LOOK_AGAIN_MS });
  return { applied: own, items: outcomes.size, ...(untaken.length > 0 && { untaken }) };
}

interface Refused {
  readonly refusal: string;
}
/** 'waits': the portal refuses all items in the same way, and an operator has to mend that. */
type Outcome = Applied | Refused | 'waits';
type Outcomes = Map<string, Outcome>;

/** The numbers that the result of a job tells of; each is in the log. */
const TOLD_NUMBERS = 20;

async function applyAll(
  asking: Asking,
  waiting: readonly Waiting[],
  { outcomes, untaken }: { outcomes: Outcomes; untaken: string[] },
): Promise<void> {
  const { database: executor, companyId, crm } = asking;
  const get = { kind: 'crm.item.get', accepted: 0, refused: [] as { record: string; as: string }[] };
  const wishes = { imports: crm.importsLeads, edits: crm.edits, country: crm.country };
  await askAll(asking, {
    methods: ['crm.item.get'],
    commands: () =>
      waiting.map(({ itemId }) => ({ method: 'crm.item.get', params: { entityTypeId: 1, id: Number(itemId) } })),
    async settle(told) {
      for (const [n, look] of waiting.entries()) {
        const answer = told[n];
        if (answer?.kind === 'done') {
          get.accepted++;
          const item = mapOf(mapOf(answer.result).item);
          const applied = await applyOne(executor, companyId, { ...look, item }, wishes);
          outcomes.set(look.itemId, applied);
          if (typeof applied !== 'string') continue;
          for (const why of untakenOf(item, applied, wishes)) {
            log.warn({ companyId, itemId: look.itemId, why }, 'crm_number_not_taken');
            if (untaken.length < TOLD_NUMBERS) untaken.push(`item ${look.itemId}: ${why}`);
          }
        } else if (answer?.kind === 'refused') {
          const isGone = answer.error.effect === 'not_found';
          if (!isGone) get.refused.push({ record: `item:${look.itemId}`, as: answer.error.message });
          const outcome = isGone ? await unlinkItem(executor, companyId, look) : { refusal: answer.error.message };
          outcomes.set(look.itemId, outcome);
        }
      }
      const connection = { companyId, provider: 'bitrix24' } as const;
      for (const record of await judgeRefusals(executor, connection, [get]))
        outcomes.set(record.slice('item:'.length), 'waits');
    },
  });
}

/** A value that Postgres refuses in one item is that item's refusal: it must not keep the others of the batch from being applied. */
async function applyOne(
  ...[executor, companyId, look, wishes]: Parameters<typeof applyItem>
): Promise<Applied | Refused> {
  try {
    return await applyItem(executor, companyId, look, wishes);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    return { refusal: `item ${look.itemId}: ${refusal}` };
  }
}
