/** `campaign_send`: send a campaign, or its message to one recipient. Enqueue-only here: no handler in this deployment. */
import { z } from 'zod';
import { defineJob } from '../../jobqueue/job.ts';

const id = z.string().min(1);

export const campaignSend = defineJob({
  type: 'campaign_send',
  payload: z.object({ campaignId: id, companyId: id.optional(), recipientId: id.optional() }),
});
