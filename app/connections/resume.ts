/** Resumes a paused connection from the incident screen. */
'use server';

import { database } from '@conversure/jobqueue/postgres';
import { z } from 'zod';
import { PROVIDERS, resumeConnection } from '@/lib/connections/connection';
import { waitingJobs } from '@/lib/connections/waiting';
import { text } from '@/lib/fields';
import { action } from '../action';

export const resumePaused = action(
  {
    page: '/incident',
    input: z.object({ companyId: text(100).min(1), provider: z.enum(PROVIDERS) }),
    audit: (details) => ({ action: 'connection.resume', details }),
  },
  async (connection) => {
    await resumeConnection(database(), connection);
    const { jobs } = await waitingJobs(database(), connection);
    return `/incident?done=connection&changed=${jobs}`;
  },
);
