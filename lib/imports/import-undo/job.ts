/** `import_undo`: remove the leads that an import created, slice by slice, unless something has touched them since. */

import { defineJob } from '@conversure/jobqueue';
import { z } from 'zod';

const id = z.string().min(1);

export const importUndo = defineJob({
  type: 'import_undo',
  payload: z.object({ companyId: id, importId: id }),
  maxAttempts: 5,
  timeout: '2m',
  resumable: true,
  handler: () => import('./run.ts'),
});
