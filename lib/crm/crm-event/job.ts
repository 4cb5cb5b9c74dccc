/** `crm_event`: something happened to a lead in the portal. It says only which; the rest is fetched here, with others that wait. */

import { defineJob } from '@conversure/jobqueue';
import { z } from 'zod';

export const crmEvent = defineJob({
  type: 'crm_event',
  payload: z.object({
    companyId: z.string().min(1),
    event: z.enum(['ONCRMLEADADD', 'ONCRMLEADUPDATE', 'ONCRMLEADDELETE']),
    itemId: z.string().regex(/^\d{1,19}$/),
  }),
  maxAttempts: 8,
  timeout: '2m',
  handler: () => import('./run.ts'),
});
