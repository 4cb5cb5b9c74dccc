/** The queue that a deployment would have for its campaigns, their webhooks and their templates, on a database of the caller's. */

import { campaignSend } from '../../lib/campaigns/campaign-send/job.ts';
import { runCampaign } from '../../lib/campaigns/campaign-send/run.ts';
import { whatsAppEvent } from '../../lib/messaging/whatsapp-event/job.ts';
import { applyEvent } from '../../lib/messaging/whatsapp-event/run.ts';
import { templateSync } from '../../lib/templates/template-sync/job.ts';
import { syncTemplates } from '../../lib/templates/template-sync/run.ts';
import { createQueue } from '../../packages/jobqueue/src/index.ts';
import type { Database } from '../../packages/jobqueue/src/postgres/connect.ts';

export function campaignQueue(database: Database) {
  const job: typeof campaignSend = {
    ...campaignSend,
    handler: async () => ({ run: (context) => runCampaign(database, context) }),
  };
  const events: typeof whatsAppEvent = {
    ...whatsAppEvent,
    handler: async () => ({ run: (context) => applyEvent(database, context) }),
  };
  const templates: typeof templateSync = {
    ...templateSync,
    handler: async () => ({ run: (context) => syncTemplates(database, context) }),
  };
  return createQueue({ database, jobs: [job, events, templates], logJobs: 'none' });
}
