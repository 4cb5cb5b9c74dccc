/** `crm_sync`: carry one lead to the company's CRM. Enqueue-only here: no handler in this deployment. */
import { z } from 'zod';
import { defineJob } from '../../jobqueue/job.ts';

const id = z.string().min(1);

export const crmSync = defineJob({
  type: 'crm_sync',
  payload: z.object({ companyId: id, leadId: id, action: z.enum(['create', 'update']) }),
});
