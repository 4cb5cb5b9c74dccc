/** POST /api/drain: the drain of an operator, with filters and a budget. */
import { drainRoute } from '@conversure/jobqueue/next';
import { queue } from '../lib/queue/index.ts';

export const { POST } = drainRoute(queue);
