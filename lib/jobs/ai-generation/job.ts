/** `ai_generation`: draft the reply to one incoming message. Enqueue-only here: no handler in this deployment. */
import { z } from 'zod';
import { defineJob } from '../../jobqueue/job.ts';

const id = z.string().min(1);

export const aiGeneration = defineJob({
  type: 'ai_generation',
  payload: z.object({ conversationId: id, messageId: id, companyId: id }),
});
