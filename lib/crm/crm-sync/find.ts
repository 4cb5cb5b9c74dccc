/**
 * Finds leads that the portal already has although no link is stored: by our own origin, which an add leaves even if its answer
 * was lost, and by number, as the company wants it.
 */

import { mapOf } from '../../providers/bitrix24.ts';
import { askAll } from '../ask.ts';
import { idOf, ORIGINATOR, originOf } from '../mapping.ts';
import { linkedElsewhere, type Waiting } from './links.ts';
import { answersOf, LEAD, remaining, type Sync, settle, UNDER_WAY_MS } from './sync.ts';

/** Answers the leads that are there, with their items. What is neither there nor settled is to be added. */
export async function findItems(sync: Sync, leads: readonly Waiting[]): Promise<Waiting[]> {
  const byOrigin = await findByOrigin(sync, leads);
  const rest = remaining(sync, leads).filter(({ id }) => !byOrigin.some((found) => found.id === id));
  for (const { id, addingForMs } of rest)
    if (addingForMs !== null && addingForMs < UNDER_WAY_MS) sync.waitsMs.set(id, UNDER_WAY_MS - addingForMs);
  return [...byOrigin, ...(await findByPhone(sync, remaining(sync, rest)))];
}

async function findByOrigin(sync: Sync, leads: readonly Waiting[]): Promise<Waiting[]> {
  const found: Waiting[] = [];
  const asked = leads.map((lead) => ({ lead }));
  if (asked.length === 0) return found;
  await askAll(sync.asking, {
    methods: ['crm.item.list'],
    commands: () =>
      asked.map(({ lead }) => ({
        method: 'crm.item.list',
        params: {
          entityTypeId: LEAD,
          filter: { originatorId: ORIGINATOR, originId: originOf(lead.id) },
          select: ['id'],
          order: { id: 'ASC' },
          start: -1,
        },
      })),
    settle(told) {
      // An origin is a number of ours: no lead makes the portal choke on it.
      for (const { one, answer } of answersOf(sync, 'crm.item.list', asked, told, { blames: false })) {
        // A lead that cannot be looked for must not be added.
        if (answer.kind === 'refused') settle(sync, one.lead, { kind: 'refused', reason: answer.error.message });
        else {
          const { items } = mapOf(answer.result);
          const externalId = idOf(mapOf(Array.isArray(items) ? items[0] : undefined).id);
          if (externalId !== null) found.push({ ...one.lead, externalId });
        }
      }
    },
  });
  return found;
}

/** An item with each lead's number: the oldest that is no other lead's. */
async function findByPhone(sync: Sync, leads: readonly Waiting[]): Promise<Waiting[]> {
  const { executor, companyId, crm } = sync;
  const found: Waiting[] = [];
  const asked = leads.map((lead) => ({ lead }));
  if (asked.length === 0 || crm.policy === 'create') return found;
  await askAll(sync.asking, {
    methods: ['crm.duplicate.findbycomm'],
    commands: () =>
      asked.map(({ lead }) => ({
        method: 'crm.duplicate.findbycomm',
        // Leads alone, where only they are linked: 20 hits of another kind would hide them.
        params: { type: 'PHONE', values: [lead.phone], ...(crm.policy === 'link' && { entity_type: 'LEAD' }) },
      })),
    async settle(told) {
      const hits = answersOf(sync, 'crm.duplicate.findbycomm', asked, told).flatMap(({ one: { lead }, answer }) => {
        if (answer.kind === 'refused') {
          settle(sync, lead, { kind: 'refused', reason: answer.error.message });
          return [];
        }
        const holders = mapOf(answer.result);
        const listed = Array.isArray(holders.LEAD) ? holders.LEAD.flatMap((id) => idOf(id) ?? []) : [];
        const ids = listed.toSorted((a, b) => Number(a) - Number(b));
        return [{ lead, holders, ids }];
      });
      if (crm.policy === 'skip') {
        const reason = 'the portal has a lead or contact with this number';
        for (const { lead, holders } of hits)
          if (Object.keys(holders).length > 0) settle(sync, lead, { kind: 'refused', reason });
        return;
      }
      const ids = hits.flatMap((hit) => hit.ids);
      const taken = new Set(await linkedElsewhere(executor, companyId, ids));
      for (const { lead, ids: itsIds } of hits) {
        const free = itsIds.find((id) => !taken.has(id));
        if (free === undefined) continue;
        taken.add(free);
        found.push({ ...lead, externalId: free, carried: null, seen: null }); // people's: nothing there was written by us
      }
    },
  });
  return found;
}
