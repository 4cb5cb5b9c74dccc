/** `campaign_send`: send a campaign, slice by slice. The payload only names it: its truth is in `campaigns` and `recipients`. */

import { defineJob } from '@conversure/jobqueue';
import { z } from 'zod';

const id = z.string().min(1);

export const campaignSend = defineJob({
  type: 'campaign_send',
  payload: z.object({
    campaignId: id,
    companyId: id.optional(),
    /** The index of this job among those that send the campaign. Job 0 also waits for the campaign's end. */
    shard: z.int().min(0).max(15).default(0),
    /** Only this recipient, if it still waits: for callers that have a job for each. */
    recipientId: z
      .string()
      .regex(/^\d{1,18}$/, 'expected the id of a recipient')
      .optional(),
  }),
  maxAttempts: 5,
  timeout: '2m',
  resumable: true,
  handler: () => import('./run.ts'),
});
