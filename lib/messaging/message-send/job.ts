/** `message_send`: the outbox's other half. One message that stands in `messages` as queued is sent, at most once. */

import { defineJob } from '@conversure/jobqueue';
import { z } from 'zod';

const id = z.string().min(1);

export const messageSend = defineJob({
  type: 'message_send',
  payload: z.object({ companyId: id, messageId: id }),
  /** Somebody waits for the answer. */
  priority: 7,
  maxAttempts: 8,
  handler: () => import('./run.ts'),
});
