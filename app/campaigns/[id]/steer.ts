/** An operator's actions on one campaign. */
'use server';

import { address } from '@conversure/jobqueue-console/ui';
import { z } from 'zod';
import { campaigns } from '@/lib/campaigns';
import { isCampaignId } from '@/lib/campaigns/request';
import { text } from '@/lib/fields';
import { queue } from '@/lib/queue';
import { action } from '../../action';

const input = z.object({
  id: z.string().refine(isCampaignId),
  do: z.enum(['pause', 'resume', 'cancel', 'retry-unconfirmed']),
  reason: text(200).default(''),
});

/** The page of the campaign that the form names. */
function page(form: FormData): string {
  const id = String(form.get('id'));
  return isCampaignId(id) ? `/campaigns/${id}` : '/campaigns';
}

export const steerCampaign = action(
  {
    page,
    input,
    audit: ({ id, do: step, reason }) => ({ action: `campaign_${step}`, details: { campaignId: id, reason } }),
  },
  async ({ id, do: step }) => {
    const done = await campaigns.act({ id, action: step });
    queue.kick(); // somebody waits in front of the page
    const changed = 'retried' in done ? String(done.retried) : undefined;
    return address(`/campaigns/${id}`, { done: `campaign_${step === 'retry-unconfirmed' ? 'retry' : step}`, changed });
  },
);
