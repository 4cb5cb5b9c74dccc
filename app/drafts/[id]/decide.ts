/** The decisions of an operator about one draft: send it, send another text, or neither. */
'use server';

import { z } from 'zod';
import { drafts } from '@/lib/ai';
import { draftDecision, isDraftId } from '@/lib/ai/request';
import { queue } from '@/lib/queue';
import { action } from '../../action';

const [approval, rejection] = draftDecision.options;
/** Without the name of who decides, which the session knows; a form carries fields of the framework too. */
const input = z.discriminatedUnion('decision', [
  approval.omit({ decidedBy: true }).strip(),
  rejection.omit({ decidedBy: true }).strip(),
]);

/** The page of the draft that the form names. */
function page(form: FormData): string {
  const id = String(form.get('id'));
  return isDraftId(id) ? `/drafts/${id}` : '/drafts';
}

export const decide = action(
  {
    page,
    input,
    audit: ({ id, decision, reason }) => ({ action: `draft_${decision}`, details: { draftId: id, reason } }),
  },
  async (decision, { actor }) => {
    const { status } = await drafts.decide({ ...decision, decidedBy: actor });
    queue.kick(); // a customer waits
    return `/drafts/${decision.id}?done=draft_${status}`;
  },
);
