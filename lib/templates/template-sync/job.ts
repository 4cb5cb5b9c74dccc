/** `template_sync`: reads the templates of every WhatsApp business account from Meta. Webhooks tell of changes; they do not tell of templates that are new or were deleted. */

import { defineJob, defineSchedule } from '@conversure/jobqueue';
import { z } from 'zod';

export const templateSync = defineJob({
  type: 'template_sync',
  /** Syncs the account of this company now; without it, all accounts that are due. */
  payload: z.object({ companyId: z.string().min(1).optional() }),
  maxAttempts: 5,
  timeout: '2m',
  handler: () => import('./run.ts'),
});

/** An account is asked once an hour; one that is new is asked within a quarter of an hour, in the minutes in which the database is awake anyway. */
export const syncTemplates = defineSchedule({
  name: 'template-sync',
  cron: '*/15 * * * *',
  timeZone: 'Etc/UTC',
  type: 'template_sync',
  payload: {},
  misfire: 'skip',
  overlap: 'skip',
});
