/** The home page's form: enqueues as Conversure's own call sites do. */
'use server';

import { z } from 'zod';
import { QueueFactory } from '@/lib/queue/QueueFactory';
import { action } from './action';

export const enqueueDemoJob = action(
  { page: '/', input: z.object({}), audit: () => ({ action: 'demo', details: {} }) },
  async () => {
    const queue = QueueFactory.getQueue();
    // biome-ignore format: as the call sites have it
    await queue.addJob('ai_generation', { conversationId: 'conv_123', messageId: 'msg_456', companyId: 'comp_789' },
    { priority: 5, idempotencyKey: 'unique_key_123', maxAttempts: 3, scheduledFor: new Date(Date.now() + 60000) });
    return '/jobs';
  },
);
