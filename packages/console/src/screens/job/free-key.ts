/** Frees the idempotency key that a job holds. */
import { z } from 'zod';
import { operatorAction } from '../../action.ts';
import { name, rowId, text } from '../../fields.ts';

const form = z.object({
  id: rowId,
  type: name,
  key: text(512).min(1),
  reason: text(200).trim().min(1),
});

export const freeKey = operatorAction(
  { page, input: form },
  async ({ id: job, type, key, reason }, { queue, actor }) => {
    const { freed } = await queue.freeKey({ type, idempotencyKey: key }, { actor, reason });
    return `/jobs/${job}?done=${freed ? 'free_key' : 'key_was_free'}`;
  },
);

function page(sent: FormData): string {
  const job = rowId.safeParse(sent.get('id'));
  return job.success ? `/jobs/${job.data}?do=free_key` : '/jobs';
}
