/**
 * Brings leads into the company's portal: each once. The portal has no key that would keep a second `add` from making a second
 * lead, so each lead is looked for by its origin before it is added, and after an `add` without answer it is looked for again.
 */
import { database } from '../../../db/client.ts';
import type { Executor } from '../../../db/database.ts';
import { waitForOperator } from '../../connections/outage.ts';
import { type Asking, askAll, Later } from '../../crm/ask.ts';
import { contentOf, hashOf, ORIGINATOR, originOf, titleOf } from '../../crm/mapping.ts';
import { type Crm, crmOf } from '../../crm/settings.ts';
import { NonRetryableError } from '../../jobqueue/errors.ts';
import { continueWith, type Handler, type JobContext } from '../../jobqueue/job.ts';
import { log } from '../../log.ts';
import { type Answer, type Command, Multifield, mapOf, multifieldChanges } from '../../providers/bitrix24.ts';
import { claimLeads, type Holder, linkedElsewhere, type Synced, settleLeads, type Waiting } from './links.ts';

interface Payload {
  readonly companyId: string;
  readonly leadId: string;
  readonly action: 'create' | 'update';
}

const LEAD = 1;
/** With the lead of the job one batch: the portal counts a batch as one request. */
const CARRIED_ALONG = 24;

export const run: Handler<Payload> = (context) => syncLead(database(), context);

export async function syncLead(executor: Executor, context: JobContext<Payload>): Promise<unknown> {
  const { companyId, leadId } = context.payload;
  const crm = await crmOf(executor, companyId);
  if (crm === null) throw new NonRetryableError(`company ${companyId} has no CRM: set a webhook of its portal`);
  if (crm.isPaused) return waitForOperator(null);
  const holder = { companyId, jobId: context.job.id, fence: context.job.fence };
  const claim = await claimLeads(executor, holder, { leadId, more: CARRIED_ALONG });
  switch (claim.kind) {
    case 'unknown':
      throw new NonRetryableError(`company ${companyId} has no lead ${leadId}`);
    case 'held':
      return continueWith(null, { delayMs: claim.delayMs });
    case 'done':
      return { status: statusOf(claim.externalId), externalId: claim.externalId };
    case 'claimed':
      return carry(executor, context, { companyId, crm, holder, leads: claim.leads });
  }
}

interface Load {
  readonly companyId: string;
  readonly crm: Crm;
  readonly holder: Holder;
  readonly leads: readonly Waiting[];
}

/** What became of each lead is written whatever ends the run: those that are done are not asked for again. */
async function carry(executor: Executor, context: JobContext<Payload>, load: Load): Promise<unknown> {
  const asking: Asking = { database: executor, context, companyId: load.companyId, crm: load.crm, state: null };
  const synced: Synced[] = [];
  try {
    await sync(executor, asking, load, (one) => synced.push(one));
  } catch (error) {
    if (!(error instanceof Later)) throw error;
    return error.next;
  } finally {
    await settleLeads(executor, load.holder, synced);
  }
  const refused = synced.filter(({ refusal }) => refusal !== null).length;
  const own = synced.find(({ leadId }) => leadId === context.payload.leadId);
  if (own === undefined) throw new Error('the portal did not say what became of the lead'); // found by its origin next time
  if (own.refusal !== null) throw new NonRetryableError(own.refusal);
  return { status: statusOf(own.externalId), externalId: own.externalId, leads: synced.length, refused };
}

function statusOf(externalId: string | null): 'synced' | 'skipped' {
  return externalId === null ? 'skipped' : 'synced';
}

async function sync(
  executor: Executor,
  asking: Asking,
  { companyId, crm, leads }: Load,
  done: (synced: Synced) => void,
): Promise<void> {
  const settle: Settle = (lead, externalId, refusal = null) =>
    done({
      leadId: lead.id,
      version: lead.version,
      externalId,
      contentHash: refusal === null && externalId !== null ? hashOf(contentOf(lead)) : null,
      refusal,
    });
  const same = (lead: Waiting) => lead.externalId !== null && lead.contentHash === hashOf(contentOf(lead));
  for (const lead of leads.filter(same)) settle(lead, lead.externalId); // the portal has it already
  const changed = leads.filter((lead) => !same(lead));

  const known = new Map<Waiting, string>();
  for (const lead of changed) if (lead.externalId !== null) known.set(lead, lead.externalId);
  const settled = new Set<Waiting>();
  const unknown = () => changed.filter((lead) => !known.has(lead) && !settled.has(lead));
  const settleUnadded: Settle = (lead, externalId, refusal) => {
    settled.add(lead);
    settle(lead, externalId, refusal);
  };
  await findByOrigin(asking, { leads: unknown(), known, settle: settleUnadded });
  await findByPhone(executor, asking, { companyId, crm, leads: unknown(), known, settle: settleUnadded });

  const gone = await update(asking, known, settle);
  await add(asking, crm, [...unknown(), ...gone], settle);
}

type Settle = (lead: Waiting, externalId: string | null, refusal?: string | null) => void;

interface Search {
  readonly leads: readonly Waiting[];
  readonly known: Map<Waiting, string>;
  readonly settle: Settle;
}

/** Those that an earlier run added without hearing of it. Who cannot be looked for is not added: it might be there. */
async function findByOrigin(asking: Asking, { leads, known, settle }: Search): Promise<void> {
  const answers = await askAll(
    asking,
    leads.map((lead) => ({
      method: 'crm.item.list',
      params: {
        entityTypeId: LEAD,
        filter: { originatorId: ORIGINATOR, originId: originOf(lead.id) },
        select: ['id'],
        order: { id: 'ASC' },
        start: -1,
      },
    })),
  );
  for (const [n, answer] of answers.entries()) {
    const lead = leads[n] as Waiting;
    if (answer.kind === 'refused') {
      settle(lead, null, answer.error.message);
      continue;
    }
    const { items } = mapOf(answer.result);
    const [first] = Array.isArray(items) ? items : [];
    const id = mapOf(first).id;
    if (id !== undefined) known.set(lead, String(id));
  }
}

/** By policy: 'link' takes the oldest lead with this number, 'skip' leaves such people to the portal. */
async function findByPhone(
  executor: Executor,
  asking: Asking,
  { companyId, crm, leads, known, settle }: Search & { readonly companyId: string; readonly crm: Crm },
): Promise<void> {
  if (crm.policy === 'create') return;
  const answers = await askAll(
    asking,
    leads.map((lead) => ({ method: 'crm.duplicate.findbycomm', params: { type: 'PHONE', values: [lead.phone] } })),
  );
  const found = answers.map((answer) => (answer.kind === 'done' ? mapOf(answer.result) : {}));
  const ids = found.map(({ LEAD: list }) => (Array.isArray(list) ? list.map(String) : []));
  const taken = new Set(await linkedElsewhere(executor, companyId, ids.flat()));
  leads.forEach((lead, n) => {
    const answer = answers[n] as Answer;
    const isThere = Object.keys(found[n] ?? {}).length > 0;
    const free = ids[n]?.find((id) => !taken.has(id));
    if (answer.kind === 'refused') settle(lead, null, answer.error.message);
    else if (crm.policy === 'skip' && isThere) settle(lead, null);
    else if (crm.policy === 'link' && free !== undefined) {
      known.set(lead, free);
      taken.add(free);
    }
  });
}

/** Writes what differs and nothing else. Answers those that are not in the portal any more. */
async function update(
  asking: Asking,
  known: ReadonlyMap<Waiting, string>,
  settle: Settle,
): Promise<ReadonlySet<Waiting>> {
  const leads = [...known.keys()];
  const gone = new Set<Waiting>();
  const items = await askAll(
    asking,
    leads.map((lead) => ({ method: 'crm.item.get', params: { entityTypeId: LEAD, id: Number(known.get(lead)) } })),
  );
  const changes: { lead: Waiting; id: string; command: Command }[] = [];
  leads.forEach((lead, n) => {
    const id = known.get(lead) as string;
    const answer = items[n] as Answer;
    if (answer.kind === 'refused') {
      if (answer.error.effect === 'not_found') gone.add(lead);
      else settle(lead, id, answer.error.message);
      return;
    }
    const fields = changedFields(lead, mapOf(mapOf(answer.result).item));
    if (fields === null) settle(lead, id);
    else
      changes.push({
        lead,
        id,
        command: { method: 'crm.item.update', params: { entityTypeId: LEAD, id: Number(id), fields } },
      });
  });
  const answers = await askAll(
    asking,
    changes.map(({ command }) => command),
  );
  changes.forEach(({ lead, id }, n) => {
    const answer = answers[n] as Answer;
    if (answer.kind === 'done') settle(lead, id);
    else if (answer.error.effect === 'not_found') gone.add(lead);
    else settle(lead, id, answer.error.message);
  });
  return gone;
}

/** Those of our fields that the item has otherwise, its multifields with their ids; null if it has all of them. */
function changedFields(lead: Waiting, item: Readonly<Record<string, unknown>>): Record<string, unknown> | null {
  const { fields, multifields } = contentOf(lead);
  const differing = Object.entries(fields).filter(
    ([name, value]) => value !== '' && String(item[name] ?? '') !== value,
  );
  const has = Array.isArray(item.fm) ? item.fm.flatMap((one) => Multifield.safeParse(one).data ?? []) : [];
  const fm = multifieldChanges(has, multifields);
  const origin = item.originId === originOf(lead.id) ? {} : { originatorId: ORIGINATOR, originId: originOf(lead.id) };
  const changes = { ...Object.fromEntries(differing), ...origin, ...(fm && { fm }) };
  return Object.keys(changes).length === 0 ? null : changes;
}

async function add(asking: Asking, crm: Crm, leads: readonly Waiting[], settle: Settle): Promise<void> {
  const answers = await askAll(
    asking,
    leads.map((lead) => {
      const { fields, multifields } = contentOf(lead);
      const fm = Object.fromEntries(
        multifields.map(({ typeId, value }, n) => [
          `n${n}`,
          { typeId, valueType: typeId === 'PHONE' ? 'MOBILE' : 'WORK', value },
        ]),
      );
      return {
        method: 'crm.item.add',
        params: {
          entityTypeId: LEAD,
          fields: {
            title: titleOf(lead),
            ...fields,
            originatorId: ORIGINATOR,
            originId: originOf(lead.id),
            ...(crm.sourceId !== null && { sourceId: crm.sourceId }),
            ...(crm.stageId !== null && { stageId: crm.stageId }),
            ...(crm.assignedById !== null && { assignedById: crm.assignedById }),
            fm,
          },
        },
      };
    }),
  );
  leads.forEach((lead, n) => {
    const answer = answers[n] as Answer;
    const id = answer.kind === 'done' ? mapOf(mapOf(answer.result).item).id : undefined;
    if (answer.kind === 'refused') settle(lead, null, answer.error.message);
    else if (id === undefined)
      log.warn({ leadId: lead.id }, 'crm_add_without_id'); // found by its origin when it comes again
    else settle(lead, String(id));
  });
}
