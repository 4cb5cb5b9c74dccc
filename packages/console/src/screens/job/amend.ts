/** Replays one dead letter with the payload as an operator edited it. */
'use server';

import { z } from 'zod';
import { rowId } from '@/lib/fields';
import { HttpError } from '@/lib/http/errors';
import { queue } from '@/lib/queue';
import { action } from '../../action';

const json = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.addIssue({ code: 'custom', message: 'expected JSON' });
    return z.NEVER;
  }
});

export const amendJob = action(
  { page, input: z.object({ id: rowId, payload: json }) },
  async ({ id: job, payload }, by) => {
    const { replayed } = await queue.replayAmended(job, payload, by);
    if (!replayed) throw new HttpError(409, 'not_replayed', 'It is no dead letter any more, or its key is taken.');
    return `/jobs/${job}?done=amended`;
  },
);

function page(sent: FormData): string {
  const job = rowId.safeParse(sent.get('id'));
  return job.success ? `/jobs/${job.data}?do=amend` : '/jobs'; // the question again, with what was typed
}
