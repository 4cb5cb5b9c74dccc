/**
 * Brings leads into the company's portal: each once. The portal has no key that would keep a second `add` from making a second
 * lead, so each lead is looked for by its origin before it is added, and after an `add` without answer for as long as it may take.
 */

import { type Continue, continueWith, type Handler, type JobContext, NonRetryableError } from '@conversure/jobqueue';
import { database, type Executor } from '@conversure/jobqueue/postgres';
import { waitForOperator } from '../../connections/outage.ts';
import { type Asking, Later, mayAsk } from '../ask.ts';
import { checkSettings } from '../directory.ts';
import { contentOf, TEXTS } from '../mapping.ts';
import { crmOf } from '../settings.ts';
import { addLeads } from './add.ts';
import { findItems } from './find.ts';
import { claimLeads, neededMethod, type Waiting } from './links.ts';
import { finish, remaining, type Sync, settle, UNDER_WAY_MS } from './sync.ts';
import { updateItems } from './update.ts';

interface Payload {
  readonly companyId: string;
  readonly leadId: string;
  readonly action: 'create' | 'update';
}

/** With the lead of the job one batch: the portal counts a batch as one request. */
const CARRIED_ALONG = 24;

export const run: Handler<Payload> = (context) => syncLead(database(), context);

export async function syncLead(executor: Executor, context: JobContext<Payload>): Promise<unknown> {
  const { companyId, leadId } = context.payload;
  const crm = await crmOf(executor, companyId);
  if (crm === null) throw new NonRetryableError(`company ${companyId} has no CRM: set a webhook of its portal`);
  if (crm === 'paused') return waitForOperator(null);
  const asking: Asking = { database: executor, context, companyId, crm, state: null };
  // Before anything is claimed or asked: a job whose method is blocked must not keep those that need another from it.
  const method = await neededMethod(executor, companyId, leadId);
  if (method !== null) await mayAsk(asking, method);
  const holder = { companyId, jobId: context.job.id, fence: context.job.fence };
  const claim = await claimLeads(executor, holder, { leadId, more: CARRIED_ALONG, underWayMs: UNDER_WAY_MS });
  switch (claim.kind) {
    case 'unknown':
      throw new NonRetryableError(`company ${companyId} has no lead ${leadId}`);
    case 'held':
      return continueWith(null, { delayMs: claim.delayMs });
    case 'done':
      return { status: 'synced' };
    case 'claimed': {
      const { leads } = claim;
      const sync: Sync = {
        ...{ executor, asking, companyId, crm, holder, leads, startedMs: performance.now() },
        ...{ outcomes: new Map(), waitsMs: new Map(), unanswered: new Map(), asked: new Map(), news: [] },
      };
      return carry(sync, leadId);
    }
  }
}

async function carry(sync: Sync, ownId: string): Promise<unknown> {
  let later: Continue | null = null;
  let againMs: ReadonlyMap<string, number> = new Map();
  try {
    await carryAll(sync, ownId);
  } catch (error) {
    if (!(error instanceof Later)) throw error;
    later = error.next;
  } finally {
    againMs = await finish(sync);
  }
  const { leads, outcomes, waitsMs } = sync;
  const own = outcomes.get(ownId);
  // The job's own lead decides how the job ends: those that were carried along have jobs of their own.
  if (own?.kind === 'refused' || own?.kind === 'given_up') throw new NonRetryableError(own.reason);
  if (own?.kind === 'synced' || own?.kind === 'same') {
    const refused = [...outcomes.values()].filter(({ kind }) => kind === 'refused' || kind === 'given_up').length;
    const externalId = own.kind === 'synced' ? own.externalId : leads.find(({ id }) => id === ownId)?.externalId;
    return { status: 'synced', externalId, leads: outcomes.size, refused };
  }
  if (own?.kind === 'held') return waitForOperator(null);
  const delayMs = Math.max(later?.delayMs ?? 0, waitsMs.get(ownId) ?? 0, againMs.get(ownId) ?? 0);
  return continueWith(null, { delayMs });
}

async function carryAll(sync: Sync, ownId: string): Promise<void> {
  for (const lead of sync.leads) if (isSame(lead)) settle(sync, lead, { kind: 'same' });
  const changed = remaining(sync, sync.leads);
  if (changed.length === 0) return;
  await checkSettings(sync.asking);
  const linked = changed.filter(({ externalId }) => externalId !== null);
  const unlinked = changed.filter(({ externalId }) => externalId === null);
  // The job's own lead first: a method that only the others need may be blocked.
  if (linked.some(({ id }) => id === ownId)) {
    const gone = await updateItems(sync, linked);
    await carryUnlinked(sync, [...unlinked, ...gone], gone);
  } else {
    await carryUnlinked(sync, unlinked, []);
    await addLeads(sync, await updateItems(sync, linked));
  }
}

/** `gone`: those of `leads` whose item was deleted, which need not be looked for. */
async function carryUnlinked(sync: Sync, leads: readonly Waiting[], gone: readonly Waiting[]): Promise<void> {
  const found = await findItems(
    sync,
    leads.filter((lead) => !gone.includes(lead)),
  );
  const isFound = new Set(found.map(({ id }) => id));
  await addLeads(
    sync,
    remaining(sync, leads).filter(({ id }) => !isFound.has(id)),
  );
  await addLeads(sync, await updateItems(sync, found));
}

/** The portal has all of it. */
function isSame(lead: Waiting): boolean {
  const { carried, externalId } = lead;
  if (carried === null || externalId === null) return false;
  const content = contentOf(lead);
  return [...TEXTS, 'phone' as const, 'email' as const].every(
    (field) => content[field] === (carried[field] ?? ''), // a link of a release before this one carried no family name
  );
}
