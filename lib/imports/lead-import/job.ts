/** `lead_import`: turn an uploaded CSV into leads, slice by slice. The payload only names the import: its truth is in `imports`. */

import { defineJob } from '@conversure/jobqueue';
import { z } from 'zod';

const id = z.string().min(1);

export const leadImport = defineJob({
  type: 'lead_import',
  payload: z.object({ companyId: id, importId: id }),
  maxAttempts: 5,
  timeout: '2m',
  resumable: true,
  handler: () => import('./run.ts'),
});
