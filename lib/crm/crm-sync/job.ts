/** `crm_sync`: carry one lead to the company's CRM, and with it others of the company that wait. */

import { defineJob } from '@conversure/jobqueue';
import { z } from 'zod';

const id = z.string().min(1);

export const crmSync = defineJob({
  type: 'crm_sync',
  payload: z.object({ companyId: id, leadId: id, action: z.enum(['create', 'update']) }),
  maxAttempts: 8,
  timeout: '4m', // the portal may take a minute for each of up to four requests
  handler: () => import('./run.ts'),
});
