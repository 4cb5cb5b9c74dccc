/** Leads that the portal does not have: added under our origin, by which the next run finds one whose answer was lost. */

import { mapOf } from '../../providers/bitrix24.ts';
import { askAll } from '../ask.ts';
import { contentOf, idOf, newFields, theirsOf } from '../mapping.ts';
import { addedAs, seenOf } from '../merge.ts';
import type { Crm } from '../settings.ts';
import { holdAdds, type Waiting } from './links.ts';
import { answersOf, LEAD, type Sync, settle, UNDER_WAY_MS } from './sync.ts';

export async function addLeads(sync: Sync, leads: readonly Waiting[]): Promise<void> {
  if (leads.length === 0) return;
  const { executor, holder, crm } = sync;
  let asked = leads.map((lead) => ({ lead, content: contentOf(lead) }));
  await askAll(sync.asking, {
    methods: ['crm.item.add'],
    async commands() {
      const adds = asked.map(({ lead, content }) => ({ leadId: lead.id, carried: addedAs(content) }));
      const held = await holdAdds(executor, holder, adds);
      asked = asked.filter(({ lead }) => held.has(lead.id));
      return asked.map(({ lead, content }) => ({
        method: 'crm.item.add',
        params: { entityTypeId: LEAD, fields: { ...newFields(lead, content), ...ofNewLeads(crm) } },
      }));
    },
    settle(told) {
      asked.forEach(({ lead }, n) => {
        if (told[n]?.kind === 'undone') settle(sync, lead, { kind: 'not_added' });
      });
      for (const { one, answer } of answersOf(sync, 'crm.item.add', asked, told)) {
        const { lead, content } = one;
        if (answer.kind === 'refused') {
          settle(sync, lead, { kind: 'refused', reason: answer.error.message });
          continue;
        }
        const item = mapOf(mapOf(answer.result).item);
        const seen = { ...seenOf(content), ...theirsOf(item, crm.country) };
        // It may be there: it is looked for by its origin before it is added again.
        const externalId = idOf(item.id);
        if (externalId === null) sync.waitsMs.set(lead.id, UNDER_WAY_MS);
        else settle(sync, lead, { kind: 'synced', externalId, carried: addedAs(content), seen });
      }
    },
  });
}

function ofNewLeads({ sourceId, stageId, assignedById }: Crm): Record<string, unknown> {
  return {
    ...(sourceId !== null && { sourceId }),
    ...(stageId !== null && { stageId }),
    ...(assignedById !== null && { assignedById }),
  };
}
