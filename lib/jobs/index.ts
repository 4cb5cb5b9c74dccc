/** Every type of job that this deployment knows: the list given to `createQueue`. */
import { aiGeneration } from './ai-generation/job.ts';
import { campaignSend } from './campaign-send/job.ts';
import { crmEvent } from './crm-event/job.ts';
import { crmReconcile, reconcileCrm } from './crm-reconcile/job.ts';
import { crmSync } from './crm-sync/job.ts';
import { importUndo } from './import-undo/job.ts';
import { leadImport } from './lead-import/job.ts';
import { messageSend } from './message-send/job.ts';
import { syncTemplates, templateSync } from './template-sync/job.ts';
import { whatsAppEvent } from './whatsapp-event/job.ts';

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

/** What comes by the clock: the list given to `createQueue`. */
export const schedules = [reconcileCrm, syncTemplates] as const;
