/** Drains by hand: begins behind the answer, so that the page can show how it goes. */
import { randomUUID } from 'node:crypto';
import { after } from 'next/server';
import { operatorAction } from '../../action.ts';
import { drainForm, filterOf } from './params.ts';

export const drainNow = operatorAction(
  {
    page: '/incident',
    input: drainForm,
    audit: ({ limit, budget, ...input }) => ({
      action: 'drain',
      details: { ...filterOf(input), ...(limit && { limit }), budgetMs: budget * 1_000 },
    }),
  },
  async ({ limit, budget, ...input }, { queue, setup: { log }, deadline }) => {
    const run = randomUUID();
    const options = { ...filterOf(input), ...(limit && { limit }), budgetMs: budget * 1_000, deadline };
    // The id of the execution is how the page finds its drain in the ledger.
    after(() =>
      queue
        .drain({ ...options, source: 'operator', executionId: `console:${run}` })
        .catch((error: unknown) => log('error', 'console_drain', { error })),
    );
    return `/incident?run=${run}&budget=${budget}`;
  },
);
