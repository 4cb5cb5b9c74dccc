/** Composition: campaigns on this deployment's database, as the endpoint calls them. */
import { randomUUID } from 'node:crypto';
import { database } from '@conversure/jobqueue/postgres';
import type { z } from 'zod';
import { cancel, pause, resume, retryUnconfirmed } from './controls.ts';
import { type Created, checkCampaign, createCampaign } from './create.ts';
import { type CampaignPreview, previewCampaign } from './preview.ts';
import { recipientsFile } from './recipients-file.ts';
import type { actionQuery, NewCampaign } from './request.ts';
import { type CampaignsPage, campaignsPage, listCampaigns, readCampaign } from './status.ts';

export type { CampaignReport } from './campaign-send/report.ts';
export type { CampaignPreview, Example } from './preview.ts';
export type { CampaignSummary } from './status.ts';

export const campaigns = {
  /** Makes it, and starts it unless it is a draft; one with `scheduledAt` starts then. */
  create: (given: NewCampaign): Promise<Created> =>
    createCampaign(database(), { ...given, id: given.id ?? randomUUID() }),
  /** Throws what `create` does for one that cannot be made. */
  check: async (given: NewCampaign): Promise<void> => void (await checkCampaign(database(), given)),
  /** Estimates the campaign's audience and cost; writes nothing. Throws what `check` does. */
  preview: (given: NewCampaign): Promise<CampaignPreview> => previewCampaign(database(), given),
  /** Throws 404 for an unknown campaign, 409 for one that takes no such action any more. */
  act({ id, action, recipientId }: z.output<typeof actionQuery>): Promise<object> {
    switch (action) {
      case 'pause':
        return pause(database(), id);
      case 'resume':
        return resume(database(), id);
      case 'cancel':
        return cancel(database(), id);
      case 'retry-unconfirmed':
        return retryUnconfirmed(database(), id, recipientId ?? null);
    }
  },
  read: (id: string) => readCampaign(database(), id),
  list: (options: { companyId: string; limit: number }) => listCampaigns(database(), options),
  page: (of: { companyId?: string | undefined; after?: string | undefined }): Promise<CampaignsPage> =>
    campaignsPage(database(), of),
  /** The recipients as a CSV; `null` if there is no such campaign. */
  recipientsFile: (id: string) => recipientsFile(database(), id),
};
