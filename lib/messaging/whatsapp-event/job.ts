/** `whatsapp_event`: one change of a webhook of WhatsApp, taken in fast by the endpoint and applied here. */

import { defineJob } from '@conversure/jobqueue';
import { z } from 'zod';
import { anyObject } from '../../fields.ts';

export const whatsAppEvent = defineJob({
  type: 'whatsapp_event',
  payload: z.object({
    /** The WhatsApp business account. */
    accountId: z.string(),
    field: z.string(),
    value: anyObject,
    /** The number of values that Postgres could not store as they came. */
    repairs: z.number().optional(),
    /** JSON that no job could carry as a value, as far as it fits. */
    unread: z.object({ why: z.string(), bytes: z.number(), json: z.string() }).optional(),
  }),
  /** People wait for replies, and campaigns for receipts: before mass work. */
  priority: 6,
  maxAttempts: 10,
  handler: () => import('./run.ts'),
});
