/** Leads that are items already: each item is read, and only news of ours is written into it. */

import type { Country } from '../../phone/index.ts';
import { mapOf } from '../../providers/bitrix24.ts';
import { askAll } from '../ask.ts';
import { changedAt, changedFields, contentOf, type Item, type Theirs, theirsOf } from '../mapping.ts';
import { type Merged, merge, overlay } from '../merge.ts';
import type { Waiting } from './links.ts';
import { answersOf, LEAD, type Sync, settle } from './sync.ts';

interface Read {
  readonly lead: Waiting;
  readonly item: Item;
  readonly theirs: Theirs;
  readonly merged: Merged;
}

/** Answers those that are not in the portal any more. */
export async function updateItems(sync: Sync, leads: readonly Waiting[]): Promise<Waiting[]> {
  const gone: Waiting[] = [];
  const { country } = sync.crm;
  const changes: (Read & { readonly fields: Record<string, unknown> })[] = [];
  for (const read of await readItems(sync, leads, gone)) {
    const fields = fieldsOf(read, country);
    if (fields === null) settleItem(sync, read, read.theirs);
    else changes.push({ ...read, fields });
  }
  if (changes.length === 0) return gone;
  await askAll(sync.asking, {
    methods: ['crm.item.update'],
    commands: () =>
      changes.map(({ lead, fields }) => ({
        method: 'crm.item.update',
        params: { entityTypeId: LEAD, id: Number(lead.externalId), fields },
      })),
    settle(told) {
      for (const { one, answer } of answersOf(sync, 'crm.item.update', changes, told)) {
        if (answer.kind === 'done') {
          const written = overlay(one.theirs, contentOf(one.lead), one.merged.send);
          settleItem(sync, one, { ...written, ...theirsOf(mapOf(mapOf(answer.result).item), country) });
        } else if (answer.error.effect === 'not_found') gone.push(one.lead);
        else settle(sync, one.lead, { kind: 'refused', reason: answer.error.message });
      }
    },
  });
  return gone;
}

async function readItems(sync: Sync, leads: readonly Waiting[], gone: Waiting[]): Promise<Read[]> {
  const read: Read[] = [];
  const asked = leads.map((lead) => ({ lead }));
  if (asked.length === 0) return read;
  await askAll(sync.asking, {
    methods: ['crm.item.get', 'crm.item.update'], // a look is for a write: while that is blocked it would be for nothing
    commands: () =>
      asked.map(({ lead }) => ({
        method: 'crm.item.get',
        params: { entityTypeId: LEAD, id: Number(lead.externalId) },
      })),
    settle(told) {
      for (const { one, answer } of answersOf(sync, 'crm.item.get', asked, told)) {
        const { lead } = one;
        if (answer.kind === 'done') {
          const item = mapOf(mapOf(answer.result).item);
          const theirs = theirsOf(item, sync.crm.country);
          const { carried, seen } = lead;
          const merged = merge({ ours: contentOf(lead), carried, seen }, theirs, sync.crm.edits);
          read.push({ lead, item, theirs, merged });
        } else if (answer.error.effect === 'not_found') gone.push(lead);
        else settle(sync, lead, { kind: 'refused', reason: answer.error.message });
      }
    },
  });
  return read;
}

function fieldsOf({ lead, item, merged }: Read, country: Country): Record<string, unknown> | null {
  const { carried } = lead;
  return changedFields(item, {
    leadId: lead.id,
    content: contentOf(lead),
    fields: merged.send,
    country,
    was: {
      phone: carried?.wrote.phone ? carried.phone : null,
      email: carried?.wrote.email ? carried.email : null,
    },
  });
}

/**
 * Settles the written item. Changes that people made in the portal are left to the job that takes them in, as if their event had
 * arrived.
 */
function settleItem(sync: Sync, { lead, item, merged }: Read, written: Theirs): void {
  const externalId = lead.externalId as string;
  settle(sync, lead, { kind: 'synced', externalId, ...merged.afterSending(written) });
  if (Object.keys(merged.take).length === 0) return;
  sync.news.push({ event: 'ONCRMLEADUPDATE', itemId: externalId, key: `seen:${changedAt(item)}` });
}
