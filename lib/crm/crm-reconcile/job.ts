/** `crm_reconcile`: asks every portal what changed since the last time. Portals send an event once; who was down then never hears it. */

import { defineJob, defineSchedule } from '@conversure/jobqueue';
import { z } from 'zod';

export const crmReconcile = defineJob({
  type: 'crm_reconcile',
  /** Of one company; without, of all that have a CRM. */
  payload: z.object({ companyId: z.string().min(1).optional() }),
  maxAttempts: 5,
  timeout: '4m',
  handler: () => import('./run.ts'),
});

/** Every quarter of an hour: what an event lost is there before anybody misses it, for a request or two a portal. */
export const reconcileCrm = defineSchedule({
  name: 'crm-reconcile',
  cron: '*/15 * * * *',
  timeZone: 'Etc/UTC',
  type: 'crm_reconcile',
  payload: {},
  misfire: 'skip',
  overlap: 'skip',
});
