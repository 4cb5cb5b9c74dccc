/** `ai_generation`: draft the reply to one incoming message, and send it if the company allows that. */

import { defineJob } from '@conversure/jobqueue';
import { z } from 'zod';

const id = z.string().min(1);

export const aiGeneration = defineJob({
  type: 'ai_generation',
  payload: z.object({ conversationId: id, messageId: id, companyId: id }),
  maxAttempts: 5,
  timeout: '150s', // at most four calls of 30 s, and the moderation endpoint's 10
  handler: () => import('./run.ts'),
});
