/** The queue that a deployment would have for its campaigns, their webhooks and their templates, on a database of the caller's. */

import { campaignSend } from '../../lib/jobs/campaign-send/job.ts';
import { runCampaign } from '../../lib/jobs/campaign-send/run.ts';
import { templateSync } from '../../lib/jobs/template-sync/job.ts';
import { syncTemplates } from '../../lib/jobs/template-sync/run.ts';
import { whatsAppEvent } from '../../lib/jobs/whatsapp-event/job.ts';
import { applyEvent } from '../../lib/jobs/whatsapp-event/run.ts';
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
