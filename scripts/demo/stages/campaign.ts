/** Third: one message to each of the leads. */
import { DEMO_TEMPLATE } from '../../remote-systems.ts';
import type { Campaign, DemoApi } from '../api.ts';
import { COMPANY } from '../company.ts';
import { share, type WatchOptions, watch } from '../progress.ts';

export interface CampaignOptions extends WatchOptions {
  readonly id: string;
  /** Whom it is for: leads with this tag. */
  readonly tag: string;
}

export async function runCampaign(api: DemoApi, { id, tag, ...options }: CampaignOptions): Promise<Campaign> {
  await api.createCampaign({
    id,
    companyId: COMPANY,
    name: `Viewing invitation to ${tag}`,
    template: { name: DEMO_TEMPLATE, language: 'en' },
    audience: { kind: 'leads', anyTag: [tag] },
    parameters: { 'body.1': { field: 'first_name', fallback: 'there' } },
    quietHours: null, // a demo runs at any hour, and writes to nobody
  });
  options.print(`Campaign  POST /api/campaigns: ${DEMO_TEMPLATE} to every lead tagged «${tag}» → campaign ${id}`);
  const look = async () => {
    const campaign = await api.readCampaign(id);
    const { planned, pending, sending, unknown, deferred } = campaign.report;
    const over = planned - pending - sending - unknown - deferred.total;
    return {
      campaign,
      done: campaign.status === 'planning' ? 0 : share(over, planned),
      says: `${campaign.status}, ${saysOf(campaign.report)}`,
      isOver: ['completed', 'failed', 'cancelled'].includes(campaign.status),
    };
  };
  return (await watch(look, options)).campaign;
}

function saysOf({
  planned,
  accepted,
  sent,
  delivered,
  read,
  skipped,
  unconfirmed,
  unknown,
}: Campaign['report']): string {
  const arrived = delivered + read;
  const parts = [`${arrived} of ${planned} delivered`];
  if (accepted + sent > 0) parts.push(`${accepted + sent} on their way`);
  if (skipped.total > 0) parts.push(`${skipped.total} skipped`);
  if (unknown + unconfirmed > 0) parts.push(`${unknown + unconfirmed} without an answer`);
  return parts.join(', ');
}
