/** Asks Meta for a company's templates now. */
'use server';

import { z } from 'zod';
import { companyId } from '@/lib/fields';
import { queue } from '@/lib/queue';
import { templates } from '@/lib/templates';
import { action } from '../action';

export const syncTemplates = action(
  {
    page: '/templates',
    input: z.object({ companyId }),
    audit: (details) => ({ action: 'templates_sync', details }),
  },
  async ({ companyId: id }) => {
    await templates.sync(id);
    queue.kick(); // somebody waits in front of the page
    return '/templates?done=templates_sync';
  },
);
