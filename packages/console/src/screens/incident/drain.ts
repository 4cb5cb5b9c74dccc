/** Drains by hand: begins behind the answer, so that the page can show how it goes. */
'use server';

import { randomUUID } from 'node:crypto';
import { requestDeadline } from '@conversure/jobqueue/next';
import { after } from 'next/server';
import { maxDurationMs } from '@/lib/config';
import { log } from '@/lib/log';
import { queue } from '@/lib/queue';
import { action } from '../action';
import { drainForm, filterOf } from './params';

export const drainNow = action(
  {
    page: '/incident',
    input: drainForm,
    audit: ({ limit, budget, ...input }) => ({
      action: 'drain',
      details: { ...filterOf(input), ...(limit && { limit }), budgetMs: budget * 1_000 },
    }),
  },
  async ({ limit, budget, ...input }) => {
    const run = randomUUID();
    const deadline = requestDeadline(maxDurationMs());
    const options = { ...filterOf(input), ...(limit && { limit }), budgetMs: budget * 1_000, deadline };
    // The id of the execution is how the page finds its drain in the ledger.
    after(() =>
      queue
        .drain({ ...options, source: 'operator', executionId: `console:${run}` })
        .catch((error: unknown) => log.error({ error }, 'console_drain')),
    );
    return `/incident?run=${run}&budget=${budget}`;
  },
);
