/** Every type of job that this deployment knows: the list given to `createQueue`. */
import { aiGeneration } from '../ai/ai-generation/job.ts';
import { campaignSend } from '../campaigns/campaign-send/job.ts';
import { crmEvent } from '../crm/crm-event/job.ts';
import { crmReconcile, reconcileCrm } from '../crm/crm-reconcile/job.ts';
import { crmSync } from '../crm/crm-sync/job.ts';
import { importUndo } from '../imports/import-undo/job.ts';
import { leadImport } from '../imports/lead-import/job.ts';
import { messageSend } from '../messaging/message-send/job.ts';
import { whatsAppEvent } from '../messaging/whatsapp-event/job.ts';
import { syncTemplates, templateSync } from '../templates/template-sync/job.ts';

export const jobs = [
  aiGeneration,
  campaignSend,
  crmEvent,
  crmReconcile,
  crmSync,
  importUndo,
  leadImport,
  messageSend,
  templateSync,
  whatsAppEvent,
] as const;

/** The schedules given to `createQueue`. */
export const schedules = [reconcileCrm, syncTemplates] as const;
