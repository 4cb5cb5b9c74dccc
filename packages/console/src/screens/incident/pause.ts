/** Pauses and resumes queues and types, lifts blocks, resumes connections. */
'use server';

import { database } from '@conversure/jobqueue/postgres';
import { z } from 'zod';
import { PROVIDERS, resumeConnection } from '@/lib/connections/connection';
import { waitingJobs } from '@/lib/connections/waiting';
import { name, text } from '@/lib/fields';
import { queue } from '@/lib/queue';
import { action } from '../action';

const page = '/incident';
/** '*' and nothing stand for all. */
const target = z
  .string()
  .trim()
  .transform((given) => (given === '' || given === '*' ? undefined : given))
  .pipe(name.optional());
const names = { queue: target, type: target };

const named = (sent: { queue?: string | undefined; type?: string | undefined }) => ({
  ...(sent.queue && { queue: sent.queue }),
  ...(sent.type && { type: sent.type }),
});

export const pauseTarget = action(
  { page, input: z.object({ ...names, reason: text(200).trim().min(1) }) },
  async ({ reason, ...sent }, { actor }) => {
    await queue.pause(named(sent), { actor, reason });
    return `${page}?done=pause`;
  },
);

export const resumeTarget = action({ page, input: z.object(names) }, async (sent, { actor }) => {
  const { resumed } = await queue.resume(named(sent), { actor });
  return `${page}?done=${resumed ? 'resume' : 'not_paused'}`;
});

export const unblockLimit = action({ page, input: z.object({ key: text(512).min(1) }) }, async ({ key }, { actor }) => {
  await queue.unblock(key, { actor });
  return `${page}?done=unblock`;
});

export const resumeRemote = action(
  {
    page,
    input: z.object({ companyId: text(100).min(1), provider: z.enum(PROVIDERS) }),
    audit: (details) => ({ action: 'connection.resume', details }),
  },
  async (connection) => {
    await resumeConnection(database(), connection);
    const { jobs } = await waitingJobs(database(), connection);
    return `${page}?done=connection&changed=${jobs}`;
  },
);
