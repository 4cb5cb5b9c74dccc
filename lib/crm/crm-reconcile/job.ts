/** `crm_reconcile`: asks every portal what changed since the last time. Portals send an event once; who was down then never hears it. */

import { defineJob, defineSchedule } from '@conversure/jobqueue';
import { z } from 'zod';

export const crmReconcile = defineJob({
  type: 'crm_reconcile',
  /** Without it: all companies that have a CRM. */
  payload: z.object({ companyId: z.string().min(1).optional() }),
  maxAttempts: 5,
  timeout: '4m',
  handler: () => import('./run.ts'),
});

/** Every 15 minutes: lost events are made up for within that time, at a cost of one or two requests a portal. */
export const reconcileCrm = defineSchedule({
  name: 'crm-reconcile',
  cron: '*/15 * * * *',
  timeZone: 'Etc/UTC',
  type: 'crm_reconcile',
  payload: {},
  misfire: 'skip',
  overlap: 'skip',
});
