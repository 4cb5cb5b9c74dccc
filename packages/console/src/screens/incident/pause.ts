/** Pauses and resumes queues and types, lifts blocks. */
import { z } from 'zod';
import { operatorAction } from '../../action.ts';
import { name, text } from '../../fields.ts';

const page = '/incident';
/** '*' and nothing stand for all. */
const target = z
  .string()
  .trim()
  .transform((given) => (given === '' || given === '*' ? undefined : given))
  .pipe(name.optional());
const names = { queue: target, type: target };

const named = (sent: { queue?: string | undefined; type?: string | undefined }) => ({
  ...(sent.queue && { queue: sent.queue }),
  ...(sent.type && { type: sent.type }),
});

export const pauseTarget = operatorAction(
  { page, input: z.object({ ...names, reason: text(200).trim().min(1) }) },
  async ({ reason, ...sent }, { queue, actor }) => {
    await queue.pause(named(sent), { actor, reason });
    return `${page}?done=pause`;
  },
);

export const resumeTarget = operatorAction({ page, input: z.object(names) }, async (sent, { queue, actor }) => {
  const { resumed } = await queue.resume(named(sent), { actor });
  return `${page}?done=${resumed ? 'resume' : 'not_paused'}`;
});

export const unblockLimit = operatorAction(
  { page, input: z.object({ key: text(512).min(1) }) },
  async ({ key }, { queue, actor }) => {
    await queue.unblock(key, { actor });
    return `${page}?done=unblock`;
  },
);
