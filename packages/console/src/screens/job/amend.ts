/** Replays one dead letter with the payload as an operator edited it. */
import { z } from 'zod';
import { operatorAction, Refusal } from '../../action.ts';
import { rowId } from '../../fields.ts';

const json = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.addIssue({ code: 'custom', message: 'expected JSON' });
    return z.NEVER;
  }
});

export const amendJob = operatorAction(
  { page, input: z.object({ id: rowId, payload: json }) },
  async ({ id: job, payload }, { queue, actor }) => {
    const { replayed } = await queue.replayWithPayload(job, payload, { actor });
    if (!replayed) throw new Refusal('not_replayed');
    return `/jobs/${job}?done=amended`;
  },
);

function page(sent: FormData): string {
  const job = rowId.safeParse(sent.get('id'));
  return job.success ? `/jobs/${job.data}?do=amend` : '/jobs'; // the question again, with what was typed
}
